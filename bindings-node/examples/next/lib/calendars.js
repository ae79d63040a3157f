// Made once for the process, by the first request: `next build` reads the routes too, and has no secrets.
import { Client, openStore } from 'orgconnect';
import { orgconnect } from 'orgconnect/next';

import { tenantOf } from '../../session.mjs';

export function calendars() {
  // In development Next.js loads modules again at each change; what is global stays.
  globalThis.clinic ??= make(process.env);
  return globalThis.clinic;
}

function make({ CRONOFY_CLIENT_ID, CRONOFY_CLIENT_SECRET, CRONOFY_BASE_URL, TOKENS, ORIGIN }) {
  const client = new Client({
    clientId: CRONOFY_CLIENT_ID,
    clientSecret: CRONOFY_CLIENT_SECRET,
    baseUrl: CRONOFY_BASE_URL,
    store: openStore(TOKENS),
  });
  return orgconnect({
    client,
    redirectUri: `${ORIGIN}/connect/callback`,
    tenant: (request) => tenantOf(request.headers.get('cookie')),
    returnToOrigins: ['https://admin.clinic.example'],
    onFailed: (error) => globalThis.failed?.(error),
  });
}
