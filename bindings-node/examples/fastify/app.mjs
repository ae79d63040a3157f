// A clinic portal on Fastify: each tenant connects its own organization and sees its members.
import fastify from 'fastify';
import { orgconnect } from 'orgconnect/fastify';

import { signedIn, tenantOf } from '../session.mjs';

/** The application. `origin` is where browsers find it; `receive` takes what Cronofy posts. */
export function createApp({ client, origin, receive, log }) {
  const app = fastify();
  const calendars = orgconnect({
    client,
    redirectUri: `${origin}/connect/callback`,
    tenant: (request) => tenantOf(request.headers.cookie),
    returnToOrigins: ['https://admin.clinic.example'],
    onFailed: (error) => log?.(error),
  });

  app.register(calendars.webhook('/webhooks/cronofy', receive));

  app.post('/sign-in', async (request, reply) => {
    reply.header('set-cookie', signedIn(request.body.tenant));
    return reply.code(204).send();
  });
  app.get('/connect', calendars.connect);
  app.get('/connect/callback', calendars.callback);
  app.get('/members', async (request) => {
    const clinic = await calendars.organizationOf(request);
    const members = await clinic.members.list().all();
    return members.map(({ email }) => email);
  });
  // What goes wrong when a hook parses the body.
  app.register(async (scope) => {
    scope.addHook('preHandler', async (request) => {
      request.body = JSON.parse(String(request.body));
    });
    scope.register(calendars.webhook('/webhooks/too-late', receive));
  });
  app.setErrorHandler(async (error, request, reply) => {
    try {
      return await calendars.reconnect(error, request, reply);
    } catch {
      return reply.code(error.statusCode ?? 500).send({ error: error.message });
    }
  });
  return app;
}
