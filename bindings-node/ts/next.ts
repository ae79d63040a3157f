/**
 * Organization Connect in route handlers of Next.js (the App Router), or of anything else that answers a `Request` with a
 * `Response`: the routes that connect a tenant, the organization of whoever asks, and webhooks. They need the Node runtime.
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
import type { Organization } from './handles.js';

export type * from './adapters/options.js';

/** A route handler. */
export type RouteHandler<R> = (request: R) => Promise<Response>;

/** What {@link orgconnect} makes. */
export interface NextConnect<R> extends ConnectRoutes<R, RouteHandler<R>> {
  /**
   * A route handler that is given the organization of whoever makes the request. Sends whoever looks at a page to `connect` when
   * only a new authorization helps, answers 401 to nobody's request, and throws every other error again.
   */
  route<Context>(
    handler: (request: R, organization: Organization, context: Context) => Response | Promise<Response>,
  ): (request: R, context: Context) => Promise<Response>;
  /** Receives what Cronofy posts to the client's application: {@link webhook}. */
  webhook(handler: NotificationHandler<R>, options?: WebhookOptions): RouteHandler<R>;
}

/**
 * Makes the route handlers that connect the tenants of an application. Make them once, in a module that the routes import.
 * `next build` loads that module too: where there are no secrets yet, make them at the first request.
 *
 * @example
 * ```ts
 * // calendars.ts
 * export const calendars = orgconnect({ client, redirectUri, tenant: async () => (await auth())?.user.clinic });
 * // app/connect/route.ts
 * export const GET = calendars.connect;
 * // app/connect/callback/route.ts
 * export const GET = calendars.callback;
 * // app/webhooks/cronofy/route.ts
 * export const POST = calendars.webhook(async (notification) => queue.add(notification));
 * // app/members/route.ts
 * export const GET = calendars.route(async (request, clinic) => Response.json(await clinic.members.list().all()));
 * ```
 *
 * @throws `ConfigError` or `InvalidError`, naming the option that is wrong.
 */
export function orgconnect<R extends Request = Request>(options: ConnectOptions<R>): NextConnect<R> {
  const flow = new ConnectFlow<R>(options);
  return {
    connect: (request) => beginWeb(flow, request, request),
    callback: (request) => finishWeb(flow, request, request),
    route: (handle) => async (request, context) => {
      try {
        return await handle(request, await flow.organizationOf(request), context);
      } catch (error) {
        const response = reconnectWeb(flow, error, request);
        if (response) return response;
        if ((error as { code?: unknown }).code === 'tenant_missing') return nobody();
        throw error;
      }
    },
    organizationOf: (request) => flow.organizationOf(request),
    webhook: (handle, more) => webhook({ ...more, webhooks: options.client }, handle),
  };
}

/**
 * Receives what Cronofy posts, for `export const POST`. The signature is that of the raw body, so nothing may read it before.
 *
 * Answers 401 if the signature doesn't fit. If the body was read already, it throws a `ConfigError` with code `body_parsed` that
 * says how to mend it, and nothing is accepted.
 */
export function webhook<R extends Request = Request>(
  options: OwnWebhookOptions,
  handle: NotificationHandler<R>,
): RouteHandler<R> {
  const receiver = new WebhookReceiver<R>(options, handle);
  const mend = 'export this handler itself as POST, and read nothing of the request before';
  return (request) => receiveWeb(receiver, request, request, mend);
}

function nobody(): Response {
  return new Response('sign in first\n', { status: 401, headers: { 'cache-control': 'no-store' } });
}
