// The cookbook's code runs. A block of JavaScript that begins with `// from FILE` is quoted from an example; one that begins with `// FILE`
// is a program; the others of a section run one after the other, with what the test gives them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { FileStore, InvalidError, MemoryStore, SqliteStore, TimeoutError } from 'orgconnect';
import { Sandbox } from 'orgconnect/testing';

import { MapStore } from '../../test/map-store.mjs';

const examples = join(dirname(fileURLToPath(import.meta.url)), '..');
// Where the package is found, and nothing is kept.
const scratch = join(examples, 'node_modules', '.cookbook');
mkdirSync(scratch, { recursive: true });

const cookbook = readFileSync(join(examples, '../docs/cookbook.md'), 'utf8');
const sections = new Map(
  cookbook
    .split(/^## /m)
    .slice(1)
    .map((section) => [
      section.split('\n', 1)[0],
      [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code),
    ]),
);

/** Runs a section's blocks with these names, and returns what they have declared. */
async function run(t, title, given, ...wanted) {
  const code = sections
    .get(title)
    .filter((block) => !/^\/\/ \S+\.mjs|^\/\/ from /.test(block))
    .join('\n');
  const imports = code.match(/^import .*?;$/gms) ?? [];
  const body = imports.reduce((rest, line) => rest.replace(line, ''), code);
  const names = Object.keys(given).filter((name) => !new RegExp(`^const ${name} =`, 'm').test(body));
  const text = `${[...new Set(imports)].join('\n')}
    export default async function ({ ${names.join(', ')} }) {
      ${body}
      return { ${wanted.join(', ')} };
    }`;
  const folder = folderOf(t);
  const file = join(folder, 'section.mjs');
  writeFileSync(file, text);
  const { default: section } = await import(pathToFileURL(file).href);
  return section(given);
}

/** Writes a section's programs into a folder, and runs one. */
async function runProgram(title, folder, args, env = {}) {
  for (const block of sections.get(title)) {
    const [, name] = /^\/\/ (\S+\.mjs)\n/.exec(block) ?? [];
    if (name) writeFileSync(join(folder, name), block);
  }
  const { NODE_TEST_CONTEXT: _, ...own } = process.env;
  const child = spawn(process.execPath, args, { cwd: folder, env: { ...own, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, output };
}

function folderOf(t) {
  const folder = mkdtempSync(join(scratch, 'section-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function world(t, settings = {}) {
  const sandbox = await Sandbox.start({ seed: 7 });
  const client = sandbox.client(settings);
  t.after(async () => {
    await client.close();
    sandbox.stop();
  });
  const clinic = (await sandbox.connect(client, { connectionId: 'clinic-1' })).organization;
  return { sandbox, client, clinic };
}

const environment = (sandbox) => ({
  CRONOFY_CLIENT_ID: sandbox.clientId,
  CRONOFY_CLIENT_SECRET: sandbox.clientSecret,
  CRONOFY_BASE_URL: sandbox.url,
});

describe('the cookbook', () => {
  const tested = new Set();
  const recipe = (title, act) => {
    tested.add(title);
    test(title, act);
  };

  recipe('One client for the process', async (t) => {
    const { sandbox } = await world(t);
    const folder = folderOf(t);
    const before = process.cwd();
    process.chdir(folder);
    t.after(() => process.chdir(before));
    Object.assign(process.env, environment(sandbox));
    const listeners = process.listeners('SIGTERM');
    const { client } = await run(t, 'One client for the process', {}, 'client');
    for (const own of process.listeners('SIGTERM')) if (!listeners.includes(own)) process.off('SIGTERM', own);
    await sandbox.connect(client);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name === 'tokens.db'),
      ['tokens.db'],
    );
    const requests = await sandbox.requests();
    assert.ok(requests.some(({ headers }) => headers.some(([, value]) => value.includes('clinic/2.1'))));
    await client.close();
  });

  recipe('An organization for each tenant', async (t) => {
    const { sandbox, client } = await world(t);
    await sandbox.connect(client, { connectionId: 'clinic-2', approver: 'owner@fabrikam.example' });
    const found = await run(
      t,
      'An organization for each tenant',
      { client },
      'members',
      'connections',
      'broken',
      'left',
    );
    assert.ok(found.members.some(({ email }) => email === 'doc@example.com'));
    assert.deepEqual(
      found.connections.map(({ id }) => id),
      ['clinic-1', 'clinic-2'],
    );
    assert.deepEqual(found.broken, []);
    assert.equal(found.left.state, 'revoked');
  });

  recipe('Acting as a member', async (t) => {
    const { clinic } = await world(t);
    const { summaries, busy } = await run(t, 'Acting as a member', { clinic }, 'summaries', 'busy');
    assert.ok(summaries.includes('Check-up'), summaries.join());
    assert.ok(busy.some(({ free_busy_status: status }) => status === 'busy'));
  });

  recipe('Taking over refresh tokens', async (t) => {
    const { sandbox } = await world(t);
    const theirs = new MapStore();
    const before = sandbox.client({ store: theirs });
    await sandbox.connect(before, { connectionId: 'theirs' });
    const { payload } = [...theirs.records.values()].find(({ key }) => key.connection === 'theirs');
    const kept = [{ tenant: 'ours', refreshToken: JSON.parse(payload).refresh_token }];
    const store = new FileStore(join(folderOf(t), 'tokens'));
    const client = sandbox.client({ store });
    const cwd = process.cwd();
    process.chdir(folderOf(t));
    t.after(() => process.chdir(cwd));
    const { moved } = await run(t, 'Taking over refresh tokens', { kept, client, store }, 'moved');
    assert.deepEqual([moved.copied, moved.failed], [1, []]);
    const later = sandbox.client({ store: new SqliteStore('tokens.db') });
    assert.ok((await later.organization('ours').members.list().all()).length > 0);
  });

  recipe('Refreshing ahead of demand', async (t) => {
    const { client } = await world(t);
    const { done } = await run(t, 'Refreshing ahead of demand', { client }, 'done');
    assert.deepEqual([done.failed, done.storeFailures], [0, 0]);
  });

  recipe('Tokens in your own database', async (t) => {
    const { sandbox } = await world(t);
    const { url: baseUrl, clientId, clientSecret } = sandbox;
    const store = new MemoryStore();
    const settings = { baseUrl, clientId, clientSecret };
    const { sealed } = await run(t, 'Tokens in your own database', { store, settings }, 'sealed');
    await sandbox.connect(sealed, { connectionId: 'sealed' });
    assert.equal((await sealed.connection('sealed').summary()).state, 'active');
    const plain = sandbox.client({ store });
    await assert.rejects(plain.connection('sealed').summary(), { kind: 'store' });
    await Promise.all([sealed.close(), plain.close()]);
  });

  recipe('Webhooks', async (t) => {
    const { sandbox, client, clinic } = await world(t);
    const doc = await clinic.impersonateEmail('doc@example.com');
    const { calendars } = await doc.calendars.list();
    const calendar = calendars.find(({ calendar_name: name }) => name === 'Clinic');
    let arrived;
    const arrival = new Promise((resolve) => (arrived = resolve));
    const changed = { push: (summary) => void (summary === 'Ward round' && arrived(summary)) };
    const body = '{"notification":{"type":"verification"}}';
    const [oldSecret, newSecret] = ['an-old-secret', 'a-new-secret'];
    const signature = createHmac('sha256', newSecret).update(body).digest('base64');
    const given = { client, doc, changed, port: await freePort(), body, oldSecret, newSecret, signature };
    const found = await run(t, 'Webhooks', given, 'server', 'first', 'second', 'accepted');
    t.after(() => {
      found.server.closeAllConnections();
      found.server.close();
    });
    assert.deepEqual([found.first, found.second, found.accepted], [true, false, true]);
    const forged = await fetch(`http://127.0.0.1:${given.port}/`, { method: 'POST', body });
    assert.equal(forged.status, 401);
    const start = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
    const end = new Date(Date.now() + 2 * 86_400_000).toISOString().slice(0, 10);
    const event = { summary: 'Ward round', start, end };
    await sandbox.control('POST', `/sandbox/calendars/${calendar.calendar_id}/events`, event);
    assert.equal(await arrival, 'Ward round');
  });

  recipe('Many writes at once', async (t) => {
    const { clinic } = await world(t);
    const doc = await clinic.impersonateEmail('doc@example.com');
    const calendarId = (await doc.calendars.list()).calendars[0].calendar_id;
    const { verdicts, failures, batch } = await run(
      t,
      'Many writes at once',
      { doc, calendarId },
      'verdicts',
      'failures',
      'batch',
    );
    assert.deepEqual(
      verdicts.map(({ ok }) => ok),
      [true, true, true, false],
    );
    assert.deepEqual(failures, ['not_found']);
    assert.throws(() => batch.add('events.upsert', { calendar_id: calendarId }), InvalidError);
  });

  recipe('Giving up: AbortSignal and deadlines', async (t) => {
    const { sandbox, clinic } = await world(t);
    await sandbox.addFault({ path: '/v1/organizational_unit_members', delay_before_ms: 60_000 });
    const title = 'Giving up: AbortSignal and deadlines';
    const { given, late, impatient } = await run(t, title, { clinic }, 'given', 'late', 'impatient');
    assert.equal(given, 'the page was closed');
    assert.ok(late instanceof TimeoutError);
    await assert.rejects(impatient.members.list().all(), TimeoutError);
  });

  recipe('What goes wrong', async (t) => {
    const { sandbox, client, clinic } = await world(t, { retry: { attempts: 1 } });
    const { advice } = await run(t, 'What goes wrong', {}, 'advice');
    const said = async (promise) => advice(await promise.then(assert.fail, (error) => error));
    const fault = async (more) => {
      await sandbox.clearFaults();
      await sandbox.addFault({ path: '/v1/organizational_unit_members', ...more });
      return said(clinic.members.list({ timeout: 2_000 }).all());
    };
    assert.equal(await fault({ status: 423 }), 'ask the member to reconnect the calendar');
    assert.equal(await fault({ status: 404 }), 'it is gone');
    assert.equal(await fault({ status: 503 }), 'try again later');
    assert.equal(
      await said(client.organization('nobody').members.list().all()),
      'send the owner to /connect',
    );
    const doc = clinic.impersonate('acc_0123456789abcdef01234567');
    assert.equal(await said(doc.events.read({ tzid: 7 }).all()), 'mend tzid');
    assert.throws(() => advice(new Error('mine')), /mine/);
    // At last, since everybody is held back by it.
    assert.match(await fault({ status: 429, retry_after: '7' }), /^wait \d+ ms$/);
  });

  recipe('Testing your own application', async (t) => {
    const args = ['--test', '--test-reporter=tap', 'app.test.mjs'];
    const { code, output } = await runProgram('Testing your own application', folderOf(t), args);
    assert.equal(code, 0, output);
    assert.match(output, /^# pass 4$/m);
  });

  recipe('Several processes: cluster', async (t) => {
    const { sandbox } = await world(t);
    const folder = folderOf(t);
    const store = new SqliteStore(join(folder, 'tokens.db'));
    const first = sandbox.client({ store });
    await sandbox.connect(first, { connectionId: 'clinic-1' });
    await first.close();
    await sandbox.control('POST', '/sandbox/connections/expire', {});
    await sandbox.forget();
    const title = 'Several processes: cluster';
    const { output } = await runProgram(title, folder, ['server.mjs'], environment(sandbox));
    assert.deepEqual(output.match(/^worker \d: \d+ members$/gm)?.length, 3, output);
    const refreshes = (await sandbox.requests()).filter(({ path }) => path === '/oauth/token');
    assert.equal(refreshes.length, 1);
  });

  test('what it quotes is in the examples', () => {
    let quoted = 0;
    for (const block of [...sections.values()].flat()) {
      const [line, file] = /^\/\/ from (\S+)\n/.exec(block) ?? [];
      if (!file) continue;
      quoted += 1;
      const flat = (text) => text.replace(/\s+/g, ' ').trim();
      const whole = flat(readFileSync(join(examples, file), 'utf8'));
      assert.ok(whole.includes(flat(block.slice(line.length))), `not in ${file}:\n${block}`);
    }
    assert.ok(quoted >= 8, `${quoted}`);
    tested.add('Signing in with Cronofy');
  });

  test('no recipe is left out, and the list at its head is complete', () => {
    assert.deepEqual(
      [...sections.keys()].filter((title) => !tested.has(title)),
      [],
    );
    const listed = [...cookbook.matchAll(/^- \[(.*?)\]\(#(.*?)\)$/gm)].map(([, title, anchor]) => [
      title,
      anchor,
    ]);
    const anchorOf = (title) =>
      title
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replace(/\s/g, '-');
    assert.deepEqual(
      listed,
      [...sections.keys()].map((title) => [title, anchorOf(title)]),
    );
  });
});

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
