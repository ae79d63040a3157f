/**
 * An Auth.js provider (`@auth/core` and `next-auth` 5): people sign in by connecting their calendar, or their organization. Tokens go
 * into the client's store and are kept alive there; Auth.js never sees one. Auth.js itself is not needed to load this.
 *
 * @packageDocumentation
 */

import { authorizeSignIn, type SignInRequest } from './adapters/request.js';
import { randomState } from './adapters/connect.js';
import type { Client } from './client.js';
import { complaint, OrgconnectError } from './errors.js';

export type { SignInRequest };

/** How the provider signs people in. */
export interface CronofyOptions extends SignInRequest {
  /** The client. */
  client: Client;
  /** The symbol `customFetch` of the Auth.js that is used: `import { customFetch } from 'next-auth'`, or from `@auth/core`. */
  customFetch: symbol;
  /** The provider's id, which is part of the callback's address. Default `cronofy`. */
  id?: string | undefined;
  /** What the sign-in button says. Default `Cronofy`. */
  name?: string | undefined;
}

/** Who signed in, by the names of Cronofy's userinfo. */
export interface CronofyProfile {
  readonly sub: string;
  readonly name?: string | undefined;
  readonly email?: string | undefined;
  readonly [field: string]: unknown;
}

/** The provider, as Auth.js takes it. */
export interface CronofyProvider {
  readonly id: string;
  readonly name: string;
  readonly type: 'oauth';
  readonly clientId: string;
  readonly checks: ['state'];
  readonly client: { readonly token_endpoint_auth_method: 'none' };
  readonly authorization: { readonly url: string; readonly params: Record<string, string> };
  readonly token: string;
  readonly userinfo: {
    readonly url: string;
    request(context: { tokens: { access_token?: string | undefined } }): Promise<CronofyProfile>;
  };
  profile(profile: CronofyProfile): { id: string; name: string | null; email: string | null; image: null };
  account(): Record<string, never>;
}

/** An address that Auth.js wants to be told, and that nothing is ever sent to. */
const NOWHERE = 'https://orgconnect.invalid';

/**
 * Makes the provider. The connection's id is `account.providerAccountId`, so that `client.account(id)`, or `client.organization(id)`, acts
 * for whoever signed in. Writes the token store when somebody does.
 *
 * Auth.js checks the state; the code is exchanged by the client, and what Auth.js is told in place of an access token is the
 * connection's id.
 *
 * @example
 * ```ts
 * import NextAuth, { customFetch } from 'next-auth';
 *
 * export const { handlers, auth } = NextAuth({
 *   providers: [cronofy({ client, customFetch, scopes: ['read_account', 'read_events'] })],
 *   callbacks: {
 *     jwt: ({ token, account }) => (account ? { ...token, connection: account.providerAccountId } : token),
 *   },
 * });
 * ```
 *
 * @throws `InvalidError` or `ConfigError`, naming the option that is wrong.
 */
export function cronofy(options: CronofyOptions): CronofyProvider {
  const { client, customFetch, id = 'cronofy', name = 'Cronofy', ...asked } = options;
  if (typeof customFetch !== 'symbol') {
    throw complaint('config', 'customFetch', 'must be the symbol of that name from your Auth.js package');
  }
  const example = new URL(authorizeSignIn(client, asked, `${NOWHERE}/callback`).url);
  const { client_id: clientId = '', ...params } = Object.fromEntries(example.searchParams);
  // These are Auth.js's own.
  for (const own of ['redirect_uri', 'state', 'response_type']) delete params[own];

  const provider: CronofyProvider = {
    id,
    name,
    type: 'oauth',
    clientId,
    checks: ['state'],
    client: { token_endpoint_auth_method: 'none' },
    authorization: { url: example.origin + example.pathname, params },
    token: `${NOWHERE}/token`,
    userinfo: {
      url: `${NOWHERE}/userinfo`,
      request: async ({ tokens }) => {
        const connection = tokens.access_token ?? '';
        const found = await (
          asked.scopes ? client.account(connection) : client.organization(connection)
        ).userinfo.read();
        return found as unknown as CronofyProfile;
      },
    },
    profile: ({ sub, name: own, email }) => ({
      id: sub,
      name: own ?? null,
      email: email ?? null,
      image: null,
    }),
    account: () => ({}),
  };
  const exchange = (_address: unknown, init?: { body?: unknown }) => exchanged(client, asked, init?.body);
  return Object.assign(provider, { [customFetch]: exchange });
}

/** Answers Auth.js's request for tokens, which is not sent: the client exchanges the code. */
async function exchanged(client: Client, asked: SignInRequest, body: unknown): Promise<Response> {
  const form = new URLSearchParams(body instanceof URLSearchParams ? body : String(body));
  const state = randomState();
  const pending = authorizeSignIn(client, asked, form.get('redirect_uri') ?? '', undefined, state);
  const query = new URLSearchParams({ code: form.get('code') ?? '', state });
  try {
    const connection = await client.complete(pending, query);
    return Response.json({ access_token: connection.id, token_type: 'bearer' });
  } catch (error) {
    if (!(error instanceof OrgconnectError) || error.kind !== 'authorization') throw error;
    return Response.json(
      { error: error.code ?? 'invalid_grant', error_description: error.message },
      { status: 400 },
    );
  }
}
