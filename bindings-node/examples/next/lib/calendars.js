// Made once for the process, whatever route asks first.
import { Client } from 'orgconnect';
import { orgconnect } from 'orgconnect/next';

import { tenantOf } from '../../session.mjs';

const { CRONOFY_CLIENT_ID, CRONOFY_CLIENT_SECRET, CRONOFY_BASE_URL, ORIGIN } = process.env;

// In development Next.js loads modules again at each change; the client stays.
export const client = (globalThis.orgconnectClient ??= new Client({
  clientId: CRONOFY_CLIENT_ID,
  clientSecret: CRONOFY_CLIENT_SECRET,
  baseUrl: CRONOFY_BASE_URL,
}));

export const calendars = orgconnect({
  client,
  redirectUri: `${ORIGIN}/connect/callback`,
  tenant: (request) => tenantOf(request.headers.get('cookie')),
  returnToOrigins: ['https://admin.clinic.example'],
  onFailed: (error) => globalThis.failed?.(error),
});
