// A clinic portal on Hono: each tenant connects its own organization and sees its members.
import { Hono } from 'hono';
import { orgconnect } from 'orgconnect/hono';

import { signedIn, tenantOf } from '../session.mjs';

/** The application. `origin` is where browsers find it; `receive` takes what Cronofy posts. */
export function createApp({ client, origin, receive, log }) {
  const app = new Hono();
  const calendars = orgconnect({
    client,
    redirectUri: `${origin}/connect/callback`,
    tenant: (context) => tenantOf(context.req.raw.headers.get('cookie')),
    returnToOrigins: ['https://admin.clinic.example'],
    onFailed: (error) => log?.(error),
  });

  app.post('/webhooks/cronofy', calendars.webhook(receive));

  app.post('/sign-in', async (context) => {
    const { tenant } = await context.req.json();
    return context.body(null, 204, { 'set-cookie': signedIn(tenant) });
  });
  app.get('/connect', calendars.connect);
  app.get('/connect/callback', calendars.callback);
  app.get('/members', async (context) => {
    const clinic = await calendars.organizationOf(context);
    const members = await clinic.members.list().all();
    return context.json(members.map(({ email }) => email));
  });
  // What goes wrong when a middleware reads the body.
  app.use('/webhooks/too-late', async (context, next) => {
    await context.req.json();
    await next();
  });
  app.post('/webhooks/too-late', calendars.webhook(receive));
  app.onError((error, context) => {
    try {
      return calendars.reconnect(error, context);
    } catch {
      return context.json({ error: error.message }, 500);
    }
  });
  return app;
}
