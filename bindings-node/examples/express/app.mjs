// A clinic portal on Express: each tenant connects its own organization and sees its members.
import express from 'express';
import { orgconnect } from 'orgconnect/express';

import { signedIn, tenantOf } from '../session.mjs';

/** The application. `origin` is where browsers find it; `receive` takes what Cronofy posts. */
export function createApp({ client, origin, receive, log }) {
  const app = express();
  const calendars = orgconnect({
    client,
    redirectUri: `${origin}/connect/callback`,
    tenant: (request) => tenantOf(request.headers.cookie),
    returnToOrigins: ['https://admin.clinic.example'],
    onFailed: (error) => log?.(error),
  });

  // Before `express.json()`: the signature is that of the raw body.
  app.post('/webhooks/cronofy', calendars.webhook(receive));
  app.use(express.json());

  app.post('/sign-in', (request, response) => {
    response.setHeader('set-cookie', signedIn(request.body.tenant));
    response.status(204).end();
  });
  app.get('/connect', calendars.connect);
  app.get('/connect/callback', calendars.callback);
  app.get('/members', async (request, response) => {
    const clinic = await calendars.organizationOf(request);
    const members = await clinic.members.list().all();
    response.json(members.map(({ email }) => email));
  });
  // What goes wrong when a parser comes first.
  app.post('/webhooks/too-late', calendars.webhook(receive));
  app.use(calendars.reconnect);
  // The example's own last word, in place of Express's page with a stack.
  app.use((error, _request, response, _next) => {
    response.status(500).json({ error: error.message });
  });
  return app;
}
