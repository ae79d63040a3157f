// Stores on servers, live: a PostgreSQL, a Redis and a keyring of the tests' own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { checkStore, openStore, PostgresStore, RedisStore, SealedStore } from 'orgconnect';

import { inAKeyring, startPostgres, startRedis } from './services.mjs';
import { world } from './world.mjs';

const tokenRequests = async (sandbox) =>
  (await sandbox.requests()).filter(({ path }) => path === '/oauth/token').length;

for (const [name, begin, Store] of [
  ['PostgreSQL', startPostgres, PostgresStore],
  ['Redis', startRedis, RedisStore],
]) {
  describe(name, () => {
    let service;
    before(async () => {
      service = await begin();
    });
    after(() => service?.stop());

    test('keeps the contract, by its class, by its name, and sealed', async () => {
      for (const store of [
        new Store(service.url),
        openStore(service.url),
        new SealedStore(new Store(service.url), SealedStore.generateKey()),
      ]) {
        await checkStore(store);
        assert.ok(!store.identity.includes('canary'));
      }
    });

    test('shares one refresh among the clients of several stores', async (t) => {
      const { sandbox, clock } = await world(t, { settings: { store: new Store(service.url) } });
      await sandbox.advance(4 * 3_600_000);
      await sandbox.forget();
      const clients = Array.from({ length: 4 }, () =>
        sandbox.client({ store: new Store(service.url), clock }),
      );
      const lists = await Promise.all(
        clients.map((client) => client.organization('clinic').members.list().all()),
      );
      for (const members of lists) assert.ok(members.length > 0);
      assert.equal(await tokenRequests(sandbox), 1);
      await clients[0].connection('clinic').revoke();
    });

    test('is shared out among refreshers: each connection is refreshed once', async (t) => {
      const { sandbox, client } = await world(t, { settings: { store: new Store(service.url) } });
      for (let number = 0; number < 11; number++)
        await sandbox.connect(client, { connectionId: `clinic-${number}` });
      await sandbox.advance(3 * 3_600_000 - 5 * 60_000);
      await sandbox.forget();
      const others = Array.from({ length: 3 }, () => sandbox.client({ store: new Store(service.url) }));
      const rounds = await Promise.all(
        [client, ...others].map((own) => own.refresher({ concurrency: 3 }).runOnce()),
      );
      const sum = (what) => rounds.reduce((total, round) => total + round[what], 0);
      assert.deepEqual([sum('refreshed'), sum('failed'), sum('storeFailures')], [12, 0, 0]);
      assert.equal(await tokenRequests(sandbox), 12);
    });
  });
}

test('a keyring keeps the key of the files beside it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const worker = fileURLToPath(new URL('./keyring-worker.mjs', import.meta.url));
  const tokens = join(folder, 'tokens');
  const { program, args, env } = inAKeyring(folder, [process.execPath, worker, tokens]);
  const { stdout } = await promisify(execFile)(program, args, { env, timeout: 60_000 });
  assert.deepEqual(JSON.parse(stdout.trim().split('\n').at(-1)), {
    encrypted: true,
    members: true,
    readable: false,
  });
});
