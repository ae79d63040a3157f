/**
 * Organization Connect in a Hono application on Node, Bun or Deno: the routes that connect a tenant, the organization of whoever
 * asks, and webhooks. Hono itself is not needed to load this.
 *
 * @packageDocumentation
 */

import { ConnectFlow } from './adapters/connect.js';
import type {
  ConnectOptions,
  ConnectRoutes,
  NotificationHandler,
  OwnWebhookOptions,
  WebhookOptions,
} from './adapters/options.js';
import { beginWeb, finishWeb, receiveWeb, reconnectWeb } from './adapters/web.js';
import { WebhookReceiver } from './adapters/webhook.js';

export type * from './adapters/options.js';

/** What is used of Hono's context. */
export interface HonoContext {
  readonly req: { readonly raw: Request };
}

/** A handler of Hono. */
export type HonoHandler<C> = (context: C) => Promise<Response>;

/** What {@link orgconnect} makes. */
export interface HonoConnect<C> extends ConnectRoutes<C, HonoHandler<C>> {
  /**
   * Sends whoever looks at a page to `connect` when only a new authorization helps, and throws every other error again. For
   * `app.onError(…)`.
   */
  readonly reconnect: (error: Error, context: C) => Response;
  /** Receives what Cronofy posts to the client's application: {@link webhook}. */
  webhook(handler: NotificationHandler<C>, options?: WebhookOptions): HonoHandler<C>;
}

/**
 * Makes the routes that connect the tenants of an application.
 *
 * @example
 * ```ts
 * const calendars = orgconnect({ client, redirectUri, tenant: (context) => context.get('tenant') });
 * app.get('/connect', calendars.connect);
 * app.get('/connect/callback', calendars.callback);
 * app.post('/webhooks/cronofy', calendars.webhook(async (notification) => queue.add(notification)));
 * app.get('/members', async (context) => {
 *   const clinic = await calendars.organizationOf(context);
 *   return context.json(await clinic.members.list().all());
 * });
 * app.onError(calendars.reconnect);
 * ```
 *
 * @throws `ConfigError` or `InvalidError`, naming the option that is wrong.
 */
export function orgconnect<C extends HonoContext>(options: ConnectOptions<C>): HonoConnect<C> {
  const flow = new ConnectFlow<C>(options);
  return {
    connect: (context) => beginWeb(flow, context, context.req.raw),
    callback: (context) => finishWeb(flow, context, context.req.raw),
    reconnect: (error, context) => {
      const response = reconnectWeb(flow, error, context.req.raw);
      if (!response) throw error;
      return response;
    },
    organizationOf: (context) => flow.organizationOf(context),
    webhook: (handle, more) => webhook({ ...more, webhooks: options.client }, handle),
  };
}

/**
 * Receives what Cronofy posts. Register it before any middleware that reads bodies, since the signature is that of the raw body.
 *
 * Answers 401 if the signature doesn't fit. If the body was read already, it throws a `ConfigError` with code `body_parsed` that
 * says how to mend it, and nothing is accepted.
 */
export function webhook<C extends HonoContext>(
  options: OwnWebhookOptions,
  handle: NotificationHandler<C>,
): HonoHandler<C> {
  const receiver = new WebhookReceiver<C>(options, handle);
  const mend = 'register this route before every middleware that reads bodies';
  return (context) => receiveWeb(receiver, context, context.req.raw, mend);
}
