// The cookbook's stores keep the contract: Knex with a real PostgreSQL, Prisma by its interface.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import knexOf from 'knex';
import { PostgresStore } from 'orgconnect';
import { checkStore, Sandbox } from 'orgconnect/testing';

import { KnexStore } from '../stores/knex-store.mjs';
import { PrismaStore } from '../stores/prisma-store.mjs';
import { FakePrisma } from './fake-prisma.mjs';
import { startPostgres } from '../../test/services.mjs';

describe('stores of a user’s own', () => {
  let postgres;
  let knex;
  let store;
  before(async () => {
    postgres = await startPostgres();
    knex = knexOf({ client: 'pg', connection: postgres.url });
    store = new KnexStore(knex, 'postgres://127.0.0.1/postgres');
    await store.migrate();
  });
  after(async () => {
    await knex?.destroy();
    await postgres?.stop();
  });

  test('Knex keeps the contract', () => checkStore(store));
  test('Prisma keeps the contract', () => checkStore(new PrismaStore(new FakePrisma(), 'fake://prisma')));
  test('the store for PostgreSQL that comes with the package keeps it too', async () => {
    const own = new PostgresStore(postgres.url);
    await own.prepare();
    await checkStore(own);
  });

  test('two processes’ worth of clients share one refresh through Knex', async (t) => {
    const sandbox = await Sandbox.start({ seed: 7 });
    t.after(() => sandbox.stop());
    // Another identity is another process, as far as sharing in memory goes.
    const clients = ['a', 'b', 'c'].map((name) =>
      sandbox.client({ store: new KnexStore(knex, `postgres://${name}`) }),
    );
    await sandbox.connect(clients[0], { connectionId: 'clinic' });
    await sandbox.control('POST', '/sandbox/connections/expire', {});
    await sandbox.forget();
    const lists = await Promise.all(
      clients.map((client) => client.organization('clinic').members.list().all()),
    );
    for (const members of lists) assert.ok(members.length > 0);
    const refreshes = (await sandbox.requests()).filter(({ path }) => path === '/oauth/token');
    assert.equal(refreshes.length, 1);
    await Promise.all(clients.map((client) => client.close()));
  });
});
