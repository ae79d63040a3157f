// Rows of the fault suite, from Node. The numbers are the quick ones; `ORGCONNECT_FAULTS=full` asks for those of the table.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

import { Client, SqliteStore, Webhooks } from 'orgconnect';
import { verifyWebhook } from 'orgconnect/edge';
import { Sandbox } from 'orgconnect/testing';

import { calledOften, startTap } from './tap.mjs';
import { world } from './world.mjs';

const FULL = process.env.ORGCONNECT_FAULTS === 'full';
const HOURS = 3_600_000;
const refreshes = async (sandbox) =>
  Object.values((await sandbox.counters()).refreshes).reduce((sum, count) => sum + count, 0);
const tokenRequests = async (sandbox) =>
  (await sandbox.requests()).filter(({ path }) => path === '/oauth/token').length;

describe('faults', () => {
  test('A1: a herd in one process refreshes once for each expiry, and everybody gets it', async (t) => {
    const [expiries, callers] = FULL ? [20, 1_000] : [5, 100];
    const { sandbox, connection } = await world(t);
    await sandbox.addFault({ path: '/oauth/token', delay_after_ms: 50 });
    for (let round = 0; round < expiries; round++) {
      await sandbox.advance(4 * HOURS);
      await sandbox.forget();
      const tokens = await Promise.all(Array.from({ length: callers }, () => connection.accessToken()));
      assert.equal(await tokenRequests(sandbox), 1);
      assert.equal(new Set(tokens.map((token) => token.expose())).size, 1);
    }
  });

  test('A1: nor does a herd of worker threads refresh more than once for each expiry', async (t) => {
    const [expiries, threads, callers] = FULL ? [20, 16, 63] : [2, 4, 10];
    const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const store = join(folder, 'tokens.db');
    const { sandbox, clock } = await world(t, { settings: { store: new SqliteStore(store) } });
    const settings = { clientId: sandbox.clientId, clientSecret: sandbox.clientSecret, baseUrl: sandbox.url };
    await sandbox.addFault({ path: '/oauth/token', delay_after_ms: 200 });
    for (let round = 0; round < expiries; round++) {
      await sandbox.advance(4 * HOURS);
      await sandbox.forget();
      const workerData = { settings, store, now: clock.now().getTime(), task: 'call', times: callers };
      const served = await Promise.all(
        Array.from({ length: threads }, async () => {
          const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData });
          const [message] = await once(worker, 'message');
          await worker.terminate();
          return message;
        }),
      );
      assert.deepEqual(served, Array(threads).fill(callers));
      assert.equal(await tokenRequests(sandbox), 1);
    }
  });

  test('A3: several processes of Node over one store refresh once, and no record is unreadable', async (t) => {
    const [workers, times] = FULL ? [16, 500] : [4, 40];
    const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'tokens.db');
    const { sandbox, client } = await world(t, {
      settings: { store: new SqliteStore(path) },
      sandbox: { clock: undefined },
    });
    await sandbox.control('POST', '/sandbox/connections/expire', {});
    await sandbox.forget();
    const worker = fileURLToPath(new URL('./fault-worker.mjs', import.meta.url));
    const env = {
      ...process.env,
      ORGCONNECT_BASE_URL: sandbox.url,
      ORGCONNECT_CLIENT_ID: sandbox.clientId,
      ORGCONNECT_CLIENT_SECRET: sandbox.clientSecret,
      ORGCONNECT_STORE: `sqlite:${path}`,
      ORGCONNECT_CONNECTION: 'clinic',
    };
    const run = () => promisify(execFile)(process.execPath, [worker, 'calls', String(times)], { env });
    const found = await Promise.all(Array.from({ length: workers }, run));
    for (const { stdout } of found)
      assert.deepEqual(JSON.parse(stdout), { calls: times, failed: 0, errors: {} });
    // The log keeps the last 2,000 requests, the counters all.
    assert.equal(await refreshes(sandbox), 1);
    assert.equal((await client.connections()).length, 1);
  });

  test('A8: a refresh whose caller went away finishes and is saved', async (t) => {
    const drops = FULL ? 1_000 : 60;
    const { sandbox, client, connection, organization } = await world(t);
    const token = async () => (await connection.accessToken()).expose();
    let before = await token();
    for (let round = 0; round < drops; round++) {
      await sandbox.advance(4 * HOURS);
      const controller = new AbortController();
      const call = organization.send('organization.list_members', {}, { signal: controller.signal });
      const given = call.then(
        () => 'done',
        (error) => error.name,
      );
      await new Promise((resolve) => setTimeout(resolve, (round % 12) * 2));
      controller.abort();
      assert.match(await given, /^(done|AbortError)$/);
      const after = await token();
      assert.notEqual(after, before);
      before = after;
    }
    await client.settle();
    assert.equal((await connection.summary()).state, 'active');
    assert.equal(await refreshes(sandbox), drops);
  });

  test(
    'B1: nothing that is shown, at the most talkative, holds a secret',
    { timeout: 600_000 },
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const sandbox = await Sandbox.start({ seed: 7 });
      t.after(() => sandbox.stop());
      const canary = 'CRN_canary_of_b1';
      const issued = new Set([canary, sandbox.clientSecret]);
      // What the sandbox answers with passes by here, so that every token is known.
      const baseUrl = await startTap(t, sandbox, (text) => {
        for (const [, token] of text.matchAll(/"(?:access|refresh)_token":"([^"]+)"/g)) issued.add(token);
      });
      const env = {
        ...process.env,
        RUST_LOG: 'trace',
        RUST_BACKTRACE: 'full',
        DEBUG: '*',
        ORGCONNECT_BASE_URL: baseUrl,
        ORGCONNECT_CLIENT_ID: sandbox.clientId,
        ORGCONNECT_CLIENT_SECRET: sandbox.clientSecret,
        ORGCONNECT_STORE: `sqlite:${join(folder, 'tokens.db')}`,
        ORGCONNECT_CALLBACK_OF: `${sandbox.url}/sandbox/authorize`,
        ORGCONNECT_CANARY: canary,
      };
      delete env.NODE_TEST_CONTEXT;
      const worker = fileURLToPath(new URL('./canary-worker.mjs', import.meta.url));
      const options = { env, maxBuffer: 1 << 28 };
      // It ends with an error that nobody catches.
      const ended = await promisify(execFile)(process.execPath, ['--trace-warnings', worker], options).then(
        assert.fail,
        (error) => error,
      );
      let output = ended.stdout + ended.stderr;
      assert.match(ended.stderr, /ConfigError.*closed/);
      assert.ok(output.length > 20_000 && issued.size >= 5, `${output.length} ${issued.size}`);
      if (FULL) output += await wholeSuite(env);
      for (const secret of issued) {
        for (const form of [
          secret,
          encodeURIComponent(secret),
          Buffer.from(secret).toString('base64').slice(0, -3),
        ])
          assert.ok(!output.includes(form), `a secret is shown: …${around(output, form)}…`);
      }
    },
  );

  test('B5: no octet in a name, a header or the User-Agent reaches the wire as one of its own', async () => {
    const heads = [];
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (data) => {
        heads.push(data.toString('latin1'));
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}');
      });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const settings = {
      clientId: 'a',
      clientSecret: 'b',
      baseUrl: `http://127.0.0.1:${server.address().port}`,
    };
    const client = new Client(settings);
    const organization = client.internalOrganization();
    let sent = 0;
    for (let octet = 0; octet < 256; octet++) {
      const character = String.fromCharCode(octet);
      for (const text of [
        `${character}acc_1`,
        `acc${character}1`,
        `acc_1${character}`,
        `acc_1\r\nX-Injected: ${character}`,
      ]) {
        const attempts = [
          () => organization.impersonate(text).userinfo.read({ attempts: 1 }),
          () => client.admin(text).request('GET', '/v1/applications', { attempts: 1 }),
          () => organization.request('GET', `/v1/${text}`, { attempts: 1 }),
          () => organization.request('GET', '/v1/x', { query: { [text]: text }, attempts: 1 }),
          () =>
            new Client({ ...settings, userAgentSuffix: text })
              .internalOrganization()
              .userinfo.read({ attempts: 1 }),
        ];
        // The first is checked at each position, the others at one.
        for (const attempt of text.startsWith('acc_1\r') ? attempts : attempts.slice(0, 1)) {
          try {
            await attempt();
            sent++;
          } catch (error) {
            assert.ok(error.name.endsWith('Error') && typeof error.kind === 'string', inspect(error));
          }
        }
      }
    }
    server.close();
    // Of all texts, only those that a header may hold are taken for a `sub`, and the others are refused before anything is sent.
    const octets = randomBytes(1 << 16);
    for (let run = 0; run < (FULL ? 1_000_000 : 20_000); run++) {
      const at = (run * 7919) % (octets.length - 16);
      const fuzz = octets.toString('latin1', at, at + 1 + (run % 12)).replaceAll('e', '\u{1F600}');
      const text = run % 3 === 0 ? `acc_${run}${fuzz.at(0)}` : fuzz;
      let taken = false;
      try {
        organization.impersonate(text);
        taken = true;
      } catch (error) {
        assert.equal(error.kind, 'invalid');
      }
      if (taken) assert.match(text, /^[!-~]+$/);
    }
    assert.ok(sent > 0 && heads.length > 0);
    for (const head of heads) {
      const names = head
        .split('\r\n\r\n')[0]
        .split('\r\n')
        .slice(1)
        .map((line) => line.split(':')[0].toLowerCase());
      assert.equal(new Set(names).size, names.length, head);
      assert.ok(!names.includes('x-injected'), head);
      assert.ok(!names.some((name) => /[^a-z0-9-]/.test(name)), head);
    }
  });

  test('B6: of calls that mix, none is made for another member, and none of it reaches the token endpoint', async (t) => {
    const [calls, members] = FULL ? [10_000, 100] : [1_000, 20];
    const { sandbox, organization } = await world(t);
    const { organizations } = await sandbox.control('GET', '/sandbox/organizations');
    const id = organizations.find(({ name }) => name.startsWith('Northwind')).organization_id;
    await sandbox.control('POST', `/sandbox/organizations/${id}/members/bulk`, { count: members });
    const all = (await organization.members.list().all()).slice(-members);
    const handles = all.map(({ sub }) => organization.impersonate(sub));
    await sandbox.advance(4 * HOURS);
    let crossed = 0;
    const one = async (call) => {
      const { email, sub } = all[call % members];
      const found = await handles[call % members].userinfo.read();
      if (found.email !== email || found.sub !== sub) crossed++;
    };
    for (let begin = 0; begin < calls; begin += 200) {
      await Promise.all(
        Array.from({ length: Math.min(200, calls - begin) }, (_, index) => one(begin + index)),
      );
    }
    assert.equal(crossed, 0);
    for (const { path, impersonated } of await sandbox.requests()) {
      if (path.startsWith('/oauth/')) assert.equal(impersonated ?? null, null);
    }
  });

  test('B12: no forged notification is accepted', async () => {
    const runs = FULL ? 1_000_000 : 20_000;
    const secret = 'CRN_secret';
    const webhooks = new Webhooks([secret, 'CRN_former']);
    const body = Buffer.from('{"notification":{"type":"change"},"channel":{"channel_id":"chn_1"}}');
    const good = createHmac('sha256', secret).update(body).digest();
    let accepted = 0;
    for (let run = 0; run < runs; run++) {
      const [signature, changed] = [Buffer.from(good), Buffer.from(body)];
      if (run % 2 === 0) signature[run % 32] ^= 1 << ((run >> 5) % 8) || 1;
      else changed[run % body.length] ^= (run % 255) + 1;
      if (webhooks.verify(signature.toString('base64'), changed)) accepted++;
      if (run % 500 === 0 && (await verifyWebhook(secret, signature.toString('base64'), changed))) accepted++;
    }
    for (let run = 0; run < 1_000; run++)
      if (webhooks.verify(randomBytes(32).toString('base64'), body)) accepted++;
    assert.equal(accepted, 0);
    assert.ok(webhooks.verify(good.toString('base64'), body));
  });

  test(
    'B19: nothing crashes or leaks, in threads that end in the middle of calls, and after the end',
    { timeout: 900_000 },
    async (t) => {
      const [calls, threads] = FULL ? [100_000, 4] : [6_000, 2];
      const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, 'tokens.db');
      const { sandbox, baseUrl } = await calledOften(t, path);
      const worker = fileURLToPath(new URL('./leak-worker.mjs', import.meta.url));
      const env = {
        ...process.env,
        ORGCONNECT_BASE_URL: baseUrl,
        ORGCONNECT_CLIENT_ID: sandbox.clientId,
        ORGCONNECT_CLIENT_SECRET: sandbox.clientSecret,
        ORGCONNECT_STORE: `sqlite:${path}`,
      };
      // V8's young generation grows to 16 MiB whatever runs; here it stays small.
      const args = ['--expose-gc', '--max-semi-space-size=1', worker, String(calls), String(threads)];
      const { stdout } = await promisify(execFile)(process.execPath, args, { env });
      const { failed, refused, sizes } = JSON.parse(stdout);
      assert.equal(refused, 'closed');
      assert.equal(failed, (calls / 10 - threads * 100) / 10);
      // The first half warms up. What leaks with each call goes on growing in the second. Resident memory tells that to a few
      // MiB, which threads come and go with; `tools/node-asan` counts to the octet.
      const grown = sizes.at(-1) - sizes[5];
      if (FULL) t.diagnostic(`MiB after each tenth of ${calls} calls: ${sizes.join(' ')}`);
      assert.ok(grown < 8, `${grown.toFixed(1)} MiB in the second half: ${sizes.join(' ')}`);
    },
  );
});

/** What the other tests print. */
async function wholeSuite(env) {
  const folder = fileURLToPath(new URL('.', import.meta.url));
  const files = readdirSync(folder).filter(
    (name) => name.endsWith('.test.mjs') && name !== 'faults.test.mjs',
  );
  const args = ['--test', ...files.map((name) => join(folder, name))];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env, maxBuffer: 1 << 28 });
  assert.match(stdout, /^# fail 0$/m);
  return stdout + stderr;
}

function around(output, form) {
  const at = output.indexOf(form);
  return output.slice(Math.max(0, at - 120), at);
}
