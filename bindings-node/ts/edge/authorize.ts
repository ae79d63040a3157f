/** Authorization URLs, and the value that ties a callback to the request that it answers; the same text as `Client` makes. */

import { AuthorizationError, complaint } from '../errors.js';
import { equal, escape, fromBase64Url, hmac, octets, randomText, toBase64Url } from './encoding.js';
import { endpointsOf, type EdgeSettings, type Endpoints } from './settings.js';

/** Which of Cronofy's flows an authorization uses. */
export type Flow = 'organization' | 'individual' | 'enterprise';

/** What to ask an owner for. */
export interface EdgeAuthorizationRequest {
  /** Where the owner comes back with a code: http or https. */
  redirectUri: string;
  /** Which flow. Default: `organization`. */
  flow?: Flow | undefined;
  /** The scopes of the flows that are not Organization Connect's. */
  scopes?: readonly string[] | undefined;
  /** Scopes that may later be granted to users or resources. */
  delegatedScopes?: readonly string[] | undefined;
  /** The display language of the pages, for example `de`. Default: the browser's. */
  locale?: string | undefined;
  /** Text that rides along; whoever sees the URL can read it. At most 1,024 octets. */
  payload?: string | undefined;
  /** Names the connection in the token store. Default: the `sub` of the grant. */
  connectionId?: string | undefined;
  /** How many milliseconds the owner has to approve: at most 24 hours. Default 10 minutes. */
  lifetime?: number | undefined;
  /** Keeps the new calendar account apart from one that the same browser has connected before. */
  avoidLinking?: boolean | undefined;
  /** Selects the calendar provider beforehand. */
  providerName?: string | undefined;
  /** Links the calendar account to an existing Cronofy account. */
  linkToken?: string | undefined;
}

/** An authorization that waits for its callback. */
export interface EdgePending {
  /** Where to send the owner. */
  readonly url: string;
  /** One opaque text for the owner's session. It is signed, not encrypted. */
  readonly session: string;
  /** When it is too late to complete. */
  readonly expiresAt: Date;
}

/** What a pending authorization holds; the names are those of its text. */
export interface PendingFields {
  client_id: string;
  endpoints: string;
  flow: Flow;
  redirect_uri: string;
  state: string;
  payload: string | null;
  connection_id: string | null;
  expires_at_ms: number;
  url: string;
}

const PREFIX = 'p1';
const LONGEST_LIFETIME = 24 * 3_600_000;

/** Builds the URL to send an owner to, and the text for their session. No I/O. */
export async function authorize(
  settings: EdgeSettings,
  request: EdgeAuthorizationRequest,
): Promise<EdgePending> {
  const endpoints = endpointsOf(settings);
  const fields = fieldsOf(settings, endpoints, request);
  return {
    url: fields.url,
    session: await seal(fields, settings.clientSecret),
    expiresAt: new Date(fields.expires_at_ms),
  };
}

function fieldsOf(
  settings: EdgeSettings,
  endpoints: Endpoints,
  request: EdgeAuthorizationRequest,
): PendingFields {
  const { flow = 'organization', lifetime = 600_000, payload, connectionId } = request;
  const redirectUri = checkRedirectUri(request.redirectUri);
  const scope = join(
    'scope',
    flow === 'organization' ? ['organizational_unit_scheduler'] : (request.scopes ?? []),
  );
  if (scope === '') throw complaint('invalid', 'scope', 'must name at least one scope, like read_events');
  const delegatedScope = join('delegated_scope', request.delegatedScopes ?? []);
  if (flow === 'enterprise' && delegatedScope === '') {
    throw complaint('invalid', 'delegated_scope', 'must name at least one scope that may be delegated');
  }
  if (!(lifetime > 0 && lifetime <= LONGEST_LIFETIME)) {
    throw complaint('invalid', 'lifetime', 'must be longer than nothing and at most 24 hours');
  }
  if (connectionId !== undefined && !/^[\x21-\x7e]{1,200}$/.test(connectionId)) {
    throw complaint('invalid', 'connection_id', 'must be 1 to 200 visible ASCII characters without blanks');
  }
  let state = randomText();
  if (payload !== undefined) {
    const data = octets(payload);
    if (data.length > 1024) {
      throw complaint('invalid', 'payload', 'is longer than 1024 octets; keep it in the session instead');
    }
    state += `.${toBase64Url(data)}`;
  }
  const parameters: [string, string | undefined][] = [
    ['response_type', 'code'],
    ['client_id', settings.clientId],
    ['redirect_uri', redirectUri],
    ['scope', scope],
    ['delegated_scope', delegatedScope],
    ['state', state],
    ['locale', request.locale],
    ['avoid_linking', request.avoidLinking === undefined ? undefined : String(request.avoidLinking)],
    ['provider_name', request.providerName],
    ['link_token', request.linkToken],
  ];
  const query = parameters
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}=${escape(value as string)}`);
  const path = flow === 'enterprise' ? '/enterprise_connect/oauth/authorize' : '/oauth/authorize';
  return {
    client_id: settings.clientId,
    endpoints: endpoints.name,
    flow,
    redirect_uri: redirectUri,
    state,
    payload: payload ?? null,
    connection_id: connectionId ?? null,
    expires_at_ms: Date.now() + Math.trunc(lifetime),
    url: `${endpoints.app}${path}?${query.join('&')}`,
  };
}

function checkRedirectUri(text: string): string {
  const refuse = (why: string): Error => complaint('invalid', 'redirect_uri', why);
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw refuse('is not a URL; write it like https://app.example/callback');
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refuse(
      'must be http or https; Cronofy does not redirect to app schemes, use a universal or app link',
    );
  }
  if (text.includes('#')) throw refuse('must not have a fragment');
  if (url.username !== '' || url.password !== '') throw refuse('must not hold a user name or password');
  if (/[\s\p{Cc}]/u.test(text)) throw refuse('must not hold blanks or control characters');
  return text;
}

function join(field: string, scopes: readonly string[]): string {
  if (scopes.some((scope) => !/^[\x20-\x7e]+$/.test(scope) || /["\\]/.test(scope) || scope.trim() === '')) {
    throw complaint('invalid', field, 'holds a scope that is not visible ASCII');
  }
  return scopes.join(' ');
}

async function tagOf(signed: string, clientSecret: string): Promise<Uint8Array> {
  const key = await hmac(octets(clientSecret), octets('orgconnect pending authorization 1'));
  return hmac(new Uint8Array(key), octets(signed));
}

async function seal(fields: PendingFields, clientSecret: string): Promise<string> {
  const signed = `${PREFIX}.${toBase64Url(octets(JSON.stringify(fields)))}`;
  return `${signed}.${toBase64Url(await tagOf(signed, clientSecret))}`;
}

/** Reads the text from a session back, if this application made it. */
export async function unseal(session: string, clientSecret: string): Promise<PendingFields> {
  const end = session.lastIndexOf('.');
  const [signed, tag] = [session.slice(0, end), fromBase64Url(session.slice(end + 1))];
  const fields = signed.startsWith(`${PREFIX}.`) ? fromBase64Url(signed.slice(PREFIX.length + 1)) : undefined;
  if (end > 0 && tag && fields && equal(tag, await tagOf(signed, clientSecret))) {
    return JSON.parse(new TextDecoder().decode(fields)) as PendingFields;
  }
  throw new AuthorizationError(
    'the pending authorization from the session is not one that this application made; send the owner through authorize again',
    {
      code: 'pending_invalid',
      fields: {
        pending: [
          { key: 'errors.invalid', description: 'is damaged, foreign, or made with another client_secret' },
        ],
      },
    },
  );
}
