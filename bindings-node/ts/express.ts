/**
 * Organization Connect in an Express application, 4 or 5: the routes that connect a tenant, the organization of whoever asks,
 * and webhooks. Express itself is not needed to load this.
 *
 * @packageDocumentation
 */

import { ConnectFlow, type Answer } from './adapters/connect.js';
import type {
  ConnectOptions,
  ConnectRoutes,
  NotificationHandler,
  OwnWebhookOptions,
  WebhookOptions,
} from './adapters/options.js';
import { BodyParts, headerOf, queryOf } from './adapters/received.js';
import { parsedAlready, WebhookReceiver } from './adapters/webhook.js';

export type * from './adapters/options.js';

/** What is used of Express's request. */
export interface ExpressRequest {
  readonly method: string;
  readonly originalUrl: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: unknown;
  readonly readableDidRead: boolean;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  pause(): unknown;
}

/** What is used of Express's response. */
export interface ExpressResponse {
  statusCode: number;
  readonly headersSent: boolean;
  append(name: string, value: string): unknown;
  end(text: string): unknown;
}

/** Express's `next`. */
export type Next = (error?: unknown) => void;

/** A route of Express. */
export type ExpressHandler<R> = (request: R, response: ExpressResponse, next: Next) => Promise<void>;

/** What {@link orgconnect} makes. */
export interface ExpressConnect<R> extends ConnectRoutes<R, ExpressHandler<R>> {
  /** Sends whoever looks at a page to `connect` when only a new authorization helps. For `app.use(…)`, after the routes. */
  readonly reconnect: (error: unknown, request: R, response: ExpressResponse, next: Next) => void;
  /** Receives what Cronofy posts to the client's application: {@link webhook}. */
  webhook(handler: NotificationHandler<R>, options?: WebhookOptions): ExpressHandler<R>;
}

/**
 * Makes the routes that connect the tenants of an application.
 *
 * @example
 * ```ts
 * const calendars = orgconnect({ client, redirectUri, tenant: (request) => request.session.tenant });
 * app.get('/connect', calendars.connect);
 * app.get('/connect/callback', calendars.callback);
 * app.post('/webhooks/cronofy', calendars.webhook(async (notification) => queue.add(notification)));
 * app.get('/members', async (request, response) => {
 *   const clinic = await calendars.organizationOf(request);
 *   response.json(await clinic.members.list().all());
 * });
 * app.use(calendars.reconnect);
 * ```
 *
 * @throws `ConfigError` or `InvalidError`, naming the option that is wrong.
 */
export function orgconnect<R extends ExpressRequest>(options: ConnectOptions<R>): ExpressConnect<R> {
  const flow = new ConnectFlow<R>(options);
  return {
    connect: handler((request) => flow.begin(request, queryOf(request.originalUrl))),
    callback: handler((request) => {
      const { headers, originalUrl } = request;
      return flow.finish(request, queryOf(originalUrl), headerOf(headers, 'cookie'));
    }),
    reconnect: (error, request, response, next) => {
      const { method, originalUrl: url, headers } = request;
      const answer = flow.reconnect(error, { method, url, accept: headerOf(headers, 'accept') });
      if (answer === undefined || response.headersSent) next(error);
      else write(response, answer);
    },
    organizationOf: (request) => flow.organizationOf(request),
    webhook: (handle, more) => webhook({ ...more, webhooks: options.client }, handle),
  };
}

/**
 * Receives what Cronofy posts. Register it before any `express.json()`, since the signature is that of the raw body.
 *
 * Answers 401 if the signature doesn't fit. If the body was parsed already, a `ConfigError` with code `body_parsed` that says how to
 * mend it goes to Express, and nothing is accepted; a body that `express.raw()` has read, or one that the `verify` option of a parser has
 * put into `request.rawBody`, will do.
 */
export function webhook<R extends ExpressRequest>(
  options: OwnWebhookOptions,
  handle: NotificationHandler<R>,
): ExpressHandler<R> {
  const receiver = new WebhookReceiver<R>(options, handle);
  return handler(async (request) => {
    const body = await rawBody(request, receiver.maxBytes);
    if (body === undefined) return receiver.tooLong();
    return receiver.receive(request.headers['cronofy-hmac-sha256'], body, request);
  });
}

function handler<R>(act: (request: R) => Promise<Answer>): ExpressHandler<R> {
  return async (request, response, next) => {
    try {
      write(response, await act(request));
    } catch (error) {
      next(error);
    }
  };
}

function write(response: ExpressResponse, { status, headers, text }: Answer): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.append(name, value);
  response.end(text);
}

/** The body as it was received; `undefined` if it is too long. */
function rawBody(
  request: ExpressRequest & { rawBody?: unknown },
  longest: number,
): Promise<Uint8Array | undefined> {
  for (const kept of [request.rawBody, request.body]) {
    if (kept instanceof Uint8Array) return Promise.resolve(kept.length > longest ? undefined : kept);
  }
  const { body } = request;
  const parsed =
    typeof body === 'string' || (typeof body === 'object' && body !== null && Object.keys(body).length > 0);
  if (parsed || request.readableDidRead) {
    const mend =
      'register this route before `express.json()`, or give it `express.raw({ type: "*/*" })` of its own';
    return Promise.reject(parsedAlready(mend));
  }
  return read(request, longest);
}

function read(request: ExpressRequest, longest: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const parts = new BodyParts(longest);
    const take = (chunk: Uint8Array) => {
      if (parts.add(chunk)) return;
      request.off('data', take);
      request.pause();
      resolve(undefined);
    };
    request.on('data', take);
    request.on('end', () => resolve(parts.whole()));
    request.on('error', reject);
    request.on('close', () => reject(new Error('the request ended before its body was complete')));
  });
}
