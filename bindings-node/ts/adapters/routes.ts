/** What the adapters have in common, in the forms of their frameworks: the routes, and how requests of Node are read. */

import type { Organization } from '../handles.js';

export type { AuthorizationExtras, ConnectOptions } from './connect.js';
export type { NotificationHandler, OwnWebhookOptions, WebhookOptions } from './webhook.js';

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

/** Headers as Node gives them. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The query of a request's target, with its question mark. */
export function queryOf(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? '?' : target.slice(at);
}

/** A header as one text. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join('; ') : value;
}

/** Collects the chunks of a body that is not too long. */
export class BodyParts {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(readonly longest: number) {}

  /** Adds a chunk, unless that makes the body too long. */
  add(part: Uint8Array): boolean {
    this.#length += part.length;
    if (this.#length > this.longest) return false;
    this.#parts.push(part);
    return true;
  }

  /** The body. */
  whole(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
