// A token store of a user's own, over a Map.
import { StoreError } from 'orgconnect';

let made = 0;

export class MapStore {
  identity;
  records;
  leases;

  /** A store of its own, or another object over the same records. */
  constructor(other) {
    // Clients in one process share what they have read by the identity, and here each is to read for itself.
    this.identity = `map-${++made}`;
    this.records = other?.records ?? new Map();
    this.leases = other?.leases ?? new Map();
  }

  put(key, record, version = 1) {
    this.records.set(name(key), { key, ...record, version });
  }

  async load(key) {
    const found = this.records.get(name(key));
    return found && { payload: found.payload, expiresAt: found.expiresAt, version: found.version };
  }

  async save(key, record, expected) {
    if ((this.records.get(name(key))?.version ?? 0) !== expected) throw StoreError.conflict();
    this.put(key, record, expected + 1);
  }

  async delete(key, expected) {
    if ((this.records.get(name(key))?.version ?? 0) !== expected) throw StoreError.conflict();
    this.records.delete(name(key));
  }

  async acquire(key, { owner, ttl }) {
    const held = this.leases.get(name(key));
    if (held && held.owner !== owner && held.until > Date.now()) return false;
    this.leases.set(name(key), { owner, until: Date.now() + ttl });
    return true;
  }

  async release(key, { owner }) {
    if (this.leases.get(name(key))?.owner === owner) this.leases.delete(name(key));
  }

  async list({ namespace, expiresBefore, after = '', limit }) {
    return [...this.records.values()]
      .filter(({ key }) => key.namespace === namespace && key.connection > after)
      .filter(({ expiresAt }) => !expiresBefore || (expiresAt && expiresAt < expiresBefore))
      .sort((a, b) => (a.key.connection < b.key.connection ? -1 : 1))
      .slice(0, limit)
      .map(({ key, version, expiresAt }) => ({ connection: key.connection, version, expiresAt }));
  }
}

function name({ namespace, connection }) {
  return `${namespace}\n${connection}`;
}
