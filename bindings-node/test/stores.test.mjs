// Stores: those of the core from Node, and one of the user's own, with everything that it may do wrong.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import {
  checkStore,
  ConfigError,
  FileStore,
  MemoryStore,
  migrate,
  openStore,
  PostgresStore,
  RedisStore,
  SealedStore,
  SqliteStore,
  StoreError,
} from 'orgconnect';

import { MapStore } from './map-store.mjs';
import { failure, thrown, world } from './world.mjs';

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'orgconnect-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

describe('stores', () => {
  test('every store keeps the contract', async (t) => {
    const path = folder(t);
    const key = SealedStore.generateKey();
    for (const store of [
      new MemoryStore(),
      new FileStore(join(path, 'files')),
      new SqliteStore(join(path, 'tokens.db')),
      new MapStore(),
      new SealedStore(new MapStore(), key),
    ]) {
      await checkStore(store);
    }
  });

  test('a store that breaks a promise is found out, and the promise is named', async () => {
    const careless = new MapStore();
    careless.save = (key, record) => careless.put(key, record);
    const error = await failure(checkStore(careless));
    assert.match(error.message, /conflict|version/);
  });

  test('a connection is used from another client over the same store', async (t) => {
    const path = folder(t);
    for (const [one, other] of [
      [new FileStore(path), new FileStore(path)],
      [new SqliteStore(join(path, 'a.db')), new SqliteStore(join(path, 'a.db'))],
    ]) {
      const { sandbox } = await world(t, { settings: { store: one } });
      const later = sandbox.client({ store: other });
      assert.ok((await later.organization('clinic').members.list().all()).length > 0);
      assert.equal(one.identity, other.identity);
    }
  });

  test('what is sealed is not readable in the store within, and keys can be replaced', async (t) => {
    const inner = new MapStore();
    const [first, second] = [SealedStore.generateKey(), SealedStore.generateKey()];
    const store = new SealedStore(inner, first);
    const { connection, organization, sandbox } = await world(t, { settings: { store } });
    const token = (await connection.accessToken()).expose();
    const kept = () => JSON.stringify([...inner.records.values()]);
    assert.ok(!kept().includes(token));
    store.replaceKeys([second, first]);
    const { namespace } = [...inner.records.values()].find(({ key }) => key.connection === 'clinic').key;
    const done = await store.rewrapAll(namespace);
    assert.deepEqual([done.moved > 0, done.failed], [true, []]);
    store.replaceKeys(second);
    await sandbox.advance(4 * 3_600_000);
    assert.ok((await organization.members.list().all()).length > 0);
    assert.ok(thrown(() => new SealedStore(inner, 'short')) instanceof StoreError);
    assert.ok(thrown(() => new SealedStore(inner, [])) instanceof StoreError);
  });

  test('the URL of a server is never shown, and what is wrong with it is said', () => {
    for (const open of [
      () => new PostgresStore('mysql://app:canary@host/db'),
      () => new RedisStore('http://app:canary@host/db'),
      () => new PostgresStore('postgres://app:canary@'),
    ]) {
      const error = thrown(open);
      assert.ok(error instanceof StoreError && !error.message.includes('canary'), error.message);
    }
    assert.ok(thrown(() => new PostgresStore(undefined)) instanceof ConfigError);
  });

  test('a store is opened by its name, and production can ask for one that is encrypted', async (t) => {
    const path = folder(t);
    const { sandbox } = await world(t, {
      settings: { store: openStore(`sqlite:${join(path, 'named.db')}`) },
    });
    const later = sandbox.client({ store: new SqliteStore(join(path, 'named.db')) });
    assert.equal((await later.connections()).length, 1);
    assert.ok(thrown(() => openStore('mysql://app:canary@host/db')) instanceof StoreError);
    const plain = thrown(() => sandbox.client({ requireEncryption: true, store: new MapStore() }));
    assert.ok(plain instanceof ConfigError, String(plain));
    sandbox.client({
      requireEncryption: true,
      store: new SealedStore(new MemoryStore(), SealedStore.generateKey()),
    });
    sandbox.client({ requireEncryption: true, store: Object.assign(new MapStore(), { encrypted: true }) });
  });

  test('records move from one store to another, and back', async (t) => {
    const path = folder(t);
    const [one, other] = [new FileStore(join(path, 'files')), new SqliteStore(join(path, 'tokens.db'))];
    const { sandbox, client } = await world(t, { settings: { store: one } });
    const moved = await migrate(one, other, client.namespace, { remove: true });
    assert.deepEqual([moved.copied >= 1, moved.failed], [true, []]);
    assert.equal((await client.connections()).length, 0);
    const later = sandbox.client({ store: other });
    assert.ok((await later.organization('clinic').members.list().all()).length > 0);
    const back = new MapStore();
    assert.equal((await migrate(other, back, client.namespace)).copied, moved.copied);
    assert.equal((await migrate(other, back, client.namespace)).unchanged, moved.copied);
    assert.ok((await failure(migrate(one, one, client.namespace))) instanceof StoreError);
  });

  test('a record that cannot be read is listed as that, with the reason', async (t) => {
    const { sandbox } = await world(t);
    const store = new SqliteStore(join(folder(t), 'tokens.db'));
    const under = (key) => sandbox.client({ store: new SealedStore(store, key) });
    await sandbox.connect(under(SealedStore.generateKey()), { connectionId: 'sealed' });
    const [summary] = await under(SealedStore.generateKey()).connections();
    assert.deepEqual([summary.id, summary.kind, summary.state], ['sealed', 'unknown', 'unreadable']);
    assert.match(summary.reason, /key/);
  });

  test('a sealed store can move records to the current key when they are read', async (t) => {
    const inner = new MapStore();
    const [first, second] = [SealedStore.generateKey(), SealedStore.generateKey()];
    const { sandbox } = await world(t, { settings: { store: new SealedStore(inner, first) } });
    const store = new SealedStore(inner, [second, first], { rewrapOnRead: true });
    await sandbox.client({ store }).connection('clinic').summary();
    const only = new SealedStore(inner, second);
    assert.ok(only.encrypted && !new FileStore(folder(t)).encrypted);
    assert.equal((await sandbox.client({ store: only }).connection('clinic').summary()).id, 'clinic');
  });

  test('a store that is none is refused with what it lacks', (t) => {
    for (const store of [7, 'x', null, {}, { ...new MapStore(), load: undefined }]) {
      assert.ok(
        thrown(() => new SealedStore(store, SealedStore.generateKey())) instanceof ConfigError,
        String(store),
      );
    }
    assert.ok(t);
  });
});

