// A token store over a Prisma client with these models:
//
//   model OrgconnectRecord {
//     namespace  String
//     connection String
//     payload    String
//     expiresAt  DateTime?
//     version    Int
//     @@id([namespace, connection])
//   }
//
//   model OrgconnectLease {
//     namespace  String
//     connection String
//     owner      String
//     until      DateTime
//     @@id([namespace, connection])
//   }
//
// On PostgreSQL, give `connection` the collation "C" in the migration. Leases are told by the clocks of the machines, so keep these in
// step.
import { StoreError } from 'orgconnect';

export class PrismaStore {
  #records;
  #leases;

  /** `identity` names the database for all that share it, and holds no secret: `postgres://host/database`. */
  constructor(prisma, identity) {
    this.#records = prisma.orgconnectRecord;
    this.#leases = prisma.orgconnectLease;
    this.identity = identity;
  }

  async load({ namespace, connection }) {
    const where = { namespace_connection: { namespace, connection } };
    return this.#records.findUnique({ where, select: { payload: true, expiresAt: true, version: true } });
  }

  async save({ namespace, connection }, { payload, expiresAt = null }, expected) {
    const data = { payload, expiresAt, version: expected + 1 };
    const { count } =
      expected === 0
        ? await this.#records.createMany({ data: [{ namespace, connection, ...data }], skipDuplicates: true })
        : await this.#records.updateMany({ where: { namespace, connection, version: expected }, data });
    if (count === 0) throw StoreError.conflict();
  }

  async delete(key, expected) {
    const { namespace, connection } = key;
    const { count } = await this.#records.deleteMany({ where: { namespace, connection, version: expected } });
    if (count === 0 && (expected !== 0 || (await this.load(key)))) throw StoreError.conflict();
  }

  async acquire({ namespace, connection }, { owner, ttl }) {
    const now = new Date();
    const until = new Date(now.getTime() + ttl);
    const free = { OR: [{ until: { lte: now } }, { owner }] };
    const taken = await this.#leases.updateMany({
      where: { namespace, connection, ...free },
      data: { owner, until },
    });
    if (taken.count > 0) return true;
    const data = [{ namespace, connection, owner, until }];
    return (await this.#leases.createMany({ data, skipDuplicates: true })).count > 0;
  }

  async release({ namespace, connection }, { owner }) {
    await this.#leases.deleteMany({ where: { namespace, connection, owner } });
  }

  async list({ namespace, expiresBefore, after, limit }) {
    return this.#records.findMany({
      where: { namespace, connection: { gt: after }, expiresAt: { lt: expiresBefore } },
      orderBy: { connection: 'asc' },
      take: limit,
      select: { connection: true, version: true, expiresAt: true },
    });
  }
}
