/** The client: one application at one Cronofy, its settings, its store and its pool of connections. */

import { ClientAreas } from './api/handles.js';
import { text } from './arguments.js';
import {
  begun,
  callbackText,
  PendingAuthorization,
  pendingOf,
  type AuthorizationRequest,
  type CallbackInput,
  type EnterpriseAuthorizationRequest,
  type IndividualAuthorizationRequest,
} from './authorization.js';
import { Caller, type CallOptions, closed, type Life } from './call.js';
import { begin, now, outcome } from './channel.js';
import { nativeClock } from './clock.js';
import {
  connectionOf,
  readSummaries,
  type Connection,
  type ConnectionSummary,
  type SignalOption,
} from './connection.js';
import { complaint } from './errors.js';
import { callerOf } from './handle.js';
import {
  accountOf,
  adminOf,
  organizationOf,
  serviceAccountOf,
  type Account,
  type AdminClient,
  type Organization,
  type ServiceAccount,
} from './handles.js';
import {
  native,
  type Channel,
  type Client as NativeClient,
  type Connection as NativeConnection,
  type Handle as NativeHandle,
} from './native.js';
import {
  refresherOf,
  refresherSettings,
  stopAll,
  type Refresher,
  type RefresherSettings,
} from './refresher.js';
import { nativeSettings, type ClientSettings } from './settings.js';
import { nativeStore } from './store.js';
import { Webhooks } from './webhooks.js';

/**
 * An application, ready to authorize and to call. Make one for the life of the process, and close it at the end.
 *
 * @example
 * ```ts
 * const client = new Client({ clientId, clientSecret, dataCenter: 'uk', store: new SqliteStore('tokens.db') });
 * const pending = client.authorize({ redirectUri: 'https://app.example/callback' });
 * // send the owner to pending.url, keep String(pending) in their session; then
 * const connection = await client.complete(pending, callbackUrl);
 * ```
 */
export class Client extends ClientAreas {
  readonly #native: NativeClient;
  readonly #life: Life;

  /**
   * Checks the settings and makes the client. No I/O but reading certificates.
   *
   * @throws {@link ConfigError}, naming the setting.
   */
  constructor(settings: ClientSettings);
  /** @internal */
  constructor(caller: Caller, own: NativeClient);
  constructor(given: ClientSettings | Caller, own?: NativeClient) {
    if (given instanceof Caller) {
      super(given);
      this.#native = own as NativeClient;
      this.#life = given.life;
      return;
    }
    const settings = nativeSettings(given);
    const store = given.store === undefined ? undefined : nativeStore(given.store);
    const clock = given.clock === undefined ? undefined : nativeClock(given.clock);
    const client = now(() => native.Client.build(settings, store, clock));
    const life: Life = { closed: false, keep: given.store };
    super(new Caller(client.handle(), life));
    this.#native = client;
    this.#life = life;
  }

