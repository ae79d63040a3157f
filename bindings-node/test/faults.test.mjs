// Rows of the fault suite, from Node. The numbers are the quick ones; `ORGCONNECT_FAULTS=full` asks for those of the table.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';

import { Client, InvalidError, SqliteStore, Webhooks } from 'orgconnect';
import { verifyWebhook } from 'orgconnect/edge';

import { failure, world } from './world.mjs';

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
    assert.equal(await tokenRequests(sandbox), 1);
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
    'B19: use after close, and wrong values of every kind, are errors; memory does not grow',
    { timeout: 600_000 },
    async (t) => {
      const calls = FULL ? 100_000 : 4_000;
      const { sandbox, organization } = await world(t);
      const doc = await organization.impersonateEmail('doc@example.com');
      const closed = sandbox.client();
      await closed.close();
      assert.equal((await failure(closed.settle())).code, 'closed');
      assert.equal((await failure(closed.internalOrganization().userinfo.read())).code, 'closed');
      const round = async (count) => {
        for (let begun = 0; begun < count; begun += 50) {
          await Promise.all(
            Array.from({ length: 50 }, (_, index) =>
              index % 5 === 0 ? failure(doc.events.upsert('c', {})) : doc.userinfo.read(),
            ),
          );
        }
      };
      // The sandbox lives in this process and keeps the last 2,000 requests, so they are made before anything is measured.
      await round(2_500);
      const before = process.memoryUsage().rss;
      await round(calls);
      const grown = (process.memoryUsage().rss - before) / 2 ** 20;
      assert.ok(grown < 24, `${grown.toFixed(1)} MiB`);
      assert.ok((await failure(doc.events.upsert('c', {}))) instanceof InvalidError);
    },
  );
});
