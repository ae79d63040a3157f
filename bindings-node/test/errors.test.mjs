// Errors: real classes in every path, that say where they come from and show no secret.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';

import * as orgconnect from 'orgconnect';
import { orgconnect as express } from 'orgconnect/express';

import { failure, thrown, world } from './world.mjs';

const require = createRequire(import.meta.url);
const SECRET = 'CRN_canary_secret_1';

describe('errors', () => {
  test('a setting that is wrong is named before anything is sent, with its mend', () => {
    const good = { clientId: 'id', clientSecret: SECRET };
    for (const [settings, field] of [
      [undefined, 'settings'],
      [{ clientSecret: SECRET }, 'client_id'],
      [{ clientId: 'id' }, 'client_secret'],
      [{ clientId: 7, clientSecret: SECRET }, 'client_id'],
      [{ ...good, clientSecret: 'a b' }, 'client_secret'],
      [{ ...good, dataCenter: 'eu' }, 'data_center'],
      [{ ...good, baseUrl: 'http://example.com' }, 'base_url'],
      [{ ...good, datacenter: 'uk' }, 'datacenter'],
      [{ ...good, timeout: 0 }, 'timeout'],
      [{ ...good, timeout: -1 }, 'timeout'],
      [{ ...good, timeout: NaN }, 'timeout'],
      [{ ...good, timeout: '1' }, 'timeout'],
      [{ ...good, retry: { attempts: 0 } }, 'retry'],
      [{ ...good, retry: { tries: 1 } }, 'retry'],
      [{ ...good, rateLimit: { perSecond: 1 } }, 'rate_limit'],
      [{ ...good, rateLimit: { perSecond: 0, perMinute: 1 } }, 'rate_limit'],
      [{ ...good, proxy: 'http://[' }, 'proxy'],
      [{ ...good, extraCaCertificates: 'no PEM' }, 'extra_ca_certificate'],
      [{ ...good, userAgentSuffix: 'a\r\nb' }, 'user_agent_suffix'],
      [{ ...good, store: {} }, 'store'],
      [{ ...good, store: null }, 'store'],
      [{ ...good, clock: null }, 'clock'],
      [{ ...good, retry: null }, 'retry'],
      [{ ...good, rateLimit: null }, 'rate_limit'],
      [{ ...good, proxy: null }, 'proxy'],
      [{ ...good, extraCaCertificates: null }, 'extra_ca_certificate'],
      [{ ...good, extraCaCertificates: {} }, 'extra_ca_certificate'],
    ]) {
      const error = thrown(() => new orgconnect.Client(settings));
      assert.ok(error instanceof orgconnect.ConfigError, `${field}: ${inspect(error)}`);
      assert.ok(error instanceof orgconnect.OrgconnectError && error instanceof Error);
      assert.equal(error.kind, 'config');
      assert.ok(
        Object.hasOwn(error.fields, field) || error.message.includes(field),
        `${field}: ${error.message}`,
      );
    }
  });

  test('a guard or a list that can remember or hold nothing is refused', async (t) => {
    const { client } = await world(t);
    for (const [field, options] of [
      ['window', undefined],
      ['window', {}],
      ['window', { window: '1m', capacity: 1 }],
      ['window', { window: 0, capacity: 1 }],
      ['window', { window: NaN, capacity: 1 }],
      ['capacity', { window: 1 }],
      ['capacity', { window: 1, capacity: 0 }],
      ['capacity', { window: 1, capacity: 0.5 }],
    ]) {
      const error = thrown(() => new orgconnect.ReplayGuard(options));
      assert.ok(error instanceof orgconnect.ConfigError && error.fields[field], inspect(error));
    }
    for (const limit of [0, -1, 1.5, NaN, '1']) {
      const error = await failure(client.connections({ limit }));
      assert.ok(error instanceof orgconnect.InvalidError && error.fields.limit, inspect(error));
    }
    for (const keys of [{}, 7, null, undefined, [7]]) {
      const error = thrown(() => new orgconnect.SealedStore(new orgconnect.MemoryStore(), keys));
      assert.ok(error instanceof orgconnect.ConfigError && error.fields.keys, inspect(error));
    }
  });

  test('an error of a call has its class, its facts, and a stack that leads to the caller', async (t) => {
    const { organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    async function whoCallsIt() {
      await doc.events.upsert('cal_1', { event_id: '1' });
    }
    const error = await failure(whoCallsIt());
    assert.ok(error instanceof orgconnect.InvalidError);
    assert.equal(error.name, 'InvalidError');
    assert.deepEqual(Object.keys(error.fields), ['end', 'start', 'summary']);
    assert.match(error.stack, /whoCallsIt/);
    assert.doesNotMatch(error.stack.split('\n')[1], /fromRecord|errorOf/);
  });

  test('each kind of answer becomes its class', async (t) => {
    const { sandbox, organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    for (const [status, type, isTransient] of [
      [402, orgconnect.PlanError, false],
      [403, orgconnect.PermissionError, false],
      [404, orgconnect.NotFoundError, false],
      [422, orgconnect.InvalidError, false],
      [423, orgconnect.LockedError, false],
      [500, orgconnect.ServerError, true],
    ]) {
      await sandbox.addFault({ path: '/v1/userinfo', status, body: { text: 'patient: Jane Roe' } });
      const error = await failure(doc.userinfo.read({ attempts: 1 }));
      assert.ok(error instanceof type, `${status}: ${inspect(error)}`);
      assert.deepEqual(
        [error.status, error.isTransient, error.body],
        [status, isTransient, 'patient: Jane Roe'],
      );
      assert.ok(error.requestId);
      assert.doesNotMatch(inspect(error) + JSON.stringify(error) + error.stack, /Jane Roe/);
      await sandbox.clearFaults();
    }
    await sandbox.addFault({ path: '/v1/userinfo', cut_after: 0 });
    assert.ok((await failure(doc.userinfo.read({ attempts: 1 }))) instanceof orgconnect.NetworkError);
    await sandbox.clearFaults();
    await sandbox.addFault({ path: '/v1/userinfo', status: 200, body: { text: '<html>patient</html>' } });
    const undecodable = await failure(doc.userinfo.read());
    assert.ok(undecodable instanceof orgconnect.DecodeError);
    assert.equal(undecodable.body, '<html>patient</html>');
    assert.doesNotMatch(inspect(undecodable), /patient/);
    await sandbox.clearFaults();
    await sandbox.addFault({ path: '/v1/userinfo', status: 429, retry_after: '0' });
    assert.ok((await failure(doc.userinfo.read({ attempts: 1 }))) instanceof orgconnect.RateLimitedError);
  });

  test('classes are the same in CommonJS and in ES modules', () => {
    const common = require('orgconnect');
    for (const name of Object.keys(orgconnect)) assert.equal(common[name], orgconnect[name], name);
    assert.ok(thrown(() => new common.Client({})) instanceof orgconnect.ConfigError);
  });

  test('what is wrong with an argument of any type is said, and nothing crashes', async (t) => {
    const { client, organization } = await world(t);
    const doc = organization.impersonate('acc_1');
    for (const odd of [undefined, null, 7, {}, [], Symbol('x'), () => {}, 'a\r\nb', '', '\0', 'ü']) {
      for (const act of [
        () => client.organization(odd),
        () => client.account(odd),
        () => client.connection(odd),
        () => client.pending(odd),
        () => organization.impersonate(odd),
        () => client.authorize({ redirectUri: odd }),
        () => client.authorize(odd),
      ]) {
        assert.ok(thrown(act) instanceof orgconnect.OrgconnectError, `${String(odd)} ${act}`);
      }
      for (const act of [
        () => organization.impersonateEmail(odd),
        () => client.complete(odd, odd),
        () => doc.send(odd),
        () => doc.request(odd, odd),
        () => doc.follow('events.read', odd),
      ]) {
        const error = await failure(act());
        assert.ok(error instanceof orgconnect.OrgconnectError, `${String(odd)} ${act} ${inspect(error)}`);
      }
    }
    const cyclic = { event_id: '1' };
    cyclic.self = cyclic;
    assert.ok((await failure(doc.events.upsert('c', cyclic))) instanceof orgconnect.InvalidError);
    assert.ok((await failure(doc.events.upsert('c', { event_id: 1n }))) instanceof orgconnect.InvalidError);
    const tokens = new orgconnect.EmbedTokens('EMB_1', 'ESK_1');
    for (const [field, act] of [
      ['body', () => doc.request('POST', '/v1/x', { body: cyclic })],
      ['extra', () => doc.userinfo.read({ extra: cyclic })],
      ['arguments', () => new orgconnect.Batch().add('events.upsert', cyclic)],
      ['arguments', () => doc.send('userinfo.read', () => {})],
      ['claims', () => tokens.sign(cyclic)],
      ['query.at', () => doc.request('GET', '/v1/x', { query: { at: Symbol('x') } })],
      ['query.at', () => doc.request('GET', '/v1/x', { query: { at: [null] } })],
    ]) {
      const error = await failure((async () => act())());
      assert.ok(error instanceof orgconnect.InvalidError && error.fields[field], inspect(error));
    }
  });

  test('what is no object, or none that can be read, is refused by its name and never left out', async (t) => {
    const { organization, sandbox } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    await sandbox.forget();
    const tokens = new orgconnect.EmbedTokens('EMB_1', 'ESK_1');
    let deep = {};
    for (let level = 0; level < 200; level++) deep = { deep };
    for (const odd of [[{ sub: 'user-7' }], { sub: '\ud800' }, deep, 'text', 7]) {
      for (const [field, act] of [
        ['claims', () => tokens.sign(odd)],
        ['extra', () => doc.userinfo.read({ extra: odd })],
        ['extra', () => doc.withOptions({ extra: odd }).userinfo.read()],
        ['arguments', () => new orgconnect.Batch().add('events.delete', odd)],
      ]) {
        // Options are merged as objects are, so what is no object may come to one: then it is sent as such.
        if (field === 'extra' && (typeof odd !== 'object' || Array.isArray(odd))) continue;
        const error = await failure((async () => act())());
        assert.ok(
          error instanceof orgconnect.InvalidError && error.fields[field],
          `${field}: ${inspect(error)}`,
        );
      }
    }
    assert.equal((await sandbox.requests()).length, 0);
  });

  test('a page whose address is none is sent to connect all the same', async (t) => {
    const { client } = await world(t);
    const redirectUri = 'http://127.0.0.1/callback';
    const { reconnect } = express({ client, redirectUri, tenant: () => 'clinic' });
    const error = new orgconnect.AuthorizationError('gone', { needsReauthorization: true });
    for (const originalUrl of ['//', '///', 'http://[', '/\\']) {
      const sent = {};
      const response = { headersSent: false, append: (name, value) => (sent[name] = value), end: () => {} };
      const request = { method: 'GET', originalUrl, headers: { accept: 'text/html' } };
      reconnect(error, request, response, (left) => assert.fail(inspect(left)));
      assert.equal(response.statusCode, 302, originalUrl);
      assert.match(sent.location, /^\/connect\?returnTo=%2F/);
    }
  });

  test('what only a client makes says what makes it, to whoever has no types', () => {
    for (const [name, instead] of Object.entries({
      Connection: /client\.connection/,
      Organization: /client\.organization/,
      Account: /impersonate/,
      ServiceAccount: /client/,
      AdminClient: /client/,
      Handle: /client/,
      Pages: /list/,
      PendingAuthorization: /authorize/,
      Refresher: /client\.refresher/,
      Reply: /send/,
      Store: /openStore/,
    })) {
      for (const args of [[], [{}], ['clinic']]) {
        const error = thrown(() => new orgconnect[name](...args));
        assert.ok(error instanceof orgconnect.InvalidError, `${name}: ${inspect(error)}`);
        assert.match(error.message, instead);
      }
    }
  });

  test('nothing that is shown of any object holds a secret', async (t) => {
    const { sandbox, client, connection, organization } = await world(t);
    const token = await connection.accessToken();
    const secrets = [sandbox.clientSecret, token.expose()];
    const pending = client.authorize({ redirectUri: 'https://app.example/callback' });
    const verifier = client.webhooks;
    const tokens = new orgconnect.EmbedTokens('EMB_1', 'ESK_canary');
    await sandbox.addFault({ path: '/v1/userinfo', status: 500 });
    const error = await failure(organization.impersonate('acc_1').userinfo.read({ attempts: 1 }));
    const all = [
      client,
      connection,
      organization,
      token,
      pending,
      verifier,
      tokens,
      error,
      organization.members,
    ];
    for (const value of all) {
      const shown = [
        inspect(value, { depth: 20, showHidden: true, getters: false }),
        JSON.stringify(value) ?? '',
        String(value),
        value.stack ?? '',
      ].join('\n');
      for (const secret of [...secrets, 'ESK_canary']) assert.ok(!shown.includes(secret), shown);
    }
    assert.equal(`${token} ${JSON.stringify(token)} ${inspect(token)}`, 'Secret(…) "Secret(…)" Secret(…)');
  });
});
