// A token store over Knex and PostgreSQL, in tables of your own database.
import { StoreError } from 'orgconnect';

const RECORDS = 'orgconnect_records';
const LEASES = 'orgconnect_leases';

export class KnexStore {
  #knex;

  /** `identity` names the database for all that share it, and holds no secret: `postgres://host/database`. */
  constructor(knex, identity) {
    this.#knex = knex;
    this.identity = identity;
  }

  /** Makes the tables; in an application this is a migration. */
  async migrate() {
    await this.#knex.schema.createTable(RECORDS, (table) => {
      // The order of ids is that of their octets, whatever language the database speaks.
      table.specificType('namespace', 'text collate "C" not null');
      table.specificType('connection', 'text collate "C" not null');
      table.text('payload').notNullable();
      table.bigInteger('expires_at');
      table.bigInteger('version').notNullable();
      table.primary(['namespace', 'connection']);
    });
    await this.#knex.schema.createTable(LEASES, (table) => {
      table.text('namespace').notNullable();
      table.text('connection').notNullable();
      table.text('owner').notNullable();
      table.timestamp('until', { useTz: true }).notNullable();
      table.primary(['namespace', 'connection']);
    });
  }

  async load({ namespace, connection }) {
    const found = await this.#knex(RECORDS).where({ namespace, connection }).first();
    return (
      found && { payload: found.payload, expiresAt: date(found.expires_at), version: Number(found.version) }
    );
  }

  async save({ namespace, connection }, { payload, expiresAt }, expected) {
    const row = { payload, expires_at: expiresAt?.getTime() ?? null, version: expected + 1 };
    const written =
      expected === 0
        ? await this.#knex(RECORDS)
            .insert({ namespace, connection, ...row })
            .onConflict(['namespace', 'connection'])
            .ignore()
            .returning('version')
        : await this.#knex(RECORDS)
            .where({ namespace, connection, version: expected })
            .update(row)
            .returning('version');
    if (written.length === 0) throw StoreError.conflict();
  }

  async delete({ namespace, connection }, expected) {
    const gone = await this.#knex(RECORDS).where({ namespace, connection, version: expected }).delete();
    if (gone > 0) return;
    const there = await this.#knex(RECORDS).where({ namespace, connection }).first('version');
    if (there || expected !== 0) throw StoreError.conflict();
  }

  // The database's clock counts, so that the clocks of machines need not agree.
  async acquire({ namespace, connection }, { owner, ttl }) {
    const until = this.#knex.raw(`clock_timestamp() + ? * interval '1 millisecond'`, [ttl]);
    const taken = await this.#knex(LEASES)
      .insert({ namespace, connection, owner, until })
      .onConflict(['namespace', 'connection'])
      .merge(['owner', 'until'])
      .where((free) =>
        free
          .where(`${LEASES}.until`, '<=', this.#knex.raw('clock_timestamp()'))
          .orWhere(`${LEASES}.owner`, owner),
      )
      .returning('owner');
    return taken.length > 0;
  }

  async release({ namespace, connection }, { owner }) {
    await this.#knex(LEASES).where({ namespace, connection, owner }).delete();
  }

  async list({ namespace, expiresBefore, after, limit }) {
    const query = this.#knex(RECORDS).where({ namespace }).orderBy('connection').limit(limit);
    if (after !== undefined) query.where('connection', '>', after);
    if (expiresBefore !== undefined) query.where('expires_at', '<', expiresBefore.getTime());
    const rows = await query.select('connection', 'version', 'expires_at');
    return rows.map((row) => ({
      connection: row.connection,
      version: Number(row.version),
      expiresAt: date(row.expires_at),
    }));
  }
}

const date = (milliseconds) => (milliseconds === null ? undefined : new Date(Number(milliseconds)));
