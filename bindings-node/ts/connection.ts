/** A connection: one authorization that was granted, with its tokens in the store under an id. */

import { Caller, closed, type Life } from './call.js';
import { begin, outcome } from './channel.js';
import {
  accountOf,
  organizationOf,
  serviceAccountOf,
  type Account,
  type Organization,
  type ServiceAccount,
} from './handles.js';
import { notMade } from './made.js';
import type { Channel, Connection as NativeConnection, Handle as NativeHandle } from './native.js';
import { Secret } from './secret.js';

/** What a connection is for: `unknown` if its record can't be read, or was imported and never refreshed. */
export type ConnectionKind = 'organization' | 'account' | 'service_account' | 'unknown';

/**
 * Whether a connection can be used: `dead` when Cronofy answered that the grant is gone, `revoking` when the application
 * revokes it and Cronofy has not confirmed yet, `revoked` when it has. In lists, `unreadable` if there is a record that can't be
 * read: damaged, sealed with another key, or written by a newer version.
 */
export type ConnectionState = 'active' | 'dead' | 'revoking' | 'revoked' | 'unreadable';

/** What is known of a connection. Holds no secret. */
export interface ConnectionSummary {
  /** Its name in the store. */
  readonly id: string;
  /** What it is for. */
  readonly kind: ConnectionKind;
  /** Whether it can be used. */
  readonly state: ConnectionState;
  /** Since when it can't, if it can't. */
  readonly since: Date | undefined;
  /** Why its record can't be read, and what to do, if it can't. */
  readonly reason: string | undefined;
  /** Whether a refresh of another process had been interrupted before the grant was found dead, which may be what lost it. */
  readonly interrupted: boolean;
  /** The `sub` of whoever granted it. */
  readonly sub: string | undefined;
  /** The scope that was granted, separated by blanks. */
  readonly scope: string | undefined;
  /** When the access token was issued. The beginning of 1970 if the record can't be read. */
  readonly issuedAt: Date;
  /** When the access token ends. It is refreshed before. The beginning of 1970 if the record can't be read. */
  readonly expiresAt: Date;
  /** How often the record has been written. */
  readonly version: number;
  /** What else came with the grant, by wire names: `account_id`, `linking_profile`, … */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** Gives a call up, and nothing else: what stores tokens goes on to its end. */
export interface SignalOption {
  /** Gives the call up when it is aborted; the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Makes a connection. For this package alone. */
export let connectionOf: (own: NativeConnection, life: Life) => Connection;

/** A connection by its id. */
export class Connection {
  /** Its name in the store: what to keep, to use the connection another day. */
  readonly id: string;
  /** The payload that the authorization carried, if this connection was just completed. */
  readonly payload: string | undefined;
  readonly #native: NativeConnection;
  readonly #life: Life;

  static {
    connectionOf = (own, life) => new Connection(own, life);
  }

  private constructor(own: NativeConnection, life: Life) {
    if (typeof (own as Partial<NativeConnection> | undefined)?.accessToken !== 'function') {
      notMade('Connection', '`client.connection(id)` and `client.complete(…)` return one');
    }
    this.id = own.id();
    this.payload = own.payload() ?? undefined;
    this.#native = own;
    this.#life = life;
  }

  /** The organization, for a connection of Organization Connect. */
  get organization(): Organization {
    return organizationOf(this.#caller(this.#native.organization()));
  }

  /** The account, for a connection of Individual Connect or a delegated authorization. */
  get account(): Account {
    return accountOf(this.#caller(this.#native.account()));
  }

  /** The service account, for a connection of Enterprise Connect. */
  get serviceAccount(): ServiceAccount {
    return serviceAccountOf(this.#caller(this.#native.serviceAccount()));
  }

  /** Reads what the store knows of it. No request is made. */
  async summary(options?: SignalOption): Promise<ConnectionSummary> {
    return readSummary(await this.#act((channel, id) => this.#native.summary(channel, id), options));
  }

  /**
   * Hands out an access token that is good now, refreshing if need be. Writes the token store when it refreshes.
   *
   * For what this SDK doesn't do itself; every use is a place to look at in a review.
   */
  async accessToken(options?: SignalOption): Promise<Secret> {
    return new Secret(await this.#act((channel, id) => this.#native.accessToken(channel, id), options));
  }

  /**
   * Refreshes the access token now, whatever its expiry says. Writes the token store.
   *
   * There is no need to call this: tokens are refreshed by themselves.
   */
  async refresh(options?: SignalOption): Promise<ConnectionSummary> {
    return readSummary(await this.#act((channel, id) => this.#native.refresh(channel, id), options));
  }

  /**
   * Revokes the grant at Cronofy and erases its tokens. Writes the token store.
   *
   * In this process the connection can't be used from the moment on that this is called, and a refresh that is under way
   * does not bring it back; other processes find out when Cronofy refuses their token, or at their next refresh. If Cronofy
   * can't be reached the error is transient, the tokens are kept for the next try, and the connection stays out of use. A
   * connection that is revoked already stays so.
   */
  async revoke(options?: SignalOption): Promise<void> {
    await this.#act((channel, id) => this.#native.revoke(channel, id), options);
  }

  #caller(native: NativeHandle): Caller {
    return new Caller(native, this.#life);
  }

  async #act(
    act: (channel: Channel, id: number) => void,
    options: SignalOption | undefined,
  ): Promise<string> {
    if (this.#life.closed) throw closed();
    return outcome<string>(begin(act, options?.signal));
  }
}

interface RawSummary extends Omit<
  ConnectionSummary,
  'since' | 'reason' | 'issuedAt' | 'expiresAt' | 'sub' | 'scope'
> {
  since: number | null;
  reason: string | null;
  issuedAt: number;
  expiresAt: number;
  sub: string | null;
  scope: string | null;
}

/** Reads a summary, or an array of them, as the native part writes it. */
export function readSummary(text: string): ConnectionSummary {
  return summaryOf(JSON.parse(text) as RawSummary);
}

/** Reads a list of summaries. */
export function readSummaries(text: string): ConnectionSummary[] {
  return (JSON.parse(text) as RawSummary[]).map(summaryOf);
}

function summaryOf(raw: RawSummary): ConnectionSummary {
  return {
    ...raw,
    since: raw.since === null ? undefined : new Date(raw.since),
    reason: raw.reason ?? undefined,
    sub: raw.sub ?? undefined,
    scope: raw.scope ?? undefined,
    issuedAt: new Date(raw.issuedAt),
    expiresAt: new Date(raw.expiresAt),
  };
}
