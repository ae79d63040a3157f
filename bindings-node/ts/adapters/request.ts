/** What an adapter for sign-in asks Cronofy for: one person's account, or an organization. */

import type { PendingAuthorization } from '../authorization.js';
import type { Client } from '../client.js';
import { complaint } from '../errors.js';
import { randomState } from './connect.js';
import type { AuthorizationExtras } from './options.js';

/** What to ask for. */
export interface SignInRequest extends AuthorizationExtras {
  /** The scopes of one person's account (Individual Connect). Left out, an organization is asked for (Organization Connect). */
  scopes?: readonly string[] | undefined;
}

/** Begins an authorization for a sign-in. */
export function authorizeSignIn(
  client: Client,
  { scopes, ...extras }: SignInRequest,
  redirectUri: string,
  connectionId?: string,
  state: string = randomState(),
): PendingAuthorization {
  const request = { ...extras, redirectUri, state, connectionId };
  if (scopes === undefined) return client.authorize(request);
  if (scopes.length === 0) throw complaint('invalid', 'scopes', 'must name at least one scope');
  return client.authorizeIndividual({ ...request, scopes });
}
