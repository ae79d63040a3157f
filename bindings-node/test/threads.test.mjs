// Worker threads, clusters, and the ends of both: every promise settles, and no connection is lost.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';

import { SqliteStore } from 'orgconnect';

import { world } from './world.mjs';

const run = promisify(execFile);

const WORKER = new URL('./worker.mjs', import.meta.url);

/** Runs a task in a worker, and returns what it posts. */
function work(data) {
  const worker = new Worker(WORKER, { workerData: data });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function shared(t, options) {
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const store = join(folder, 'tokens.db');
  const made = await world(t, { settings: { store: new SqliteStore(store) }, ...options });
  const { sandbox } = made;
  const settings = { clientId: sandbox.clientId, clientSecret: sandbox.clientSecret, baseUrl: sandbox.url };
  return { ...made, data: { settings, store, now: made.clock.now().getTime() } };
}

describe('threads', () => {
  test('workers call at the same time over one store', async (t) => {
    const { data } = await shared(t);
    const found = await Promise.all(
      Array.from({ length: 4 }, () => work({ ...data, task: 'call', times: 50 })),
    );
    assert.deepEqual(found, [50, 50, 50, 50]);
  });

  test('one refresh is enough for all workers, and it outlives the one that began it', async (t) => {
    const { data, sandbox, connection, clock } = await shared(t);
    await sandbox.advance(4 * 3_600_000);
    await sandbox.addFault({ path: '/oauth/token', delay_after_ms: 300, times: 1 });
    const now = clock.now().getTime();
    const worker = new Worker(WORKER, { workerData: { ...data, now, task: 'call', times: 1 } });
    while (!(await sandbox.requests()).some(({ path }) => path === '/oauth/token'))
      await new Promise(setImmediate);
    await worker.terminate();
    const found = await Promise.all(
      Array.from({ length: 3 }, () => work({ ...data, now, task: 'call', times: 1 })),
    );
    assert.deepEqual(found, [1, 1, 1]);
    assert.equal((await sandbox.requests()).filter(({ path }) => path === '/oauth/token').length, 1);
    assert.equal((await connection.summary()).state, 'active');
  });

  test('a worker that ends in the middle of calls takes nothing with it', async (t) => {
    const { data, organization } = await shared(t);
    for (let round = 0; round < 10; round++) {
      const worker = new Worker(WORKER, { workerData: { ...data, task: 'call', times: 1_000 } });
      await new Promise((resolve) => worker.once('online', resolve));
      await new Promise((resolve) => setTimeout(resolve, round * 20));
      await worker.terminate();
    }
    assert.ok((await organization.members.list().all()).length > 0);
  });

  test('a store that lives on a worker which has ended fails the calls that need it', async (t) => {
    const { data } = await shared(t);
    assert.equal(await work({ ...data, task: 'own-store' }), 'StoreError');
  });

  test('a cluster shares one store', async (t) => {
    const { data, sandbox } = await shared(t);
    await sandbox.advance(4 * 3_600_000);
    const now = data.now + 4 * 3_600_000;
    const { stdout } = await run(
      process.execPath,
      [fileURLToPath(new URL('./cluster.mjs', import.meta.url))],
      {
        env: { ...process.env, WORK: JSON.stringify({ ...data, now }) },
        timeout: 60_000,
      },
    );
    assert.equal(stdout.trim(), 'all');
    assert.equal((await sandbox.requests()).filter(({ path }) => path === '/oauth/token').length, 1);
  });
});
