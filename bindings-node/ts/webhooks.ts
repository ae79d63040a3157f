/** Checks of what Cronofy posts to you. */

import { now } from './channel.js';
import { complaint } from './errors.js';
import { native, type ReplayGuard as NativeReplayGuard, type Verifier } from './native.js';
import type { Notification } from './notifications.js';

/** The header that carries the signature. */
export const SIGNATURE_HEADER = 'Cronofy-HMAC-SHA256';

/** A raw body: its octets, or the text that they are in UTF-8. */
export type RawBody = Uint8Array | ArrayBuffer | string;

/**
 * Checks the signatures of what Cronofy posts to an application; `client.webhooks` is one for the client's own.
 *
 * @example
 * ```ts
 * const notification = client.webhooks.receive(request.headers['cronofy-hmac-sha256'], rawBody);
 * if (notification.kind === 'channel' && notification.event === 'change') await sync(notification.changesSince);
 * ```
 */
export class Webhooks {
  readonly #verifier: Verifier;

  /** Checks with the application's client secret, or several while one is being replaced. */
  constructor(clientSecrets: string | readonly string[]);
  /** @internal */
  constructor(verifier: Verifier);
  constructor(secrets: string | readonly string[] | Verifier) {
    if (typeof secrets === 'object' && 'orSecret' in secrets) {
      this.#verifier = secrets;
      return;
    }
    const list = typeof secrets === 'string' ? [secrets] : [...secrets];
    if (list.length === 0 || list.some((secret) => typeof secret !== 'string' || secret === '')) {
      throw complaint('config', 'client_secret', 'must be the client secret of the application');
    }
    this.#verifier = new native.Verifier(list);
  }

  /** Accepts what another secret has signed, too: for the time in which one is being replaced. */
  orSecret(clientSecret: string): Webhooks {
    if (typeof clientSecret !== 'string') throw complaint('config', 'client_secret', 'must be a string');
    return new Webhooks(this.#verifier.orSecret(clientSecret));
  }

  /**
   * Whether one of the signatures is that of the body under one of the secrets.
   *
   * `body` is the raw body as it was received: JSON that was parsed and written again has other octets. The time does not
   * depend on which candidate fits, or how far one does.
   */
  verify(signature: string | readonly string[] | null | undefined, body: RawBody): boolean {
    return this.#verifier.verify(signatureText(signature), octets(body));
  }

  /**
   * Checks the signature and reads the notification.
   *
   * @throws {@link AuthorizationError}, code `signature_mismatch`, if no signature fits; {@link DecodeError} if the body is
   * not JSON. Answer 401 to the former.
   */
  receive(signature: string | readonly string[] | null | undefined, body: RawBody): Notification {
    const raw = octets(body);
    const found = now(() => this.#verifier.receive(signatureText(signature), raw));
    const notification = JSON.parse(found) as Record<string, unknown>;
    // What is absent is undefined, as the types say; bodies stay as they came.
    for (const [name, value] of Object.entries(notification))
      if (value === null) notification[name] = undefined;
    return notification as unknown as Notification;
  }
}

/**
 * Remembers what has been processed, so that a notification which is sent again does nothing.
 *
 * Cronofy's notifications have no id and no time, so a repetition is told by its body alone, and only within this process:
 * use it where doing a thing twice would hurt, and keep the window short.
 */
export class ReplayGuard {
  readonly #native: NativeReplayGuard;

  /** Remembers bodies for `window` milliseconds, and at most `capacity` of them. */
  constructor(options: { window: number; capacity: number }) {
    const { window, capacity } = (options as typeof options | undefined) ?? {};
    if (typeof window !== 'number' || !(window > 0)) {
      throw complaint('config', 'window', 'must be how many milliseconds bodies are remembered');
    }
    if (!Number.isSafeInteger(capacity) || (capacity as number) < 1) {
      throw complaint('config', 'capacity', 'must be how many bodies are remembered at the most');
    }
    this.#native = new native.ReplayGuard(window, capacity as number);
  }

  /** Whether this body comes for the first time within the window, and remembers it if so. */
  firstTime(body: RawBody): boolean {
    return this.#native.firstTime(octets(body));
  }

  /** Forgets a body whose processing failed, so that Cronofy's next try counts. */
  forget(body: RawBody): void {
    this.#native.forget(octets(body));
  }
}

function signatureText(signature: string | readonly string[] | null | undefined): string {
  return typeof signature === 'string' ? signature : Array.isArray(signature) ? signature.join(',') : '';
}

/** A body as octets; anything that is no raw body is refused, above all one that a JSON parser has been at. */
function octets(body: RawBody): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw complaint(
    'invalid',
    'body',
    "must be the raw body; this one has been parsed already, so its signature can't be checked: read it before any JSON parser does",
  );
}
