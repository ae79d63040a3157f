/** Where tokens are kept: the stores that come with the SDK, and the contract for one of your own. */

import { begin, channel, now, outcome, register, type Answerer } from './channel.js';
import { complaint, StoreError } from './errors.js';
import { notMade } from './made.js';
import { native, type Store as NativeStore } from './native.js';

/** The key of a record. */
export interface ConnectionKey {
  /** Data center (or base URL) and application: `uk/CLIENT_ID`. Records of two applications never meet. */
  readonly namespace: string;
  /** The connection within it. */
  readonly connection: string;
}

/** What is written into a store. */
export interface TokenRecord {
  /** Opaque text; it holds secrets unless the store is sealed. Write it as it is. */
  readonly payload: string;
  /** When the record wants attention: the end of the access token of a living connection. `undefined`: never. */
  readonly expiresAt: Date | undefined;
}

/** What is read from a store. */
export interface StoredRecord {
  /** The text as it was saved. */
  readonly payload: string;
  /** When the record wants attention, to the millisecond. */
  readonly expiresAt?: Date | undefined | null;
  /** How often the record has been written: 1 for the first time. */
  readonly version: number;
}

/** A record as it appears in a list. */
export interface ListedRecord {
  /** The connection. */
  readonly connection: string;
  /** Its version. */
  readonly version: number;
  /** When it wants attention. */
  readonly expiresAt?: Date | undefined | null;
}

/** Which records to list. */
export interface ListQuery {
  /** The namespace. */
  readonly namespace: string;
  /** Only records that want attention before this time. */
  readonly expiresBefore: Date | undefined;
  /** Only records whose id comes after this one, in the order of code units: the last of the page before. */
  readonly after: string | undefined;
  /** At most this many. */
  readonly limit: number;
}

/** The right to refresh one connection for a while. */
export interface Lease {
  /** A random name of this holder. */
  readonly owner: string;
  /** How many milliseconds the store keeps others away, counted from when it was taken. */
  readonly ttl: number;
}

/** What a method of a store may return. */
export type Awaitable<T> = T | PromiseLike<T>;

/**
 * A place that keeps token records, of your own making. A store keeps small opaque records and knows nothing of OAuth. Two
 * promises make it safe for many tasks, processes and machines at once:
 *
 * 1. **Compare and swap.** `save` writes only if the record still has the version that the writer has read. A writer that
 *    was overtaken gets {@link StoreError.conflict}, and nothing has changed.
 * 2. **Leases.** `acquire` gives the right to refresh a connection to one owner at a time, for a limited time.
 *
 * Every method may be called at any time, also for the same key. A method that throws, or whose promise is rejected, fails
 * the call that needed it, with what was thrown as the `cause`; one that does not answer in time does the same. Prove a
 * store with `checkStore` of `orgconnect/testing`.
 */
export interface TokenStore {
  /**
   * A text that is equal for two objects exactly if they reach the same records: a path, an address with its database and
   * table. It holds no secret. Clients in one process share their refreshes by it.
   */
  readonly identity: string;
  /** Whether what is kept is encrypted before it leaves this process. Default `false`. */
  readonly encrypted?: boolean | undefined;
  /** How many milliseconds a method may take. Default 10,000. */
  readonly answersWithin?: number | undefined;
  /** Reads a record. `undefined` or `null` if there is none. */
  load(key: ConnectionKey): Awaitable<StoredRecord | undefined | null>;
  /**
   * Writes a record if the stored version still is `expected` (0: if there is none). The write is durable when this
   * returns, and the version is then `expected + 1`.
   *
   * @throws {@link StoreError.conflict} if the version is another one; then nothing was written.
   */
  save(key: ConnectionKey, record: TokenRecord, expected: number): Awaitable<void>;
  /**
   * Removes a record if the stored version still is `expected`. Removing what does not exist is a conflict unless `expected`
   * is 0.
   */
  delete(key: ConnectionKey, expected: number): Awaitable<void>;
  /**
   * Takes the lease of a key, or returns `false` at once while another owner holds it.
   *
   * The lease of an owner that is known to be dead may be given away early, never that of one that may be alive.
   */
  acquire(key: ConnectionKey, lease: Lease): Awaitable<boolean>;
  /** Gives a lease back. A lease that has passed to another owner is left alone. */
  release(key: ConnectionKey, lease: Lease): Awaitable<void>;
  /** Lists records of a namespace in the order of their ids, without their payloads. */
  list(query: ListQuery): Awaitable<readonly ListedRecord[]>;
}

