/** A clock that tests move. */

import { native, type ManualClock as NativeClock } from './native.js';

/** The native clock. For this package alone. */
export let nativeClock: (clock: ManualClock) => NativeClock;

/**
 * A clock that moves only when told to, for tests. A client that is made with one takes it for the time by which tokens
 * expire.
 */
export class ManualClock {
  readonly #native: NativeClock;

  static {
    nativeClock = (clock) => clock.#native;
  }

  /** A clock that stands at `now`. Default: the time at which it is made. */
  constructor(now: Date | number | string = Date.now()) {
    this.#native = new native.ManualClock(new Date(now).getTime());
  }

  /** Where it stands. */
  now(): Date {
    return new Date(this.#native.now());
  }

  /** Moves the clock on by so many milliseconds. */
  advance(milliseconds: number): void {
    this.#native.advance(milliseconds);
  }
}
