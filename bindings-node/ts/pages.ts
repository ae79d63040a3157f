/** Pages of a list, one after the other, and their items. */

import type { Caller, CallOptions } from './call.js';
import { DecodeError } from './errors.js';
import { notMade } from './made.js';

/** Makes a list that comes in pages. For this package alone. */
export let pagesOf: <P, T>(
  caller: Caller,
  operation: string,
  items: readonly string[],
  args?: object,
  options?: CallOptions,
) => Pages<P, T>;

/**
 * A list that comes in pages. Nothing is sent before a page or an item is asked for, and each loop begins at the first page.
 *
 * Links to next pages are followed only on Cronofy's API.
 *
 * @example
 * ```ts
 * for await (const member of organization.members.list()) console.log(member.email);
 * ```
 */
export class Pages<P, T> implements AsyncIterable<T> {
  readonly #first: () => ReturnType<Caller['reply']>;
  readonly #next: (link: string) => ReturnType<Caller['follow']>;
  readonly #items: readonly string[];

  static {
    pagesOf = (caller, operation, items, args, options) => new Pages(caller, operation, items, args, options);
  }

  private constructor(
    caller: Caller,
    operation: string,
    items: readonly string[],
    args?: object,
    options?: CallOptions,
  ) {
    if (typeof operation !== 'string') notMade('Pages', 'operations that list return them');
    // What is asked for is fixed now, whatever becomes of the object that said it.
    const fixed = { ...args };
    this.#first = () => caller.reply(operation, fixed, options);
    this.#next = (link) => caller.follow(operation, link, options);
    this.#items = items;
  }

  /** The pages. */
  async *pages(): AsyncGenerator<P, void, undefined> {
    let reply = await this.#first();
    for (;;) {
      yield reply.json<P>();
      const next = reply.nextPage;
      if (next === undefined) return;
      reply = await this.#next(next);
      if (reply.nextPage === next) {
        throw new DecodeError('the list has no end: its next page is the same page; report this to Cronofy');
      }
    }
  }

  /** The items of all pages. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for await (const page of this.pages()) yield* this.#itemsOf(page);
  }

  /** The items of all pages, collected. */
  async all(): Promise<T[]> {
    const all: T[] = [];
    for await (const page of this.pages()) for (const item of this.#itemsOf(page)) all.push(item);
    return all;
  }

  #itemsOf(page: P): T[] {
    let found: unknown = page;
    for (const step of this.#items) found = (found as Record<string, unknown> | null | undefined)?.[step];
    return Array.isArray(found) ? (found as T[]) : [];
  }
}
