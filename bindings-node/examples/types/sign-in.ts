// The types of the provider and the strategy, held against those of Auth.js and Passport.
import { customFetch, type AuthConfig } from '@auth/core';
import type { OAuthConfig } from '@auth/core/providers';
import type { Request } from 'express';
import type { Client } from 'orgconnect';
import { cronofy, type CronofyProfile } from 'orgconnect/authjs';
import { Strategy } from 'orgconnect/passport';
import passport from 'passport';

export function onAuthjs(client: Client): AuthConfig {
  const provider: OAuthConfig<CronofyProfile> = cronofy({ client, customFetch, scopes: ['read_account'] });
  return { providers: [provider, cronofy({ client, customFetch, id: 'organization' })] };
}

export function onPassport(client: Client): void {
  const redirectUri = 'https://portal.clinic.example/sign-in/callback';
  passport.use(
    new Strategy<Request>({ client, redirectUri, scopes: ['read_account'] }, async (connection, request) => {
      const { sub, email } = await connection.account.userinfo.read();
      return { sub, email, address: request.ip };
    }),
  );
}
