/**
 * Organization Connect in a Fastify application: the routes that connect a tenant, the organization of whoever asks, and
 * webhooks. Fastify itself is not needed to load this.
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
import { headerOf, queryOf } from './adapters/received.js';
import { parsedAlready, WebhookReceiver } from './adapters/webhook.js';

export type * from './adapters/options.js';

/** What is used of Fastify's request. */
export interface FastifyRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: unknown;
}

/** What is used of Fastify's reply. */
export interface FastifyReply {
  readonly sent: boolean;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(payload?: unknown): unknown;
}

/** A handler of Fastify. */
export type FastifyHandler<R> = (request: R, reply: FastifyReply) => Promise<FastifyReply>;

/** What is used of a Fastify instance. */
export interface FastifyInstance {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    type: string,
    options: { parseAs: 'buffer'; bodyLimit: number },
    parser: (request: unknown, body: Buffer, done: (error: Error | null, body?: unknown) => void) => void,
  ): unknown;
  // What Fastify hands to a route depends on its whole configuration, which is not known here.
  route(options: {
    method: 'POST';
    url: string;
    bodyLimit: number;
    handler: (request: any, reply: any) => Promise<unknown>;
  }): unknown;
}

/** A plugin of Fastify, for `app.register(…)`. */
export type FastifyPlugin = (app: FastifyInstance) => Promise<void>;

/** What {@link orgconnect} makes. */
export interface FastifyConnect<R> extends ConnectRoutes<R, FastifyHandler<R>> {
  /**
   * Sends whoever looks at a page to `connect` when only a new authorization helps, and throws every other error again. For
   * `app.setErrorHandler(…)`.
   */
  readonly reconnect: FastifyErrorHandler<R>;
  /** Receives what Cronofy posts to the client's application: {@link webhook}. */
  webhook(path: string, handler: NotificationHandler<R>, options?: WebhookOptions): FastifyPlugin;
}

/** A handler of errors. */
export type FastifyErrorHandler<R> = (
  error: unknown,
  request: R,
  reply: FastifyReply,
) => Promise<FastifyReply>;

/**
 * Makes the routes that connect the tenants of an application.
 *
 * @example
 * ```ts
 * const calendars = orgconnect({ client, redirectUri, tenant: (request) => request.session.tenant });
 * app.get('/connect', calendars.connect);
 * app.get('/connect/callback', calendars.callback);
 * app.register(calendars.webhook('/webhooks/cronofy', async (notification) => queue.add(notification)));
 * app.get('/members', async (request) => (await calendars.organizationOf(request)).members.list().all());
 * app.setErrorHandler(calendars.reconnect);
 * ```
 *
 * @throws `ConfigError` or `InvalidError`, naming the option that is wrong.
 */
export function orgconnect<R extends FastifyRequest>(options: ConnectOptions<R>): FastifyConnect<R> {
  const flow = new ConnectFlow<R>(options);
  return {
    connect: async (request, reply) => write(reply, await flow.begin(request, queryOf(request.url))),
    callback: async (request, reply) => {
      const { headers, url } = request;
      return write(reply, await flow.finish(request, queryOf(url), headerOf(headers, 'cookie')));
    },
    reconnect: async (error, request, reply) => {
      const { method, url, headers } = request;
      const answer = flow.reconnect(error, { method, url, accept: headerOf(headers, 'accept') });
      if (answer === undefined || reply.sent) throw error;
      return write(reply, answer);
    },
    organizationOf: (request) => flow.organizationOf(request),
    webhook: (path, handle, more) => webhook({ ...more, path, webhooks: options.client }, handle),
  };
}

/**
 * A plugin with one route that receives what Cronofy posts. It reads raw bodies, whatever parsers the rest of the application has.
 *
 * Answers 401 if the signature doesn't fit. If a hook has parsed the body all the same, or the plugin is not encapsulated, it throws a
 * `ConfigError` with code `body_parsed` that says how to mend it, and nothing is accepted.
 */
export function webhook<R extends FastifyRequest>(
  options: OwnWebhookOptions & { path: string },
  handle: NotificationHandler<R>,
): FastifyPlugin {
  const receiver = new WebhookReceiver<R>(options, handle);
  const bodyLimit = receiver.maxBytes;
  const handler = async (request: R, reply: FastifyReply) => {
    const { body } = request;
    if (!(body instanceof Uint8Array)) {
      throw parsedAlready(
        'register the plugin as it is, with no hook that parses bodies, and not through `fastify-plugin`',
      );
    }
    return write(reply, await receiver.receive(request.headers['cronofy-hmac-sha256'], body, request));
  };
  return async (app) => {
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit }, (_request, body, done) =>
      done(null, body),
    );
    app.route({ method: 'POST', url: options.path, bodyLimit, handler });
  };
}

function write(reply: FastifyReply, { status, headers, text }: Answer): FastifyReply {
  reply.code(status);
  for (const [name, value] of Object.entries(headers)) reply.header(name, value);
  reply.send(text);
  return reply;
}
