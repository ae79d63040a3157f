/** Asking an owner for authorization, and the value that ties the callback to the request that it answers. */

import { now } from './channel.js';
import { complaint } from './errors.js';
import { notMade } from './made.js';
import type { Client as NativeClient, Pending, Request as NativeRequest } from './native.js';

/** Which of Cronofy's flows an authorization uses. */
export type Flow = 'organization' | 'individual' | 'enterprise';

/** What to ask an owner for. */
export interface AuthorizationRequest {
  /** Where the owner comes back with a code: http or https. */
  redirectUri: string;
  /** The display language of the pages, for example `de`. Default: the browser's. */
  locale?: string | undefined;
  /**
   * Text that rides along, in the state unless that is your own, and is handed back by `complete`. It can be read by whoever
   * sees the URL, so it must not be secret; it can't be changed unnoticed. At most 1,024 octets.
   */
  payload?: string | undefined;
  /** Uses this state instead of a random one: 22 to 512 visible ASCII characters, unguessable, never used before. */
  state?: string | undefined;
  /** Names the connection in the token store, for example after a tenant. Default: the `sub` of the grant. */
  connectionId?: string | undefined;
  /** How many milliseconds the owner has to approve: at most 24 hours. Default 10 minutes. */
  lifetime?: number | undefined;
  /** Keeps the new calendar account apart from one that the same browser has connected before. */
  avoidLinking?: boolean | undefined;
  /** Selects the calendar provider beforehand: `google`, `office365`, `apple`, …; `cronofy` for no calendar access. */
  providerName?: string | undefined;
  /** Links the calendar account to an existing Cronofy account, by a token from `linkTokens.create`. */
  linkToken?: string | undefined;
  /** Asks for scopes that may later be granted to users or resources. Enterprise Connect and Business Connect. */
  delegatedScopes?: readonly string[] | undefined;
}

/** What to ask one user for. */
export interface IndividualAuthorizationRequest extends AuthorizationRequest {
  /** The scopes: `read_events`, `create_event`, … */
  scopes: readonly string[];
}

/** What to ask an administrator for. */
export interface EnterpriseAuthorizationRequest extends AuthorizationRequest {
  /** The scopes of the service account. */
  scopes: readonly string[];
  /** The scopes that it may later delegate. */
  delegatedScopes: readonly string[];
}

/** Makes a pending authorization. For this package alone. */
export let pendingOf: (pending: Pending) => PendingAuthorization;

/**
 * An authorization that waits for its callback. Send the owner to `url`, and keep what `String(pending)` or
 * `JSON.stringify` makes of it in the owner's session until the callback arrives.
 */
export class PendingAuthorization {
  /** Which flow it is. */
  readonly flow: Flow;
  /** The payload that rides along. */
  readonly payload: string | undefined;
  /** When it is too late to complete. */
  readonly expiresAt: Date;
  readonly #url: string;
  readonly #text: string;

  static {
    pendingOf = (pending) => new PendingAuthorization(pending);
  }

  private constructor(pending: Pending) {
    if (typeof (pending as Partial<Pending> | undefined)?.text !== 'string') {
      notMade('PendingAuthorization', '`client.authorize(…)` and `client.pending(session)` return one');
    }
    this.flow = pending.flow as Flow;
    this.payload = pending.payload ?? undefined;
    this.expiresAt = new Date(pending.expiresAt);
    this.#url = pending.url;
    this.#text = pending.text;
  }

  /** Where to send the owner. */
  get url(): string {
    return this.#url;
  }

  /** One opaque text for the owner's session. It is signed, not encrypted. */
  toString(): string {
    return this.#text;
  }

  /** The same text. */
  toJSON(): string {
    return this.#text;
  }
}

/** What came back on the redirect: the full URL, its query string, or its parameters. */
export type CallbackInput = string | URL | URLSearchParams;

/** A callback as the text that the core reads. */
export function callbackText(callback: CallbackInput): string {
  if (typeof callback === 'string') return callback;
  if (callback instanceof URL) return callback.href;
  if (callback instanceof URLSearchParams) return `?${callback.toString()}`;
  throw complaint('invalid', 'callback', 'must be the URL or the query string that the browser brought');
}

const TYPES: Record<keyof NativeRequest, 'string' | 'boolean' | 'number' | 'strings'> = {
  redirectUri: 'string',
  scopes: 'strings',
  delegatedScopes: 'strings',
  state: 'string',
  payload: 'string',
  locale: 'string',
  avoidLinking: 'boolean',
  providerName: 'string',
  linkToken: 'string',
  connectionId: 'string',
  lifetime: 'number',
};

/** Begins an authorization with one of the client's methods. */
export function begun(
  client: NativeClient,
  flow: 'authorize' | 'authorizeIndividual' | 'authorizeEnterprise',
  request: AuthorizationRequest,
): PendingAuthorization {
  const given: unknown = request;
  if (typeof given !== 'object' || given === null) throw complaint('invalid', 'request', 'must be an object');
  const checked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const type = TYPES[name as keyof NativeRequest];
    if (!type) throw complaint('invalid', name, `is not known; known are ${Object.keys(TYPES).join(', ')}`);
    const fits =
      type === 'strings'
        ? Array.isArray(value) && value.every((item) => typeof item === 'string')
        : typeof value === type;
    if (!fits)
      throw complaint(
        'invalid',
        name,
        type === 'strings' ? 'must be a list of strings' : `must be a ${type}`,
      );
    checked[name] = type === 'strings' ? [...(value as string[])] : value;
  }
  if (checked.redirectUri === undefined) throw complaint('invalid', 'redirect_uri', 'is missing');
  return pendingOf(now(() => client[flow](checked as unknown as NativeRequest)));
}
