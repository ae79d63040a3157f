/** What all handles can do: call any operation by its name, call a path that is not known, and take options. */

import { json } from './arguments.js';
import { Caller, type CallOptions, type Reply, replyOf } from './call.js';
import { complaint } from './errors.js';
import { notMade } from './made.js';
import type { FullReply } from './native.js';

/** What a call of a path takes beside it. */
export interface RequestOptions extends CallOptions {
  /** Parameters of the query; a list is sent as often as it has items. */
  query?:
    Readonly<Record<string, string | number | boolean | readonly (string | number | boolean)[]>> | undefined;
  /** The JSON body. */
  body?: unknown;
}

/** The caller of a handle. For this package alone. */
export let callerOf: (handle: Handle) => Caller;

/** Any handle: a client, an organization, an account or a service account. */
export abstract class Handle {
  readonly #caller: Caller;

  static {
    callerOf = (handle) => handle.#caller;
  }

  /** @internal */
  constructor(caller: Caller) {
    if (!(caller instanceof Caller)) {
      notMade(
        'a handle',
        'take one from a client: `client.organization(id)`, `organization.impersonate(sub)`, …',
      );
    }
    this.#caller = caller;
  }

  /**
   * Calls an operation by its name, with arguments by their wire names.
   *
   * @throws {@link InvalidError}, before any I/O, for an unknown operation, for one that needs another credential, and for
   * arguments that are missing, unknown or of the wrong shape.
   */
  send(operation: string, args: object = {}, options?: CallOptions): Promise<Reply> {
    return this.#caller.reply(operation, args, options);
  }

  /**
   * Follows the link to the next page that an earlier reply of `operation` held.
   *
   * @throws {@link InvalidError}, naming `next_page`, if the link leads anywhere but to Cronofy's API: credentials never
   * follow it.
   */
  follow(operation: string, nextPage: string, options?: CallOptions): Promise<Reply> {
    return this.#caller.follow(operation, nextPage, options);
  }

  /**
   * Calls a path below `/v1/` that this version doesn't know. A `GET`, `PUT` or `DELETE` may be repeated, anything else only
   * if it surely never arrived.
   */
  async request(method: string, path: string, options: RequestOptions = {}): Promise<Reply> {
    const query: string[] = [];
    for (const [name, value] of Object.entries(options.query ?? {})) {
      for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
        if (!['string', 'number', 'boolean'].includes(typeof item)) {
          throw complaint(
            'invalid',
            `query.${name}`,
            'must be a string, a number or a boolean, or a list of such',
          );
        }
        query.push(name, String(item));
      }
    }
    const body = options.body === undefined ? undefined : json('body', options.body);
    const full = await this.#caller.act<FullReply>(
      (native, mayBeCancelled) => (channel, id) => {
        native.request(channel, id, method, path, query, body, mayBeCancelled);
      },
      options,
    );
    return replyOf(full);
  }

  /** The same handle with other options for its calls. A cheap view. */
  withOptions(options: CallOptions): this {
    const own = this.constructor as new (caller: Caller) => this;
    return new own(this.#caller.with(options));
  }
}
