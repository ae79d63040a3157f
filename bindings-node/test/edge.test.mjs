// The edge entry beside the core: what one makes the other reads, and both refuse the same.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Client, OrgconnectError } from 'orgconnect';
import * as edge from 'orgconnect/edge';

import * as browser from '../dist/edge.browser.mjs';
import { failure, thrown, world } from './world.mjs';

const REDIRECT = 'http://127.0.0.1:9/callback';
const SETTINGS = { clientId: 'CLIENT', clientSecret: 'CRN_secret', dataCenter: 'uk' };

describe('the edge entry', () => {
  test('makes the URL that the core makes, but for the state', async () => {
    const client = new Client(SETTINGS);
    const withoutState = (url) => url.replace(/state=[^&]*/, 'state=');
    for (const extra of [
      {},
      { locale: 'de', payload: 'tenant 7 ü', avoidLinking: true, providerName: 'google', connectionId: 'c' },
      { redirectUri: "https://app.example/call back'()*!".replace(' ', '%20'), linkToken: 'a+b/c=' },
    ]) {
      const request = { redirectUri: 'https://app.example/callback?x=1', ...extra };
      const own = await edge.authorize(SETTINGS, request);
      assert.equal(withoutState(own.url), withoutState(client.authorize(request).url));
    }
    const scopes = ['read_events', 'create_event'];
    const individual = { redirectUri: REDIRECT, scopes };
    const own = await edge.authorize(SETTINGS, { ...individual, flow: 'individual' });
    assert.equal(withoutState(own.url), withoutState(client.authorizeIndividual(individual).url));
    const enterprise = { redirectUri: REDIRECT, scopes, delegatedScopes: ['read_events'] };
    const service = await edge.authorize(SETTINGS, { ...enterprise, flow: 'enterprise' });
    assert.equal(withoutState(service.url), withoutState(client.authorizeEnterprise(enterprise).url));
  });

  test('begins what the core completes, and reads what the core began', async (t) => {
    const { sandbox, client } = await world(t, { sandbox: { clock: undefined } });
    const settings = { clientId: sandbox.clientId, clientSecret: sandbox.clientSecret, baseUrl: sandbox.url };
    const begun = await edge.authorize(settings, {
      redirectUri: REDIRECT,
      payload: 'p',
      connectionId: 'from-the-edge',
    });
    const connection = await client.complete(begun.session, await sandbox.approve(begun.url));
    assert.deepEqual([connection.id, connection.payload], ['from-the-edge', 'p']);
    const pending = client.authorize({ redirectUri: REDIRECT, payload: 'q' });
    const callback = await edge.readCallback(settings, String(pending), await sandbox.approve(pending));
    assert.deepEqual(
      [callback.payload, callback.flow, callback.redirectUri],
      ['q', 'organization', REDIRECT],
    );
    assert.ok(callback.code);
  });

  test('refuses callbacks with the codes of the core', async (t) => {
    const { client, sandbox } = await world(t, { sandbox: { clock: undefined } });
    const settings = { clientId: sandbox.clientId, clientSecret: sandbox.clientSecret, baseUrl: sandbox.url };
    const pending = client.authorize({ redirectUri: REDIRECT });
    const state = new URL(pending.url).searchParams.get('state');
    for (const callback of [
      '',
      '?',
      'nonsense',
      `${REDIRECT}?code=c`,
      `${REDIRECT}?code=c&state=`,
      `${REDIRECT}?code=c&state=x`,
      `${REDIRECT}?code=c&state=${state}x`,
      `${REDIRECT}?state=${state}`,
      `${REDIRECT}?code=c&error=e&state=${state}`,
      `${REDIRECT}?error=access_denied&state=${state}`,
      `${REDIRECT}?error=temporarily_unavailable&state=${state}`,
      `${REDIRECT}?error=%0d%0aSet-Cookie&state=${state}`,
      `${REDIRECT}?code=&state=${state}`,
      `${REDIRECT}?code=c&code=d&state=${state}`,
      `${REDIRECT}?code=c&state=${state}&state=${state}`,
      `${REDIRECT}?code=c&state=${state}&iss=https://evil.example`,
      `${REDIRECT}#code=c&state=${state}`,
      `${REDIRECT}?code=c&state=${state}#access_token=x`,
      `http://evil.example/callback?code=c&state=${state}`,
      `http://127.0.0.1:9/other?code=c&state=${state}`,
      `?code=c d&state=${state}`,
      `code=${'x'.repeat(513)}&state=${state}`,
      `code=c&state=${state}&pad=${'x'.repeat(17_000)}`,
    ]) {
      const own = await failure(edge.readCallback(settings, String(pending), callback));
      const core = await failure(client.complete(pending, callback));
      assert.equal(own.code, core.code, callback.slice(0, 200));
      assert.deepEqual(Object.keys(own.fields), Object.keys(core.fields), callback.slice(0, 200));
      assert.deepEqual(
        [own.needsReauthorization, own.isTransient],
        [core.needsReauthorization, core.isTransient],
      );
      assert.ok(own instanceof OrgconnectError);
    }
    for (const session of [
      '',
      'p1',
      'p1.e30.AAAA',
      `${pending}x`,
      `x${pending}`,
      String(pending).replace('.', '..'),
    ]) {
      const own = await failure(edge.readCallback(settings, session, '?code=c&state=s'));
      assert.equal(own.code, thrown(() => client.pending(session)).code, session.slice(0, 20));
    }
    const other = { ...settings, clientId: 'other' };
    assert.equal(
      (await failure(edge.readCallback(other, String(pending), '?code=c&state=s'))).code,
      'client_mismatch',
    );
  });

  test('refuses settings and requests as the core does, naming the field', async () => {
    for (const settings of [
      { ...SETTINGS, clientId: '' },
      { ...SETTINGS, clientSecret: 'a b' },
      { ...SETTINGS, dataCenter: 'eu' },
      { ...SETTINGS, dataCenter: undefined, baseUrl: 'http://example.com' },
      { ...SETTINGS, baseUrl: 'https://user:password@host' },
      { ...SETTINGS, baseUrl: 'https://host/path' },
    ]) {
      const own = await failure(edge.authorize(settings, { redirectUri: REDIRECT }));
      const core = thrown(() => new Client(settings));
      assert.deepEqual([own.kind, Object.keys(own.fields)], [core.kind, Object.keys(core.fields)]);
    }
    const client = new Client(SETTINGS);
    for (const request of [
      { redirectUri: 'myapp://x' },
      { redirectUri: 'https://a.example/#x' },
      { redirectUri: 'https://a:b@a.example/' },
      { redirectUri: 'nonsense' },
      { redirectUri: REDIRECT, lifetime: 0 },
      { redirectUri: REDIRECT, lifetime: 25 * 3_600_000 },
      { redirectUri: REDIRECT, payload: 'x'.repeat(1025) },
      { redirectUri: REDIRECT, connectionId: 'a b' },
    ]) {
      const own = await failure(edge.authorize(SETTINGS, request));
      const core = thrown(() => client.authorize(request));
      assert.deepEqual([own.kind, Object.keys(own.fields)], [core.kind, Object.keys(core.fields)]);
    }
  });

  test('is one module without Node for browsers, that says the same', async () => {
    assert.deepEqual(Object.keys(browser).sort(), Object.keys(edge).sort());
    const begun = await browser.authorize(SETTINGS, { redirectUri: REDIRECT });
    const code = new URL(begun.url).searchParams.get('state');
    const read = await edge.readCallback(SETTINGS, begun.session, `?code=c&state=${code}`);
    assert.equal(read.code, 'c');
  });
});
