/**
 * The callback: takes what the browser brought back, and decides, without any request, whether it answers the authorization
 * that is pending.
 */

import { AuthorizationError } from '../errors.js';
import { unseal, type Flow } from './authorize.js';
import { equal, octets } from './encoding.js';
import { endpointsOf, type EdgeSettings } from './settings.js';

/** A callback that answers the authorization. */
export interface EdgeCallback {
  /** The code, for the exchange by a backend. It is a secret until it is spent. */
  readonly code: string;
  /** The redirect URI that the exchange must name. */
  readonly redirectUri: string;
  /** Which flow it is. */
  readonly flow: Flow;
  /** The payload that rode along. */
  readonly payload: string | undefined;
  /** The name that the connection is to have. */
  readonly connectionId: string | undefined;
}

/** Longer ones are no callback of Cronofy's. */
const LONGEST = 16 * 1024;

/**
 * Checks a callback against the text from the owner's session, and takes the code out of it. No I/O; that the state is used
 * once is for whoever exchanges the code to see to, as `client.complete` does.
 *
 * @throws {@link AuthorizationError} with a code: `callback_malformed`, `state_missing`, `state_mismatch`, `state_expired`,
 * `issuer_mismatch`, `client_mismatch`, `redirect_mismatch`, `pending_invalid`, or the `error` that Cronofy sent, such as
 * `access_denied`.
 */
export async function readCallback(
  settings: EdgeSettings,
  session: string,
  callback: string | URL | URLSearchParams,
): Promise<EdgeCallback> {
  const endpoints = endpointsOf(settings);
  const pending = await unseal(session, settings.clientSecret);
  if (pending.client_id !== settings.clientId || pending.endpoints !== endpoints.name) {
    throw again(
      'client_mismatch',
      'pending',
      'the authorization was begun for another application or data center',
    );
  }
  const { location, parameters } = parse(callback);
  if (location !== undefined && !samePlace(location, pending.redirect_uri)) {
    throw again(
      'redirect_mismatch',
      'callback',
      'the callback came to another address than the redirect URI',
    );
  }
  const state = single(parameters, 'state') ?? '';
  if (state === '') throw again('state_missing', 'state', 'the callback has no state');
  if (!equal(octets(state), octets(pending.state))) {
    throw again('state_mismatch', 'state', "the state is not that of this session's authorization");
  }
  if (Date.now() >= pending.expires_at_ms) {
    throw again('state_expired', 'state', 'the authorization was begun too long ago');
  }
  const issuer = single(parameters, 'iss');
  if (issuer !== undefined && issuer !== endpoints.app && issuer !== endpoints.api) {
    throw again('issuer_mismatch', 'iss', 'the callback names another issuer than this data center');
  }
  return {
    code: codeOf(single(parameters, 'code'), single(parameters, 'error')),
    redirectUri: pending.redirect_uri,
    flow: pending.flow,
    payload: pending.payload ?? undefined,
    connectionId: pending.connection_id ?? undefined,
  };
}

function codeOf(code: string | undefined, error: string | undefined): string {
  if (code !== undefined && error !== undefined) throw malformed('has both a code and an error');
  if (error !== undefined) throw refusal(error);
  if (code === undefined) throw malformed('has neither a code nor an error');
  if (!/^[\x21-\x7e]{1,512}$/.test(code))
    throw malformed('has a code that is not 1 to 512 visible ASCII characters');
  return code;
}

function parse(callback: string | URL | URLSearchParams): {
  location: string | undefined;
  parameters: URLSearchParams;
} {
  if (callback instanceof URLSearchParams) return { location: undefined, parameters: callback };
  const text = typeof callback === 'string' ? callback : callback.href;
  if (text.length > LONGEST) throw malformed('is longer than any callback');
  if (/[\s\p{Cc}]/u.test(text)) throw malformed('holds blanks or control characters');
  // What begins with `name=` is a query string, whatever addresses its values hold.
  const isBare = /^[^=?/:]+=/.test(text);
  const mark = isBare ? -1 : text.indexOf('?');
  if (mark < 0 && !isBare) throw malformed('has no query');
  const [query = '', ...fragments] = text.slice(mark + 1).split('#');
  const fragment = fragments.join('#');
  // Some servers add an empty fragment; one that carries parameters was not sent to a code redirect.
  if (fragment.includes('=') && fragment !== '_=_') throw malformed('carries parameters in its fragment');
  const before = isBare ? '' : text.slice(0, mark);
  const location = before === '' || before.startsWith('/') ? undefined : before;
  if (location !== undefined && !URL.canParse(location)) throw malformed('is not a URL');
  return { location, parameters: new URLSearchParams(query) };
}

/** A parameter that may be there once. A doubled one is a sign of tampering: two readers would read two values. */
function single(parameters: URLSearchParams, name: string): string | undefined {
  const values = parameters.getAll(name);
  if (values.length > 1) throw malformed(`has the parameter \`${name}\` more than once`);
  return values[0];
}

function samePlace(location: string, redirectUri: string): boolean {
  const [a, b] = [new URL(location), new URL(redirectUri)];
  return a.origin === b.origin && a.pathname === b.pathname && a.username === '';
}

function refusal(error: string): AuthorizationError {
  const code = /^[A-Za-z0-9_-]{1,64}$/.test(error) ? error : 'authorization_failed';
  const isTransient = code === 'server_error' || code === 'temporarily_unavailable';
  const message =
    code === 'access_denied'
      ? 'the owner denied the authorization (access_denied); explain why it is needed and offer to try again'
      : isTransient
        ? `Cronofy could not carry out the authorization (${code}); try again later`
        : `Cronofy refused the authorization request (${code}); check scope, redirect URI and application`;
  return new AuthorizationError(message, { code, isTransient, needsReauthorization: true });
}

function malformed(why: string): AuthorizationError {
  return new AuthorizationError(
    `the callback ${why}; pass the URL or query string exactly as the browser brought it`,
    {
      code: 'callback_malformed',
      fields: { callback: [{ key: 'errors.invalid', description: why }] },
    },
  );
}

function again(code: string, field: string, why: string): AuthorizationError {
  return new AuthorizationError(`${why}; nothing was sent; send the owner through authorize again`, {
    code,
    fields: { [field]: [{ key: 'errors.invalid', description: why }] },
    needsReauthorization: true,
  });
}
