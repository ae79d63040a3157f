// Signing in with Cronofy: the Auth.js provider and the Passport strategy, by their example applications.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { describe, test } from 'node:test';

import { customFetch } from '@auth/core';
import { cronofy } from 'orgconnect/authjs';
import { Strategy } from 'orgconnect/passport';
import { Sandbox } from 'orgconnect/testing';

import { createApp as withAuthjs } from '../authjs/app.mjs';
import { createApp as withPassport } from '../passport/app.mjs';
import { Browser, ORIGIN } from './browser.mjs';

const SECRET = 'a secret of the example, 32 octets at the least';

async function world(t) {
  const sandbox = await Sandbox.start({ seed: 7 });
  const client = sandbox.client();
  t.after(() => sandbox.stop());
  return { sandbox, client };
}

describe('Auth.js', () => {
  // Its cookies are not all what this browser expects, so a jar of its own.
  async function opened(t, options) {
    const { sandbox, client } = await world(t);
    const app = withAuthjs({ client, secret: SECRET, ...options });
    const jar = new Map();
    const open = async (address, init = {}) => {
      const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
      const request = new Request(new URL(address, ORIGIN), {
        ...init,
        headers: { ...init.headers, cookie },
      });
      const response = await app(request);
      for (const line of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        if (value === '') jar.delete(name);
        else jar.set(name, value);
      }
      return response;
    };
    const begin = async () => {
      const { csrfToken } = await (await open('/auth/csrf')).json();
      const body = new URLSearchParams({ csrfToken, callbackUrl: `${ORIGIN}/calendars` });
      const away = await open('/auth/signin/cronofy', { method: 'POST', body });
      return away.headers.get('location');
    };
    return { sandbox, client, open, begin, jar };
  }

  const SCOPES = ['read_account', 'list_calendars'];

  test('a person signs in, and the application acts for them', async (t) => {
    const { sandbox, client, open, begin, jar } = await opened(t, { scopes: SCOPES });
    assert.equal((await open('/calendars')).status, 401);
    const url = new URL(await begin());
    assert.equal(url.origin, sandbox.url);
    assert.equal(url.searchParams.get('scope'), 'read_account list_calendars');
    assert.equal(url.searchParams.get('redirect_uri'), `${ORIGIN}/auth/callback/cronofy`);
    const back = await open(await sandbox.approve(url.href, 'doc@example.com'));
    assert.equal(back.headers.get('location'), `${ORIGIN}/calendars`);
    const session = await (await open('/auth/session')).json();
    assert.equal(session.user.email, 'doc@example.com');
    assert.ok((await (await open('/calendars')).json()).includes('Clinic'));
    const [connection] = await client.connections();
    assert.equal(connection.id, session.connection);
    const token = (await client.connection(connection.id).accessToken()).expose();
    assert.ok(![...jar.values()].join().includes(token));
  });

  test('an organization signs in', async (t) => {
    const { sandbox, client, open, begin } = await opened(t, {});
    await open(await sandbox.approve(await begin()));
    const session = await (await open('/auth/session')).json();
    const members = await client.organization(session.connection).members.list().all();
    assert.ok(members.some(({ email }) => email === 'doc@example.com'));
  });

  test('a denial, a code that is refused and a callback of another browser sign nobody in', async (t) => {
    const { sandbox, client, open, begin, jar } = await opened(t, { scopes: SCOPES });
    const denied = await open(await sandbox.deny(await begin()));
    assert.match(denied.headers.get('location'), /error=/);
    const callback = new URL(await sandbox.approve(await begin(), 'doc@example.com'));
    callback.searchParams.set('code', 'invented');
    assert.match((await open(callback.href)).headers.get('location'), /error=/);
    const other = await sandbox.approve(await begin(), 'doc@example.com');
    jar.clear();
    assert.match((await open(other)).headers.get('location'), /error=/);
    assert.equal((await open('/calendars')).status, 401);
    assert.deepEqual(await client.connections(), []);
  });

  test('what is missing is named when the provider is made', async (t) => {
    const { client } = await world(t);
    assert.throws(() => cronofy({ client }), /^ConfigError: customFetch: /);
    assert.throws(() => cronofy({ client, customFetch, scopes: [] }), /^InvalidError: scopes: /);
  });
});

describe('Passport', () => {
  async function opened(t) {
    const { sandbox, client } = await world(t);
    const users = new Map();
    const server = createServer(withPassport({ client, origin: ORIGIN, users, secret: SECRET }));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const browser = new Browser(`http://127.0.0.1:${server.address().port}`);
    const begin = async () => (await browser.open('/sign-in')).headers.get('location');
    return { sandbox, client, users, browser, begin };
  }

  test('a person signs in, and the application acts for them', async (t) => {
    const { sandbox, users, browser, begin } = await opened(t);
    assert.equal((await browser.open('/calendars')).status, 401);
    const back = await browser.open(await sandbox.approve(await begin(), 'doc@example.com'));
    assert.equal(back.headers.get('location'), '/calendars');
    assert.deepEqual(
      [...users.values()].map(({ email }) => email),
      ['doc@example.com'],
    );
    assert.ok((await (await browser.open('/calendars')).json()).includes('Clinic'));
  });

  test('a denial, a callback of another session, one that comes twice and an unknown user sign nobody in', async (t) => {
    const { sandbox, users, browser, begin } = await opened(t);
    assert.equal((await browser.open(await sandbox.deny(await begin()))).status, 403);
    const old = await sandbox.approve(await begin(), 'doc@example.com');
    const callback = await sandbox.approve(await begin(), 'doc@example.com');
    assert.equal((await browser.open(old)).status, 403, 'of an authorization before');
    assert.equal((await browser.open(callback)).status, 403, 'the pending authorization counted once');
    const stranger = await sandbox.approve(await begin(), 'someone@elsewhere.example');
    assert.equal((await browser.open(stranger)).status, 403);
    assert.equal((await browser.open('/calendars')).status, 401);
    assert.equal(users.size, 0);
  });

  test('a request without a session is an error that says so', async (t) => {
    const { client } = await world(t);
    const strategy = new Strategy({ client, redirectUri: `${ORIGIN}/x` }, () => false);
    const error = await new Promise((resolve) =>
      strategy.authenticate.call({ error: resolve }, { url: '/sign-in' }),
    );
    assert.match(String(error), /^ConfigError: session: is missing/);
    assert.throws(
      () => new Strategy({ client, redirectUri: 'ftp://x' }, () => false),
      /^InvalidError: redirect_uri/,
    );
  });
});
