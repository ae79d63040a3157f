// The refresher: connections are kept fresh ahead of demand, and nobody waits for a refresh.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { ConfigError, StoreError } from 'orgconnect';

import { MapStore } from './map-store.mjs';
import { failure, script, thrown, world } from './world.mjs';

/** Five minutes before the tokens of the sandbox end. */
const DUE = 3 * 3_600_000 - 5 * 60_000;
const tokenRequests = async (sandbox) =>
  (await sandbox.requests()).filter(({ path }) => path === '/oauth/token').length;

describe('a refresher', () => {
  test('refreshes what ends soon, once, and leaves alone what is good for long', async (t) => {
    const { sandbox, client, organization } = await world(t, { settings: { store: new MapStore() } });
    await sandbox.advance(DUE);
    await sandbox.connect(client, { connectionId: 'young' });
    await sandbox.forget();
    const refresher = client.refresher();
    const done = await refresher.runOnce();
    assert.deepEqual(
      [done.rounds, done.claimed, done.refreshed, done.failed, done.storeFailures],
      [1, 1, 1, 0, 0],
    );
    assert.equal((await refresher.runOnce()).refreshed, 0);
    assert.equal(await tokenRequests(sandbox), 1);
    await organization.members.list().all();
    assert.equal(await tokenRequests(sandbox), 1);
  });

  test('works in the background until it is stopped, whether or not anybody keeps it', async (t) => {
    const { sandbox, client } = await world(t);
    await sandbox.advance(DUE);
    client.refresher({ interval: 10 }).start();
    while ((await tokenRequests(sandbox)) === 0) await new Promise(setImmediate);
    await client.close();
    await sandbox.advance(DUE);
    await sandbox.forget();
    const closed = await failure(client.refresher().runOnce());
    assert.equal(closed.code, 'closed');
    assert.equal(thrown(() => client.refresher().start()).code, 'closed');
    assert.equal(await tokenRequests(sandbox), 0);
  });

  test('is stopped once, and says what it has done', async (t) => {
    const { sandbox, client } = await world(t);
    await sandbox.advance(DUE);
    await using(client.refresher({ interval: 10 }).start(), async (refresher) => {
      assert.ok(thrown(() => refresher.start()) instanceof ConfigError);
      while (refresher.stats().refreshed === 0) await new Promise(setImmediate);
      const [one, other] = await Promise.all([refresher.stop(), refresher.stop()]);
      assert.deepEqual(one, other);
      assert.deepEqual([one.refreshed, one.failed], [1, 0]);
      assert.deepEqual(refresher.stats(), one);
      refresher.start();
      assert.equal(refresher.stats().refreshed, 0);
    });
  });

  test('counts what fails, and is told when the store does', async (t) => {
    const store = new MapStore();
    const { sandbox, client } = await world(t, { settings: { store } });
    await sandbox.advance(DUE);
    await sandbox.addFault({ path: '/oauth/token', status: 503 });
    const done = await client.refresher().runOnce();
    assert.deepEqual([done.refreshed, done.failed], [0, 1]);
    const down = new Error('down');
    store.list = () => Promise.reject(down);
    const error = await failure(client.refresher().runOnce());
    assert.ok(error instanceof StoreError, String(error));
  });

  test('names the setting that is wrong', async (t) => {
    const { client } = await world(t);
    for (const [settings, field] of [
      [{ ahead: 0 }, 'ahead'],
      [{ hotFor: 1 }, 'hot_for'],
      [{ interval: -1 }, 'interval'],
      [{ concurrency: 0 }, 'concurrency'],
    ]) {
      const error = thrown(() => client.refresher(settings).start());
      assert.ok(error instanceof ConfigError && error.fields[field], `${field}: ${error}`);
      assert.ok((await failure(client.refresher(settings).runOnce())) instanceof ConfigError);
    }
    for (const settings of [{ often: 1 }, { interval: '1 s' }, null, 7])
      assert.ok(thrown(() => client.refresher(settings)) instanceof ConfigError, String(settings));
  });

  test('does not keep the process alive', async () => {
    await script(`
      import { Client } from 'orgconnect';
      const client = new Client({ clientId: 'a', clientSecret: 'b', baseUrl: 'http://127.0.0.1:9' });
      client.refresher({ interval: 10 }).start();`);
  });
});

/** What `await using` does, which this Node can't read yet. */
async function using(resource, act) {
  try {
    await act(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}
