// The adapters as modules: both module systems, and no framework behind them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

const require = createRequire(import.meta.url);
const NAMES = ['express', 'fastify', 'hono', 'next', 'authjs', 'passport'];

for (const name of NAMES) {
  test(`orgconnect/${name} is the same in both module systems`, async () => {
    const imported = await import(`orgconnect/${name}`);
    const required = require(`orgconnect/${name}`);
    assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort());
    for (const own of Object.keys(required)) assert.equal(imported[own], required[own]);
  });
}

test('an adapter loads nothing but the package', () => {
  const own = require.resolve('orgconnect');
  const loaded = Object.keys(require.cache).filter((file) => !file.startsWith(own.replace(/dist.*/, '')));
  assert.deepEqual(loaded, []);
});

test('an option that is wrong is named when the routes are made', async (t) => {
  const { Client, ConfigError, InvalidError } = await import('orgconnect');
  const client = new Client({ clientId: 'a', clientSecret: 'b' });
  t.after(() => client.close());
  const good = { client, redirectUri: 'https://app.example/callback', tenant: () => 'x' };
  for (const name of ['express', 'fastify', 'hono', 'next']) {
    const { orgconnect, webhook } = require(`orgconnect/${name}`);
    for (const [options, kind, message] of [
      [{ tenant: 'x' }, ConfigError, /^tenant: /],
      [{ redirectUri: 'ftp://app.example' }, InvalidError, /^redirect_uri: /],
      [{ returnTo: '//evil.example' }, InvalidError, /^returnTo: /],
      [{ connectPath: 'https://evil.example' }, InvalidError, /^connectPath: /],
      [{ returnToOrigins: ['https://app.example/path'] }, ConfigError, /^returnToOrigins: /],
      [{ returnToOrigins: ['*'] }, ConfigError, /^returnToOrigins: /],
      [{ returnToOrigins: ['javascript:'] }, ConfigError, /^returnToOrigins: /],
    ]) {
      assert.throws(
        () => orgconnect({ ...good, ...options }),
        (error) => error instanceof kind && message.test(error.message),
        `${name} ${JSON.stringify(options)}`,
      );
    }
    assert.throws(() => webhook({ webhooks: client, path: '/x' }), /^ConfigError: handler: /);
  }
});
