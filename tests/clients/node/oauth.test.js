// Two general OAuth libraries through the whole authorization flow: authorize, exchange, call, refresh, revoke.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import * as oidc from 'openid-client';
import { AuthorizationCode } from 'simple-oauth2';

import { DOC, OWNER, REDIRECT_URI, Sandbox } from './sandbox.js';

const ORGANIZATION = 'organizational_unit_scheduler';

let sandbox;
beforeEach(async () => (sandbox = await Sandbox.start()));
afterEach(() => sandbox.stop());

const userinfo = (token, headers = {}) =>
  fetch(`${sandbox.url}/v1/userinfo`, { headers: { authorization: `Bearer ${token}`, ...headers } });

describe('openid-client', () => {
  // The documentation has the credentials in the body, and no other way.
  const configure = () => {
    const server = {
      issuer: sandbox.url,
      authorization_endpoint: `${sandbox.url}/oauth/authorize`,
      token_endpoint: `${sandbox.url}/oauth/token`,
      revocation_endpoint: `${sandbox.url}/oauth/token/revoke`,
    };
    const configuration = new oidc.Configuration(
      server,
      sandbox.clientId,
      undefined,
      oidc.ClientSecretPost(sandbox.clientSecret),
    );
    oidc.allowInsecureRequests(configuration);
    return configuration;
  };

  test('the whole flow', async () => {
    const configuration = configure();
    const state = oidc.randomState();
    const verifier = oidc.randomPKCECodeVerifier();
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: REDIRECT_URI,
      scope: ORGANIZATION,
      state,
      // Cronofy documents no PKCE; its parameters do no harm.
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const callback = await sandbox.approve(url.href, OWNER);
    const tokens = await oidc.authorizationCodeGrant(configuration, callback, {
      expectedState: state,
      pkceCodeVerifier: verifier,
    });
    assert.equal(tokens.token_type, 'bearer');
    assert.equal(tokens.scope, ORGANIZATION);
    const doc = await sandbox.sub(DOC);
    const reply = await userinfo(tokens.access_token, { 'cronofy-impersonate': doc });
    assert.equal((await reply.json()).email, DOC);

    const refreshed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token);
    assert.equal((await userinfo(refreshed.access_token)).status, 200);
    await oidc.tokenRevocation(configuration, refreshed.refresh_token);
    assert.equal((await userinfo(refreshed.access_token)).status, 401);
  });

  test('a denied authorization and a used code are named', async () => {
    const configuration = configure();
    const url = sandbox.authorizationUrl(ORGANIZATION, { state: 's' });
    const denied = new URL((await sandbox.control('POST', 'authorize', { url })).redirect);
    await assert.rejects(oidc.authorizationCodeGrant(configuration, denied, { expectedState: 's' }), {
      error: 'access_denied',
    });
    const callback = await sandbox.approve(url, OWNER);
    await oidc.authorizationCodeGrant(configuration, callback, { expectedState: 's' });
    await assert.rejects(oidc.authorizationCodeGrant(configuration, callback, { expectedState: 's' }), {
      error: 'invalid_grant',
      status: 400,
    });
  });
});

describe('simple-oauth2', () => {
  const configure = (options) =>
    new AuthorizationCode({
      client: { id: sandbox.clientId, secret: sandbox.clientSecret },
      auth: { tokenHost: sandbox.url, revokePath: '/oauth/token/revoke' },
      // The reply to a revocation has no body by the documentation, which it takes for an error unless told so.
      http: { json: true },
      // The documentation has the credentials in the body.
      options: { authorizationMethod: 'body', ...options },
    });

  for (const bodyFormat of ['form', 'json']) {
    test(`the whole flow with bodies as ${bodyFormat}`, async () => {
      const client = configure({ bodyFormat });
      const scope = 'read_events create_event';
      const url = client.authorizeURL({ redirect_uri: REDIRECT_URI, scope, state: 's' });
      const callback = await sandbox.approve(url, DOC);
      assert.equal(callback.searchParams.get('state'), 's');
      const code = callback.searchParams.get('code');
      const token = await client.getToken({ code, redirect_uri: REDIRECT_URI });
      assert.equal(token.expired(), false);
      assert.equal((await (await userinfo(token.token.access_token)).json()).email, DOC);

      const refreshed = await token.refresh();
      assert.equal((await userinfo(refreshed.token.access_token)).status, 200);
      await refreshed.revoke('refresh_token');
      assert.equal((await userinfo(refreshed.token.access_token)).status, 401);
    });
  }

  test('a rotated refresh token is kept, and the one before is refused', async () => {
    await sandbox.control('PATCH', 'settings', { refresh_mode: 'strict' });
    const client = configure();
    const code = await sandbox.code(ORGANIZATION, OWNER);
    const first = await client.getToken({ code, redirect_uri: REDIRECT_URI });
    const second = await first.refresh();
    assert.notEqual(first.token.refresh_token, second.token.refresh_token);
    await assert.rejects(first.refresh(), (error) => error.data.payload.error === 'invalid_grant');
  });
});
