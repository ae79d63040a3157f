// The adapters' structural types, held against the frameworks' own: what compiles here compiles in an application.
import express, { type Request as ExpressRequest } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import { Hono, type Context } from 'hono';
import type { Client, Notification } from 'orgconnect';
import * as forExpress from 'orgconnect/express';
import * as forFastify from 'orgconnect/fastify';
import * as forHono from 'orgconnect/hono';
import * as forNext from 'orgconnect/next';

const redirectUri = 'https://portal.clinic.example/connect/callback';
const receive = async (notification: Notification): Promise<void> => {
  if (notification.kind === 'channel') notification.changesSince satisfies string | undefined;
};

export function onExpress(client: Client): void {
  const app = express();
  const calendars = forExpress.orgconnect({
    client,
    redirectUri,
    tenant: (request: ExpressRequest) => request.get('x-tenant'),
  });
  app.post('/webhooks', calendars.webhook(receive));
  app.post(
    '/own',
    forExpress.webhook<ExpressRequest>({ webhooks: client.webhooks }, (_, request) => request.ip),
  );
  app.get('/connect', calendars.connect);
  app.get('/callback', calendars.callback);
  app.get('/members', async (request, response) => {
    const clinic = await calendars.organizationOf(request);
    response.json(await clinic.members.list().all());
  });
  app.use(calendars.reconnect);
}

export function onFastify(client: Client): void {
  const app = fastify();
  const calendars = forFastify.orgconnect({
    client,
    redirectUri,
    tenant: (request: FastifyRequest) => request.hostname,
  });
  app.register(calendars.webhook('/webhooks', receive));
  app.get('/connect', calendars.connect);
  app.get('/callback', calendars.callback);
  app.get('/members', async (request) => (await calendars.organizationOf(request)).members.list().all());
  app.setErrorHandler(calendars.reconnect);
}

export function onHono(client: Client): void {
  const app = new Hono<{ Variables: { tenant: string } }>();
  const calendars = forHono.orgconnect({
    client,
    redirectUri,
    tenant: (context: Context<{ Variables: { tenant: string } }>) => context.get('tenant'),
  });
  app.post('/webhooks', calendars.webhook(receive));
  app.get('/connect', calendars.connect);
  app.get('/callback', calendars.callback);
  app.get('/members', async (context) => {
    const clinic = await calendars.organizationOf(context);
    return context.json(await clinic.members.list().all());
  });
  app.onError(calendars.reconnect);
}

export function onNext(
  client: Client,
): Record<string, (request: Request, context: unknown) => Promise<Response>> {
  const calendars = forNext.orgconnect({ client, redirectUri, tenant: async () => 'clinic' });
  return {
    connect: calendars.connect,
    callback: calendars.callback,
    webhook: calendars.webhook(receive),
    members: calendars.route(async (_request, clinic) => Response.json(await clinic.members.list().all())),
  };
}
