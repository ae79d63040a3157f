/** What an application says to an adapter and gets from it, whatever the framework: each adapter exports these types. */

import type { AuthorizationRequest } from '../authorization.js';
import type { Client } from '../client.js';
import type { Connection } from '../connection.js';
import type { OrgconnectError } from '../errors.js';
import type { Organization } from '../handles.js';
import type { Notification } from '../notifications.js';
import type { Awaitable } from '../store.js';
import type { ReplayGuard, Webhooks } from '../webhooks.js';

/** How an application connects its tenants. `R` is what the framework calls a request. */
export interface ConnectOptions<R> {
  /** The client. The adapter does not close it. */
  client: Client;
  /** The URL of the route that `callback` serves, as it is registered with Cronofy. */
  redirectUri: string;
  /**
   * Says on whose behalf a request is made, after your own authentication, and `undefined` if on nobody's. The tenant names
   * the connection in the token store, so that each has an organization of its own.
   */
  tenant: (request: R) => Awaitable<string | null | undefined>;
  /** The path of the route that `connect` serves. Default `/connect`. */
  connectPath?: string | undefined;
  /** Where a browser goes at the end when the request named no `returnTo`. Default `/`. */
  returnTo?: string | undefined;
  /** Origins that `returnTo` may lead to beside paths of this site. Default: none. */
  returnToOrigins?: readonly string[] | undefined;
  /** Adds to what is asked for: locale, provider, lifetime. */
  authorization?: ((request: R) => Awaitable<AuthorizationExtras>) | undefined;
  /** Runs when an organization was connected, before the browser goes on. */
  onConnected?: ((connection: Connection, request: R) => Awaitable<void>) | undefined;
  /**
   * Runs when one was not, for your log or metrics. What it returns is where the browser goes, by the rules of `returnTo`;
   * with `undefined` it gets a short page of text.
   */
  onFailed?: ((error: OrgconnectError, request: R) => Awaitable<string | undefined | void>) | undefined;
}

/** What an application may add to an authorization; the rest is the adapter's. */
export type AuthorizationExtras = Pick<
  AuthorizationRequest,
  'locale' | 'lifetime' | 'avoidLinking' | 'providerName' | 'linkToken'
>;

/** The routes that connect a tenant. `R` is what the framework calls a request, `H` what it calls a handler. */
export interface ConnectRoutes<R, H> {
  /** Sends an owner to Cronofy; `?returnTo=` says where to go in the end. For `GET` at `connectPath`. */
  readonly connect: H;
  /** Completes the authorization. Writes the token store. For `GET` at the path of `redirectUri`. */
  readonly callback: H;
  /**
   * The organization of whoever makes the request. No I/O of its own: whether it is connected is found out when it is used.
   *
   * @throws `AuthorizationError`, code `tenant_missing`, if it is nobody's request.
   */
  organizationOf(request: R): Promise<Organization>;
}

/** How a webhook receives. */
export interface WebhookOptions {
  /** Leaves out what has been processed already. Default: everything is processed. */
  guard?: ReplayGuard | undefined;
  /** The longest body that is read, in octets. Default 1 MiB. */
  maxBytes?: number | undefined;
}

/** How a webhook that belongs to no `orgconnect(…)` receives: whose signatures it accepts comes first. */
export interface OwnWebhookOptions extends WebhookOptions {
  /** Whose signatures are accepted: a client's application, or secrets of your own choice. */
  webhooks: Client | Webhooks;
}

/**
 * Handles one notification whose signature was right. Cronofy waits about five seconds, so put longer work into a queue. When it
 * throws, the framework answers with an error, and Cronofy sends the notification again.
 */
export type NotificationHandler<R> = (notification: Notification, request: R) => Awaitable<unknown>;
