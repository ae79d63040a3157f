// The life of a connection: authorized, completed, refreshed, listed, revoked.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { AuthorizationError, InvalidError, PendingAuthorization } from 'orgconnect';

import { failure, thrown, world } from './world.mjs';

const REDIRECT = 'http://127.0.0.1:9/callback';

describe('a connection', () => {
  test('is authorized, kept in a session as text, and completed', async (t) => {
    const { sandbox, client } = await world(t);
    const pending = client.authorize({
      redirectUri: REDIRECT,
      payload: 'tenant-7',
      connectionId: 'seven',
      locale: 'de',
    });
    assert.match(pending.url, /^http:\/\/127\.0\.0\.1:\d+\/oauth\/authorize\?response_type=code&client_id=/);
    assert.match(pending.url, /locale=de/);
    assert.deepEqual([pending.flow, pending.payload], ['organization', 'tenant-7']);
    const session = JSON.parse(JSON.stringify({ pending })).pending;
    assert.equal(session, String(pending));
    const back = client.pending(session);
    assert.ok(back instanceof PendingAuthorization && back.url === pending.url);
    assert.deepEqual(back.expiresAt, pending.expiresAt);
    const connection = await client.complete(session, new URL(await sandbox.approve(pending)));
    assert.deepEqual([connection.id, connection.payload], ['seven', 'tenant-7']);
    const summary = await connection.summary();
    assert.deepEqual([summary.kind, summary.state, summary.version], ['organization', 'active', 1]);
    assert.ok(summary.expiresAt > summary.issuedAt);
  });

  test('is made of a refresh token that another program has obtained', async (t) => {
    const { sandbox, client } = await world(t);
    const callback = new URL(await sandbox.approve(client.authorize({ redirectUri: REDIRECT })));
    const { clientId, clientSecret } = sandbox;
    const reply = await fetch(`${sandbox.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_id: clientId,
        client_secret: clientSecret,
        grant_type: 'authorization_code',
        code: callback.searchParams.get('code'),
        redirect_uri: REDIRECT,
      }),
    });
    const { refresh_token: token } = await reply.json();
    const connection = await client.importConnection('imported', token);
    assert.deepEqual([connection.id, (await connection.summary()).kind], ['imported', 'organization']);
    assert.ok((await connection.organization.members.list().all()).length > 0);
    const taken = await failure(client.importConnection('imported', token));
    assert.ok(taken instanceof InvalidError && taken.code === 'connection_exists');
    const refused = await failure(client.importConnection('elsewhere', 'never-issued'));
    assert.ok(refused instanceof AuthorizationError && refused.needsReauthorization);
    assert.ok(!String(refused).includes('never-issued'));
    assert.ok((await failure(client.importConnection('elsewhere', ''))) instanceof InvalidError);
  });

  test('is not completed by a callback of another authorization, by a denial, or twice', async (t) => {
    const { sandbox, client } = await world(t);
    const [one, other] = [
      client.authorize({ redirectUri: REDIRECT }),
      client.authorize({ redirectUri: REDIRECT }),
    ];
    const callback = await sandbox.approve(other);
    await sandbox.forget();
    const mismatch = await failure(client.complete(one, callback));
    assert.ok(mismatch instanceof AuthorizationError && mismatch.code === 'state_mismatch');
    assert.equal((await sandbox.requests()).length, 0);
    const denied = await failure(client.complete(one, await sandbox.deny(one)));
    assert.deepEqual([denied.code, denied.needsReauthorization], ['access_denied', true]);
    await client.complete(other, callback);
    assert.ok((await failure(client.complete(other, callback))) instanceof AuthorizationError);
    assert.equal(thrown(() => client.pending(`${one}x`)).code, 'pending_invalid');
  });

  test('says which option of a request is wrong', async (t) => {
    const { client } = await world(t);
    for (const [request, field] of [
      [{}, 'redirect_uri'],
      [{ redirectUri: 'myapp://x' }, 'redirect_uri'],
      [{ redirectUri: REDIRECT, lifetime: 0 }, 'lifetime'],
      [{ redirectUri: REDIRECT, state: 'short' }, 'state'],
      [{ redirectUri: REDIRECT, lifetme: 1 }, 'lifetme'],
      [{ redirectUri: REDIRECT, payload: 1 }, 'payload'],
    ]) {
      const error = thrown(() => client.authorize(request));
      assert.ok(error instanceof InvalidError && error.fields[field], `${field}: ${error.message}`);
    }
  });

  test('is refreshed by itself when its token ends, once for all callers', async (t) => {
    const { sandbox, organization, connection } = await world(t);
    await sandbox.advance(4 * 3_600_000);
    await Promise.all(Array.from({ length: 100 }, () => organization.members.list().all()));
    const requests = await sandbox.requests();
    assert.equal(requests.filter(({ path }) => path === '/oauth/token').length, 1);
    assert.equal((await connection.summary()).state, 'active');
    const refreshed = await connection.refresh();
    assert.ok(refreshed.version > 2);
  });

  test('is listed page by page, revoked, and then refused', async (t) => {
    const { client, connection, organization, sandbox } = await world(t);
    for (const id of ['a', 'b']) await sandbox.connect(client, { connectionId: id });
    const first = await client.connections({ limit: 2 });
    assert.deepEqual(
      first.map(({ id }) => id),
      ['a', 'b'],
    );
    assert.deepEqual(
      (await client.connections({ after: 'b' })).map(({ id }) => id),
      ['clinic'],
    );
    await connection.revoke();
    await connection.revoke();
    assert.equal((await connection.summary()).state, 'revoked');
    const error = await failure(organization.members.list().all());
    assert.ok(error instanceof AuthorizationError && error.needsReauthorization);
  });

  test('of every flow reaches its operations', async (t) => {
    const { sandbox, client } = await world(t);
    const scopes = ['read_events', 'create_event'];
    const individual = client.authorizeIndividual({ redirectUri: REDIRECT, scopes });
    const account = await client.complete(
      individual,
      await sandbox.approve(individual, 'someone@elsewhere.example'),
    );
    assert.equal((await account.account.userinfo.read()).email, 'someone@elsewhere.example');
    const calendar = await client.applicationCalendar('rota');
    assert.ok((await calendar.userinfo.read()).sub);
    const wrong = await failure(client.organization(account.id).members.list().all());
    assert.ok(wrong instanceof InvalidError && /client\.account/.test(wrong.message));
  });
});
