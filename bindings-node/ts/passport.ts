/**
 * A Passport strategy: people sign in by connecting their calendar, or their organization. Tokens go into the client's store, and
 * never through the session. Passport itself is not needed to load this.
 *
 * @packageDocumentation
 */

import { authorizeSignIn, type SignInRequest } from './adapters/request.js';
import type { Client } from './client.js';
import type { Connection } from './connection.js';
import { complaint, ConfigError, OrgconnectError } from './errors.js';
import type { Awaitable } from './store.js';

export type { SignInRequest };

/** What is used of a request. The session is that of `express-session` or the like. */
export interface PassportRequest {
  readonly url?: string | undefined;
  readonly originalUrl?: string | undefined;
  readonly session?: unknown;
}

/** What Passport gives a strategy to end with. */
export interface PassportActions {
  success(user: any, info?: any): void;
  fail(challenge?: any, status?: any): void;
  redirect(url: string, status?: number): void;
  error(error: any): void;
}

/** How a {@link Strategy} signs people in. */
export interface StrategyOptions<R> extends SignInRequest {
  /** The client. */
  client: Client;
  /** The URL of the route that people come back to, as it is registered with Cronofy. */
  redirectUri: string;
  /** The name for `passport.authenticate(…)`. Default `cronofy`. */
  name?: string | undefined;
  /** Names the connection in the token store. Default: the `sub` of the grant. */
  connectionId?: ((request: R) => Awaitable<string | undefined>) | undefined;
}

/**
 * Says who a person is who has connected: your own user, or `false` for nobody who may sign in. The connection is stored by then.
 */
export type Verify<R> = (connection: Connection, request: R) => Awaitable<object | false | null | undefined>;

/**
 * Signs people in by Cronofy.
 *
 * What the callback is checked against is kept in `request.session`, and counts once. A denial, and a callback that doesn't belong
 * to this session, fail with 403 and the code as the challenge's `message`; anything else that goes wrong is an error.
 *
 * @example
 * ```ts
 * passport.use(
 *   new Strategy({ client, redirectUri, scopes: ['read_account', 'read_events'] }, async (connection) => {
 *     const { sub, email } = await connection.account.userinfo.read();
 *     return users.upsert({ id: sub, email });
 *   }),
 * );
 * app.get('/sign-in', passport.authenticate('cronofy'));
 * app.get('/sign-in/callback', passport.authenticate('cronofy', { successRedirect: '/' }));
 * ```
 */
export class Strategy<R extends PassportRequest = PassportRequest> {
  readonly name: string;
  /** What Passport calls. */
  readonly authenticate: (this: PassportActions, request: R, options?: unknown) => void;

  /** @throws `InvalidError` or `ConfigError`, naming the option that is wrong. */
  constructor(options: StrategyOptions<R>, verify: Verify<R>) {
    const { client, redirectUri, name = 'cronofy', connectionId, ...asked } = options;
    if (typeof verify !== 'function') throw complaint('config', 'verify', 'must be a function');
    authorizeSignIn(client, asked, redirectUri);
    this.name = name;
    const key = `orgconnect:${name}`;

    const begin = async (request: R, actions: PassportActions) => {
      const id = await connectionId?.(request);
      const pending = authorizeSignIn(client, asked, redirectUri, id);
      sessionOf(request)[key] = String(pending);
      actions.redirect(pending.url);
    };

    const finish = async (request: R, query: string, actions: PassportActions) => {
      const session = sessionOf(request);
      const pending = session[key];
      delete session[key];
      if (typeof pending !== 'string') {
        actions.fail({ message: 'pending_missing' }, 403);
        return;
      }
      let connection: Connection;
      try {
        connection = await client.complete(pending, query);
      } catch (error) {
        if (!(error instanceof OrgconnectError) || error.kind !== 'authorization') throw error;
        actions.fail({ message: error.code ?? error.kind }, 403);
        return;
      }
      const user = await verify(connection, request);
      if (user) actions.success(user);
      else actions.fail({ message: 'unknown_user' }, 403);
    };

    // Passport derives an object from this one for each request, so nothing here is a private field.
    this.authenticate = function (request) {
      const address = request.originalUrl ?? request.url ?? '';
      const query = address.includes('?') ? address.slice(address.indexOf('?')) : '';
      const parameters = new URLSearchParams(query);
      const comesBack = parameters.has('code') || parameters.has('error');
      (comesBack ? finish(request, query, this) : begin(request, this)).catch((error: unknown) => {
        this.error(error);
      });
    };
  }
}

function sessionOf(request: PassportRequest): Record<string, unknown> {
  const { session } = request;
  if (typeof session === 'object' && session !== null) return session as Record<string, unknown>;
  throw new ConfigError('session: is missing; use express-session, or another one, before Passport', {
    fields: { session: [{ key: 'errors.required', description: 'is missing' }] },
  });
}