describe('a store of the user', () => {
  test('that throws, rejects, or answers nonsense fails the call with its error as the cause', async (t) => {
    const oops = new Error('oops, password=canary');
    for (const [act, isCause] of [
      [
        () => {
          throw oops;
        },
        true,
      ],
      [() => Promise.reject(oops), true],
      [() => ({ payload: 7 }), false],
      [() => 'nonsense', false],
      [
        () => {
          throw undefined;
        },
        false,
      ],
      [
        () =>
          new Proxy(
            {},
            {
              get: () => {
                throw oops;
              },
            },
          ),
        false,
      ],
    ]) {
      const store = new MapStore();
      const { sandbox } = await world(t, { settings: { store } });
      const fresh = new MapStore(store);
      fresh.load = act;
      const error = await failure(sandbox.client({ store: fresh }).connection('clinic').summary());
      assert.ok(error instanceof StoreError, `${act}: ${error}`);
      assert.ok(!`${error.message} ${JSON.stringify(error)}`.includes('canary'));
      if (isCause) assert.ok(causes(error).includes(oops), String(act));
    }
  });

  test('that never answers fails the call when its time is over, and the loop goes on', async (t) => {
    const store = new MapStore();
    const { sandbox } = await world(t, { settings: { store } });
    const silent = new MapStore(store);
    silent.answersWithin = 50;
    silent.load = () => new Promise(() => {});
    const client = sandbox.client({ store: silent });
    const error = await failure(client.connection('clinic').summary());
    assert.ok(error instanceof StoreError && error.isTransient, String(error));
    assert.match(error.message, /answered/);
  });

  test('that says which failure it is is believed', async (t) => {
    const { sandbox } = await world(t);
    const store = new MapStore();
    store.load = () => {
      throw new StoreError('locked away', { code: 'store_refused' });
    };
    const error = await failure(sandbox.client({ store }).connection('clinic').summary());
    assert.deepEqual([error.code, error.isTransient], ['store_refused', false]);
    assert.match(error.message, /locked away/);
  });

  test('keeps its `this`, and may be of any class', async (t) => {
    class Private extends MapStore {
      #reads = 0;
      load(key) {
        this.#reads++;
        return super.load(key);
      }
      get reads() {
        return this.#reads;
      }
    }
    const store = new Private();
    const { organization } = await world(t, { settings: { store } });
    await organization.members.list().all();
    assert.ok(store.reads > 0);
  });
});

function causes(error) {
  const found = [];
  for (let cause = error.cause; cause !== undefined; cause = cause?.cause) found.push(cause);
  return found;
}
