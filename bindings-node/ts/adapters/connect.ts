/**
 * Connecting an organization in a web application, whatever its framework: the way to Cronofy, the way back, and the
 * organization of whoever asks. The adapters translate requests to this and its answers back.
 */

import { AuthorizationError, complaint, OrgconnectError, type ErrorKind } from '../errors.js';
import type { Organization } from '../handles.js';
import type { ConnectOptions } from './options.js';
import { ReturnTo } from './return-to.js';

/** What to answer a browser with. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** The part of the adapters that knows no framework. */
export class ConnectFlow<R> {
  readonly #options: ConnectOptions<R>;
  readonly #returnTo: ReturnTo;
  readonly #cookie: { readonly name: string; readonly attributes: string };
  readonly #connectPath: string;
  readonly #home: string;

  constructor(options: ConnectOptions<R>) {
    const { client, redirectUri, tenant } = options;
    if (typeof tenant !== 'function')
      throw complaint('config', 'tenant', 'must be a function of the request');
    // An authorization that can't be asked for is found out now, and not by the first tenant.
    client.authorize({ redirectUri });
    this.#options = options;
    this.#returnTo = new ReturnTo(options.returnToOrigins);
    this.#home = this.#returnTo.check(options.returnTo ?? '/');
    this.#connectPath = new ReturnTo().check(options.connectPath ?? '/connect', 'connectPath');
    const secure = redirectUri.toLowerCase().startsWith('https:');
    this.#cookie = {
      // The prefix keeps other hosts of the same domain from planting one.
      name: secure ? '__Host-orgconnect' : 'orgconnect',
      // Lax, since the browser comes from Cronofy's pages.
      attributes: `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`,
    };
  }

  /** Sends an owner to Cronofy. What the callback is checked against goes into a cookie of this browser. */
  begin(request: R, query: string): Promise<Answer> {
    return this.#answered(request, async () => {
      const given = new URLSearchParams(query).getAll('returnTo');
      const place =
        given.length === 0 ? this.#home : this.#returnTo.check(given.length > 1 ? given : given[0]);
      const tenant = await this.#tenant(request);
      const { client, redirectUri, authorization } = this.#options;
      const pending = client.authorize({
        ...(await authorization?.(request)),
        redirectUri,
        connectionId: tenant,
        // With a state of its own the payload is not part of the URL.
        state: randomState(),
        payload: JSON.stringify({ tenant, returnTo: place } satisfies Carried),
      });
      const seconds = Math.max(1, Math.ceil((pending.expiresAt.getTime() - Date.now()) / 1_000));
      return redirect(pending.url, this.#setCookie(String(pending), Math.min(seconds, 86_400)));
    });
  }

  /** Completes what `begin` began in this browser. Writes the token store. */
  finish(request: R, query: string, cookies: string | null | undefined): Promise<Answer> {
    return this.#answered(
      request,
      async () => {
        const { client, onConnected } = this.#options;
        const kept = cookieNamed(this.#cookie.name, cookies);
        if (kept === undefined) {
          throw new AuthorizationError(
            'no authorization is under way in this browser; begin again, with cookies allowed',
            { code: 'pending_missing' },
          );
        }
        const pending = client.pending(kept);
        const carried = JSON.parse(pending.payload ?? '{}') as Partial<Carried>;
        if (carried.tenant !== (await this.#tenant(request))) {
          throw new AuthorizationError(
            'the authorization was begun on behalf of another tenant; begin again as this one',
            { code: 'tenant_changed' },
          );
        }
        const connection = await client.complete(pending, query);
        await onConnected?.(connection, request);
        return redirect(this.#returnTo.check(carried.returnTo), this.#setCookie('', 0));
      },
      this.#setCookie('', 0),
    );
  }

  /**
   * The organization of whoever makes the request. No I/O of its own: whether it is connected is found out when it is used.
   *
   * @throws `AuthorizationError`, code `tenant_missing`, if it is nobody's request.
   */
  async organizationOf(request: R): Promise<Organization> {
    return this.#options.client.organization(await this.#tenant(request));
  }

  /**
   * Where to send the browser after an error: to `connect` if only a new authorization helps and a person is looking at a
   * page, and nowhere otherwise.
   */
  reconnect(
    error: unknown,
    seen: { method: string; accept: string | null | undefined; url: string },
  ): Answer | undefined {
    if (!(error instanceof OrgconnectError) || !error.needsReauthorization) return undefined;
    if (seen.method !== 'GET' || !seen.accept?.includes('text/html')) return undefined;
    let place = this.#home;
    try {
      const url = new URL(seen.url, 'http://here.invalid');
      place = this.#returnTo.check(url.pathname + url.search);
    } catch {
      // A page with such an address is not gone back to.
    }
    return redirect(`${this.#connectPath}?returnTo=${encodeURIComponent(place)}`);
  }

  async #tenant(request: R): Promise<string> {
    const tenant = await this.#options.tenant(request);
    if (tenant === undefined || tenant === null || tenant === '') {
      throw new AuthorizationError('nobody is signed in; sign in first', { code: 'tenant_missing' });
    }
    return tenant;
  }

  /** Turns errors of the SDK into answers; other errors, and those that an operator must see, are the framework's. */
  async #answered(request: R, act: () => Promise<Answer>, cookie?: string): Promise<Answer> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof OrgconnectError)) throw error;
      const place = await this.#options.onFailed?.(error, request);
      if (typeof place === 'string') return redirect(this.#returnTo.check(place), cookie);
      const status = statusOf(error);
      if (status === undefined) throw error;
      const why = error.kind === 'invalid' ? error.message : (error.code ?? error.kind);
      return text(status, `The calendars were not connected: ${why}\n`, cookie);
    }
  }

  #setCookie(value: string, seconds: number): string {
    return `${this.#cookie.name}=${value}; Max-Age=${seconds}; ${this.#cookie.attributes}`;
  }
}

/** What travels in the payload: signed with the rest of the pending authorization. */
interface Carried {
  tenant: string;
  returnTo: string;
}

const BAD_REQUEST: readonly ErrorKind[] = ['authorization', 'invalid'];
const UNAVAILABLE: readonly ErrorKind[] = ['network', 'timeout', 'server', 'rate_limited', 'locked'];

function statusOf(error: OrgconnectError): number | undefined {
  if (error.code === 'tenant_missing') return 401;
  if (error.code === 'access_denied') return 403;
  if (BAD_REQUEST.includes(error.kind)) return 400;
  if (UNAVAILABLE.includes(error.kind)) return 503;
  return undefined;
}

// A page of an authorization is never kept, and its address, which may hold a code, is told to nobody.
const PRIVATE = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };

function redirect(location: string, cookie?: string): Answer {
  return {
    status: 302,
    headers: { ...PRIVATE, location, ...(cookie && { 'set-cookie': cookie }) },
    text: '',
  };
}

function text(status: number, body: string, cookie?: string): Answer {
  const headers = {
    ...PRIVATE,
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    ...(cookie && { 'set-cookie': cookie }),
  };
  return { status, headers, text: body };
}

/** 256 random bits as text. */
export function randomState(): string {
  const octets = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...octets))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

function cookieNamed(name: string, header: string | null | undefined): string | undefined {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim() || undefined;
  }
  return undefined;
}