/** The native store of a store of either kind. For this package alone. */
let nativeOf: (store: Store) => NativeStore;

/** A store that comes with the SDK. */
export abstract class Store {
  readonly #native: NativeStore;

  static {
    nativeOf = (store) => store.#native;
  }

  /** @internal */
  constructor(store: NativeStore) {
    if (typeof (store as Partial<NativeStore> | undefined)?.isEncrypted !== 'function') {
      notMade(
        'Store',
        'make one of its classes, or call `openStore(text)`; a store of your own needs no base class',
      );
    }
    this.#native = store;
  }

  /** A text that is equal for two stores exactly if they reach the same records. It holds no secret. */
  get identity(): string {
    return this.#native.identity();
  }

  /** Whether nothing that is kept leaves the memory of this process in clear text. */
  get encrypted(): boolean {
    return this.#native.isEncrypted();
  }
}

/** Keeps tokens in the memory of this process, for tests and for programs that authorize anew each time. */
export class MemoryStore extends Store {
  constructor() {
    super(native.Store.memory());
  }
}

/**
 * Keeps each record in a file of its own, for one machine with any number of processes. A record is never torn, whatever
 * happens to the process or the power.
 */
export class FileStore extends Store {
  /**
   * Opens a directory, which is made, for its owner alone, when it is not there.
   *
   * @throws {@link StoreError} if others may read it.
   */
  constructor(directory: string) {
    if (typeof directory !== 'string') throw complaint('config', 'directory', 'must be a string');
    super(now(() => native.Store.file(directory)));
  }
}

/** Keeps records in one SQLite database, for one machine with any number of processes. */
export class SqliteStore extends Store {
  /**
   * Opens a database file, which is made, for its owner alone, when it is not there.
   *
   * @throws {@link StoreError} if others may read it, or if it is something else than a token store.
   */
  constructor(path: string) {
    if (typeof path !== 'string') throw complaint('config', 'path', 'must be a string');
    super(now(() => native.Store.sqlite(path)));
  }
}

/**
 * Keeps records in files that are sealed with a key in the operating system's keyring, for many processes of one user on one
 * machine; a server has no keyring.
 */
export class KeyringStore extends Store {
  /**
   * Opens the directory with the key that the keyring has for it, making both if there are none.
   *
   * @throws {@link StoreError} if there is no keyring, or it has no key although the directory holds records; or if it is
   * locked or doesn't answer within three seconds.
   */
  constructor(directory: string) {
    if (typeof directory !== 'string') throw complaint('config', 'directory', 'must be a string');
    super(now(() => native.Store.keyring(directory)));
  }
}

/** A store that a text names. */
class NamedStore extends Store {}

/**
 * Opens the store that a text names, as it stands in an environment variable: `memory:`, `file:/path`, `sqlite:/path`,
 * `postgres://…`, `redis://…`, each with `key=env:NAME`, `key=file:/path` or `key=keyring:service/account` in its query to seal
 * it.
 *
 * @throws {@link StoreError} for a text that names no store. The text, which may hold a password, is never shown.
 */
export function openStore(text: string): Store {
  if (typeof text !== 'string') throw complaint('config', 'store', 'must be a string');
  return new NamedStore(now(() => native.Store.open(text)));
}

/**
 * Keeps records in PostgreSQL, for any number of machines.
 *
 * Named by a URL: `postgres://user:password@host:5432/database`. The query may also hold `sslmode`, `sslrootcert`, `schema`,
 * `pool` (connections) and `timeout` (seconds for a call).
 */
export class PostgresStore extends Store {
  readonly #native: NativeStore;

  /**
   * Takes the URL apart. No I/O but reading certificates.
   *
   * @throws {@link StoreError}, naming what is wrong with the URL, which itself is never shown.
   */
  constructor(url: string) {
    if (typeof url !== 'string') throw complaint('config', 'url', 'must be a string');
    const opened = now(() => native.Store.postgres(url));
    super(opened);
    this.#native = opened;
  }