  /**
   * Builds the URL to send an owner of an organization to, and the value that the callback is checked against. No I/O.
   *
   * @throws {@link InvalidError}, naming what is wrong with the request.
   */
  authorize(request: AuthorizationRequest): PendingAuthorization {
    return begun(this.#native, 'authorize', request);
  }

  /** The same for one account: Individual Connect. */
  authorizeIndividual(request: IndividualAuthorizationRequest): PendingAuthorization {
    return begun(this.#native, 'authorizeIndividual', request);
  }

  /** The same for a service account: Enterprise Connect. */
  authorizeEnterprise(request: EnterpriseAuthorizationRequest): PendingAuthorization {
    return begun(this.#native, 'authorizeEnterprise', request);
  }

  /**
   * Reads a pending authorization back from the owner's session.
   *
   * @throws {@link AuthorizationError}, code `pending_invalid`, if it is not one that this application made.
   */
  pending(session: string): PendingAuthorization {
    return pendingOf(now(() => this.#native.pending(text('pending', session))));
  }

  /**
   * Completes an authorization: checks the callback, exchanges the code, stores the tokens. Writes the token store.
   *
   * It goes on to its end even if the caller goes away: a code that was spent is not lost.
   *
   * The callback is the full URL, or its query string, as the browser brought it. Nothing is sent unless the state is that of
   * the pending authorization, unexpired and unused.
   *
   * @throws {@link AuthorizationError} if the owner denied it (code `access_denied`), if the callback doesn't belong to the
   * pending authorization, or if Cronofy doesn't accept the code.
   */
  async complete(
    pending: PendingAuthorization | string,
    callback: CallbackInput,
    options?: SignalOption,
  ): Promise<Connection> {
    const session = pending instanceof PendingAuthorization ? pending.toString() : text('pending', pending);
    const came = callbackText(callback);
    const completed = await this.#act<NativeConnection>(
      (channel, id) => this.#native.complete(channel, id, session, came),
      options,
    );
    return connectionOf(completed, this.#life);
  }

  /**
   * Exchanges the code that came to the `callback_url` of a delegated authorization (Enterprise Connect, Business Connect).
   * Writes the token store. `connectionId` defaults to the `sub` of the grant.
   */
  async completeDelegated(
    code: string,
    callbackUrl: string,
    options: SignalOption & { connectionId?: string | undefined } = {},
  ): Promise<Connection> {
    text('code', code);
    text('callback_url', callbackUrl);
    const completed = await this.#act<NativeConnection>(
      (channel, id) => this.#native.completeDelegated(channel, id, code, callbackUrl, options.connectionId),
      options,
    );
    return connectionOf(completed, this.#life);
  }

  /**
   * Takes over a refresh token that was obtained elsewhere, by another SDK of the same application, under an id of your choice:
   * it is stored, and refreshed at once. Writes the token store.
   *
   * From then on it is kept here alone: Cronofy may change a refresh token when it is used, so whatever used it before must stop.
   * Call it again with the same arguments if the error is transient: the refresh token is kept until it works.
   *
   * @throws {@link InvalidError}, code `connection_exists`, if the id is in use; {@link AuthorizationError} if Cronofy does not
   * accept the refresh token.
   */
  async importConnection(
    connectionId: string,
    refreshToken: string,
    options: SignalOption = {},
  ): Promise<Connection> {
    text('connection_id', connectionId);
    text('refresh_token', refreshToken);
    const imported = await this.#act<NativeConnection>(
      (channel, id) => this.#native.importConnection(channel, id, connectionId, refreshToken),
      options,
    );
    return connectionOf(imported, this.#life);
  }

  /** Refreshes connections before they end, in the background or once. */
  refresher(settings: RefresherSettings = {}): Refresher {
    const refresher = this.#native.refresher(refresherSettings(settings));
    return refresherOf(refresher, this.#life);
  }

  /** A connection by its id. No I/O: whether it exists is found out when it is used. */
  connection(id: string): Connection {
    return connectionOf(
      now(() => this.#native.connection(text('connection_id', id))),
      this.#life,
    );
  }

  /** The organization of a connection of Organization Connect. No I/O. */
  organization(id: string): Organization {
    return organizationOf(this.#caller(now(() => this.#native.organization(text('connection_id', id)))));
  }

  /**
   * The account of a connection of Individual Connect, of a delegated authorization, or an application calendar. No I/O.
   */
  account(id: string): Account {
    return accountOf(this.#caller(now(() => this.#native.account(text('connection_id', id)))));
  }

  /** The service account of a connection of Enterprise Connect. No I/O. */
  serviceAccount(id: string): ServiceAccount {
    return serviceAccountOf(this.#caller(now(() => this.#native.serviceAccount(text('connection_id', id)))));
  }

  /** The organization of an Internal Application: the `clientSecret` is its bearer, and there is nothing to connect. */
  internalOrganization(): Organization {
    return organizationOf(this.#caller(this.#native.internalOrganization()));
  }

  /** The same client with an Admin API key as its credential, for provisioning applications. */
  admin(key: string): AdminClient {
    return adminOf(this.#caller(now(() => this.#native.admin(text('key', key)))));
  }

  /**
   * Opens the application calendar with this id of your own, which Cronofy creates at the first call. Writes the token
   * store, under the `sub` of the calendar.
   */
  async applicationCalendar(applicationCalendarId: string, options?: SignalOption): Promise<Account> {
    text('application_calendar_id', applicationCalendarId);
    const account = await this.#act<NativeHandle>(
      (channel, id) => this.#native.applicationCalendar(channel, id, applicationCalendarId),
      options,
    );
    return accountOf(this.#caller(account));
  }

  /**
   * Lists stored connections in the order of their ids, at most `limit`, beginning after `after`. Reads the token store only.
   * One whose record can't be read is listed as `unreadable`. A page may be short; only an empty one is the end.
   */
  async connections(
    options: SignalOption & { after?: string | undefined; limit?: number | undefined } = {},
  ): Promise<ConnectionSummary[]> {
    const { after, limit = 100 } = options;
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw complaint('invalid', 'limit', 'must be a positive integer');
    }
    const found = await this.#act<string>(
      (channel, id) => this.#native.connections(channel, id, after, limit),
      options,
    );
    return readSummaries(found);
  }

  /**
   * Revokes by `sub`: an account, an application calendar, a service account (with everything obtained through it) or an
   * organization. Tokens in the store are left as they are: Cronofy refuses them from then on.
   */
  async revokeSub(sub: string, options?: SignalOption): Promise<void> {
    text('sub', sub);
    await this.#act((channel, id) => this.#native.revokeSub(channel, id, sub), options);
  }

  /** The namespace of this application's records in a store: `uk/CLIENT_ID`. */
  get namespace(): string {
    return this.#native.namespace();
  }

  /** Checks the signatures of what Cronofy posts to this application. */
  get webhooks(): Webhooks {
    return new Webhooks(this.#native.webhooks());
  }

  override withOptions(options: CallOptions): this {
    return new Client(callerOf(this).with(options), this.#native) as this;
  }

  /**
   * Waits for refreshes that are under way in the background, and for tokens that could not be saved yet. Writes the token
   * store.
   *
   * Call it before a short-lived program ends: a refresh that is cut off between Cronofy's answer and the store may cost the
   * connection. {@link Client.close} does it too.
   *
   * @throws {@link StoreError} if tokens still can't be saved; they are lost if the process ends now.
   */
  async settle(): Promise<void> {
    await this.#act((channel, id) => this.#native.settle(channel, id));
  }

  /**
   * Takes the client, its handles and its refreshers out of use, and settles. Calls that are under way go on to their end; new ones are
   * refused. A client that is closed already stays so.
   */
  async close(): Promise<void> {
    if (this.#life.closed) return;
    this.#life.closed = true;
    await stopAll(this.#life);
    await outcome(begin((channel, id) => this.#native.settle(channel, id)));
  }

  /** What `await using` does at the end of a block: {@link Client.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #caller(handle: NativeHandle): Caller {
    return new Caller(handle, this.#life).with(callerOf(this).options);
  }

  async #act<T>(act: (channel: Channel, id: number) => void, options?: SignalOption): Promise<T> {
    if (this.#life.closed) throw closed();
    if (options !== undefined && (typeof options !== 'object' || options === null)) {
      throw complaint('invalid', 'options', 'must be an object');
    }
    return outcome<T>(begin(act, options?.signal));
  }
}
