/** Refreshes connections ahead of demand, so that nobody waits for a refresh. */

import { closed, type Life } from './call.js';
import { begin, now, outcome } from './channel.js';
import { complaint } from './errors.js';
import { notMade } from './made.js';
import type { Refresher as NativeRefresher, RefresherSettings as NativeSettings } from './native.js';

/** How a refresher works. */
export interface RefresherSettings {
  /**
   * How long before its end a token is refreshed, in milliseconds. Default 600,000 (10 minutes); never in the first three
   * quarters of its life.
   */
  ahead?: number | undefined;
  /**
   * How long after its last use a connection is kept fresh, in milliseconds. Default 7 days. Uses are noted every 6 hours.
   */
  hotFor?: number | undefined;
  /** The pause between two rounds in milliseconds, give or take a half. Default 15,000. */
  interval?: number | undefined;
  /** How many refreshes are under way at once. Default 16. */
  concurrency?: number | undefined;
}

/** What a refresher has done. */
export interface RefresherStats {
  /** Rounds that were made. */
  readonly rounds: number;
  /** Records that were claimed. */
  readonly claimed: number;
  /** Connections that have a new token. */
  readonly refreshed: number;
  /** Connections that were good for long enough still. */
  readonly fresh: number;
  /** Connections that were let rest, since nobody has used them for long. */
  readonly resting: number;
  /** Connections that were not in use any more, or whose grant turned out to be gone. */
  readonly ended: number;
  /** Refreshes that failed and may succeed later. */
  readonly failed: number;
  /** Rounds that were cut short because a 429 asked for a pause. */
  readonly paused: number;
  /** Rounds that were cut short because the store failed. */
  readonly storeFailures: number;
}

const SETTINGS = ['ahead', 'hotFor', 'interval', 'concurrency'];

/** Makes a refresher. For this package alone. */
export let refresherOf: (own: NativeRefresher, life: Life) => Refresher;

/** Stops the refreshers of a client. For this package alone. */
export let stopAll: (life: Life) => Promise<void>;

/** Refreshers that are at work. They go on whether or not anybody keeps them. */
const working = new Set<Refresher>();

/**
 * Refreshes connections before they end. Made by {@link Client.refresher}.
 *
 * Run it in one process or in many, on one machine or on many: on PostgreSQL and Redis each claims other connections, and in
 * the other stores the processes of one machine do. A connection that nobody has used for a while is left to whoever wants it
 * next, so that the work grows with what is in use and not with what is stored.
 *
 * @example
 * ```ts
 * const refresher = client.refresher({ concurrency: 8 }).start();
 * // … the program's life …
 * const done = await refresher.stop();
 * ```
 */
export class Refresher {
  readonly #native: NativeRefresher;
  readonly #life: Life;
  #stopped: Promise<RefresherStats> | undefined;
  #done: RefresherStats | undefined;

  static {
    refresherOf = (own, life) => new Refresher(own, life);
    stopAll = async (life) => {
      await Promise.all([...working].filter((own) => own.#life === life).map((own) => own.stop()));
    };
  }

  private constructor(own: NativeRefresher, life: Life) {
    if (typeof (own as Partial<NativeRefresher> | undefined)?.runOnce !== 'function') {
      notMade('Refresher', '`client.refresher()` returns one');
    }
    this.#native = own;
    this.#life = life;
  }

  /**
   * Begins to work in the background, and goes on until it is stopped. Writes the token store. It does not keep the process
   * alive.
   *
   * @throws {@link ConfigError}, naming the setting, or if it is at work already.
   */
  start(): this {
    if (this.#life.closed) throw closed();
    now(() => this.#native.start());
    this.#stopped = this.#done = undefined;
    working.add(this);
    return this;
  }

  /** What it has done so far. */
  stats(): RefresherStats {
    return this.#done ?? read(this.#native.stats());
  }

  /**
   * Makes one round and says what was done. Writes the token store. For programs that are started now and then.
   *
   * @throws {@link ConfigError}, naming the setting; {@link StoreError} if the store fails. Refreshes that fail are counted.
   */
  async runOnce(): Promise<RefresherStats> {
    if (this.#life.closed) throw closed();
    return read(await outcome(begin((channel, id) => this.#native.runOnce(channel, id))));
  }

  /** Stops it: nothing more is claimed, what is under way is waited for. */
  async stop(): Promise<RefresherStats> {
    if (working.delete(this)) this.#stopped = this.#stop();
    return (await this.#stopped) ?? this.stats();
  }

  /** What `await using` does at the end of a block: {@link Refresher.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<RefresherStats> {
    this.#done = read(await outcome(begin((channel, id) => this.#native.stop(channel, id))));
    return this.#done;
  }
}

/** The settings as the native part takes them. */
export function refresherSettings(settings: RefresherSettings): NativeSettings {
  const given: unknown = settings;
  if (typeof given !== 'object' || given === null) throw complaint('config', 'settings', 'must be an object');
  for (const [name, value] of Object.entries(given)) {
    if (!SETTINGS.includes(name))
      throw complaint('config', name, `is no setting; there are ${SETTINGS.join(', ')}`);
    if (value !== undefined && typeof value !== 'number') {
      throw complaint('config', name, 'must be a number');
    }
  }
  return settings as NativeSettings;
}

function read(text: string): RefresherStats {
  return JSON.parse(text) as RefresherStats;
}