  /**
   * Reaches the server now, and makes the tables or brings them up to date. Without it the first use does.
   *
   * @throws {@link StoreError} if the server can't be reached, does not let this user in, or keeps tables of a newer version.
   */
  async prepare(): Promise<void> {
    await outcome(begin((channel, id) => this.#native.prepare(channel, id)));
  }
}

/**
 * Keeps records in Redis or Valkey, for any number of machines.
 *
 * Named by a URL: `redis://user:password@host:6379/0`, `rediss://…` for TLS, or `redis+unix:///path/to/socket?db=0`. The
 * query may also hold `prefix` (of all keys), `timeout` (seconds for a call) and `sslrootcert`. A write is as durable as the
 * server makes it, and a server that evicts keys at will is refused.
 */
export class RedisStore extends Store {
  readonly #native: NativeStore;

  /**
   * Takes the URL apart. No I/O but reading certificates.
   *
   * @throws {@link StoreError}, naming what is wrong with the URL, which itself is never shown.
   */
  constructor(url: string) {
    if (typeof url !== 'string') throw complaint('config', 'url', 'must be a string');
    const opened = now(() => native.Store.redis(url));
    super(opened);
    this.#native = opened;
  }

  /**
   * Reaches the server now, and looks at how it is set up. Without it the first use does.
   *
   * @throws {@link StoreError} if the server can't be reached, does not let this user in, or may evict keys.
   */
  async prepare(): Promise<void> {
    await outcome(begin((channel, id) => this.#native.prepare(channel, id)));
  }
}

/** What {@link SealedStore.rewrapAll} did. */
export interface Rewrapped {
  /** Records that were moved to the current key. */
  readonly moved: number;
  /** Records that had nothing to be done for. */
  readonly unchanged: number;
  /** Records that were left as they are, and why. The old keys are still needed while there are any. */
  readonly failed: readonly { readonly connection: string; readonly message: string }[];
}

/** Encrypts what another store keeps, with keys that can be replaced while it runs. */
export class SealedStore extends Store {
  readonly #native: NativeStore;

  /**
   * Seals what `store` keeps. `keys` are 32 octets in base64, the current one first and older ones, which are only read
   * with, after it.
   *
   * @throws {@link StoreError} if a key is none.
   */
  constructor(
    store: Store | TokenStore,
    keys: string | readonly string[],
    options: {
      /** Reads records that are not encrypted too, while a plain store is being moved to a sealed one. Default `false`. */
      allowClearTextReads?: boolean | undefined;
      /**
       * Moves a record to the current key when it is read, too. Writes the token store. Set it once every process has the new
       * key as the current one. Default `false`.
       */
      rewrapOnRead?: boolean | undefined;
    } = {},
  ) {
    const { allowClearTextReads = false, rewrapOnRead = false } = options;
    const inner = nativeStore(store);
    const sealed = now(() => native.Store.sealed(inner, keyList(keys), allowClearTextReads, rewrapOnRead));
    super(sealed);
    this.#native = sealed;
    keep.set(this, store);
  }

  /** Makes a key. Keep it where secrets are kept. */
  static generateKey(): string {
    return native.Store.generateKey();
  }

  /** Replaces the keys; the first one is written with from now on. */
  replaceKeys(keys: string | readonly string[]): void {
    now(() => this.#native.replaceKeys(keyList(keys)));
  }

  /** Seals every record of a namespace (`uk/CLIENT_ID`) with the current key. Writes the token store. */
  async rewrapAll(namespace: string): Promise<Rewrapped> {
    const done = await outcome<string>(
      begin((channel, id) => this.#native.rewrapAll(channel, id, namespace)),
    );
    return JSON.parse(done) as Rewrapped;
  }
}

function keyList(keys: string | readonly string[]): string[] {
  const list: unknown = typeof keys === 'string' ? [keys] : keys;
  if (!Array.isArray(list) || list.some((key) => typeof key !== 'string'))
    throw complaint('config', 'keys', 'must be strings in base64, the current one first');
  return [...(list as string[])];
}

/** What a sealed store needs to stay alive: the store within. */
const keep = new WeakMap<object, unknown>();
/** Stores of users' own, as the native part knows them. */
const hosts = new WeakMap<TokenStore, NativeStore>();
/** What answers for a store lives as long as the store. */
const answerers = new WeakMap<TokenStore, Answerer>();

const METHODS = ['load', 'save', 'delete', 'acquire', 'release', 'list'] as const;

/** The native store of a store of either kind. */
export function nativeStore(store: Store | TokenStore): NativeStore {
  if (store instanceof Store) return nativeOf(store);
  const given = store as unknown;
  if (typeof given !== 'object' || given === null) {
    throw complaint(
      'config',
      'store',
      'must be a store, like `new SqliteStore("tokens.db")`, or what `openStore("sqlite:tokens.db")` returns',
    );
  }
  for (const method of METHODS) {
    if (typeof store[method] !== 'function')
      throw complaint('config', 'store', `has no method \`${method}\``);
  }
  if (typeof store.identity !== 'string' || store.identity === '') {
    throw complaint('config', 'store', 'has no `identity`: a text that tells it from other stores');
  }
  let known = hosts.get(store);
  if (!known) {
    const weak = new WeakRef(store);
    const answerer: Answerer = (method, args) => ask(weak.deref(), method, args);
    answerers.set(store, answerer);
    const number = register(answerer);
    const { identity, encrypted = false, answersWithin = 10_000 } = store;
    known = now(() => native.Store.host(channel, number, `host:${identity}`, encrypted, answersWithin));
    hosts.set(store, known);
  }
  return known;
}

/**
 * Checks that a store keeps its contract. The store may hold other records too: a namespace of its own is used, and what is
 * written is removed.
 *
 * @throws an `Error` that names the promise which was broken.
 */
export async function checkStore(store: Store | TokenStore): Promise<void> {
  const checked = nativeStore(store);
  const broken = await outcome<string | undefined>(begin((channel, id) => checked.check(channel, id)));
  if (broken) throw new Error(broken);
}

/** What {@link migrate} did. */
export interface Migrated {
  /** Records that were copied. */
  readonly copied: number;
  /** Records that were there already, as they are. */
  readonly unchanged: number;
  /** Records that were left as they are, and why. */
  readonly failed: readonly { readonly connection: string; readonly message: string }[];
}

/**
 * Copies every record of a namespace (`client.namespace`) from one store to another, and reads each back. With `remove` it is
 * removed where it came from once that has succeeded. Writes both token stores.
 *
 * Whoever uses the old store is to be stopped before, or a refresh there may leave the copy with a token that has been
 * replaced. May be repeated: what is there already, and the same, is passed over; what is there and differs is left alone and
 * reported.
 *
 * @throws {@link StoreError} if either store can't be reached. What has been copied stays copied: call it again.
 */
export async function migrate(
  from: Store | TokenStore,
  to: Store | TokenStore,
  namespace: string,
  options: { remove?: boolean | undefined } = {},
): Promise<Migrated> {
  if (typeof namespace !== 'string') throw complaint('invalid', 'namespace', 'must be a string');
  const [source, target] = [nativeStore(from), nativeStore(to)];
  const done = await outcome<string>(
    begin((channel, id) => source.migrate(channel, id, target, namespace, options.remove ?? false)),
  );
  return JSON.parse(done) as Migrated;
}

type Time = number | null;
type RawRecord = { payload: string; expiresAt: Time };
type RawQuery = { namespace: string; expiresBefore: Time; after: string | null; limit: number };

/** Asks a store what the native part asks, in terms of its interface. */
async function ask(store: TokenStore | undefined, method: string, args: unknown[]): Promise<unknown> {
  if (!store) throw new StoreError('the store is not in use any more', { code: 'store_unavailable' });
  const key = args[0] as ConnectionKey;
  switch (method as (typeof METHODS)[number]) {
    case 'load': {
      const found = await store.load(key);
      return found && { payload: found.payload, expiresAt: ofDate(found.expiresAt), version: found.version };
    }
    case 'save': {
      const { payload, expiresAt } = args[1] as RawRecord;
      const expected = args[2] as number;
      await store.save(key, { payload, expiresAt: toDate(expiresAt) }, expected);
      return expected + 1;
    }
    case 'delete':
      await store.delete(key, args[1] as number);
      return null;
    case 'acquire':
      return (await store.acquire(key, args[1] as Lease)) === true;
    case 'release':
      await store.release(key, args[1] as Lease);
      return null;
    case 'list': {
      const { namespace, expiresBefore, after, limit } = args[0] as RawQuery;
      const query = { namespace, expiresBefore: toDate(expiresBefore), after: after ?? undefined, limit };
      const found = await store.list(query);
      return found.map(({ connection, version, expiresAt }) => ({
        connection,
        version,
        expiresAt: ofDate(expiresAt),
      }));
    }
  }
}

function toDate(at: Time): Date | undefined {
  return at === null ? undefined : new Date(at);
}

function ofDate(at: Date | undefined | null): Time {
  return at ? at.getTime() : null;
}
