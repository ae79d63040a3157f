/** Receiving what Cronofy posts, whatever the framework: the raw body, its signature, and repetitions. */

import { complaint, ConfigError, OrgconnectError } from '../errors.js';
import type { Notification } from '../notifications.js';
import type { ReplayGuard, Webhooks } from '../webhooks.js';
import type { Answer } from './connect.js';
import type { NotificationHandler, OwnWebhookOptions } from './options.js';

/** The longest body that is read by default; notifications are a few kilobytes. */
const LONGEST = 1_048_576;

/** The part of a webhook that knows no framework. */
export class WebhookReceiver<R> {
  readonly maxBytes: number;
  readonly #webhooks: Webhooks;
  readonly #guard: ReplayGuard | undefined;
  readonly #handle: NotificationHandler<R>;

  constructor(options: OwnWebhookOptions, handle: NotificationHandler<R>) {
    if (typeof handle !== 'function') throw complaint('config', 'handler', 'must be a function');
    const { webhooks } = options;
    this.#webhooks = 'webhooks' in webhooks ? webhooks.webhooks : webhooks;
    this.#guard = options.guard;
    this.maxBytes = options.maxBytes ?? LONGEST;
    this.#handle = handle;
  }

  /** Checks the signature of a raw body, and hands the notification on. */
  async receive(
    signature: string | readonly string[] | null | undefined,
    body: Uint8Array | string,
    request: R,
  ): Promise<Answer> {
    let notification: Notification;
    try {
      notification = this.#webhooks.receive(signature, body);
    } catch (error) {
      if (!(error instanceof OrgconnectError)) throw error;
      if (error.code === 'signature_mismatch') return said(401, 'the signature does not fit\n');
      if (error.kind === 'decode') return said(400, 'the body is not JSON\n');
      throw error;
    }
    if (this.#guard && !this.#guard.firstTime(body)) return said(200, 'known\n');
    try {
      await this.#handle(notification, request);
    } catch (error) {
      this.#guard?.forget(body);
      throw error;
    }
    return said(200, 'ok\n');
  }

  /** What is answered to a body that is longer than allowed. */
  tooLong(): Answer {
    return said(413, 'the body is too long\n', { connection: 'close' });
  }
}

/** The error of a webhook whose body a parser has been at, with the mend. */
export function parsedAlready(mend: string): ConfigError {
  const why = `has been parsed already, so its signature can't be checked; ${mend}`;
  return new ConfigError(`body: ${why}`, {
    code: 'body_parsed',
    fields: { body: [{ key: 'errors.invalid', description: why }] },
  });
}

function said(status: number, text: string, more: Record<string, string> = {}): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...more }, text };
}
