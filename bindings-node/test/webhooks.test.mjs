// What Cronofy posts: signatures over the raw body, typed notifications, and bodies that somebody has parsed before.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';

import fc from 'fast-check';
import {
  AuthorizationError,
  DecodeError,
  EmbedTokens,
  InvalidError,
  ReplayGuard,
  Webhooks,
} from 'orgconnect';
import { verifyWebhook } from 'orgconnect/edge';

import { thrown } from './world.mjs';

/** The vector of Cronofy's documentation. */
const DOCUMENTED = {
  secret: 'CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID',
  body: '{"example":"well-known"}',
  signature: '5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=',
};
const sign = (secret, body) => createHmac('sha256', secret).update(body).digest('base64');

describe('webhooks', () => {
  test('the documented vector is accepted, here and at the edge', async () => {
    const { secret, body, signature } = DOCUMENTED;
    assert.ok(new Webhooks(secret).verify(signature, body));
    assert.ok(new Webhooks(secret).verify([signature], Buffer.from(body)));
    assert.ok(await verifyWebhook(secret, signature, body));
    assert.equal(new Webhooks(secret).receive(signature, body).kind, 'unknown');
  });

  test('one of several signatures under one of several secrets is enough', async () => {
    const [old, current] = ['CRN_old', 'CRN_current'];
    const list = `AAAA,  ${sign(current, '{}')} ,`;
    assert.ok(new Webhooks([old, current]).verify(list, '{}'));
    assert.ok(new Webhooks(old).orSecret(current).verify(list, '{}'));
    assert.ok(await verifyWebhook([old, current], list, '{}'));
    assert.ok(!new Webhooks(old).verify(list, '{}'));
    assert.ok(!(await verifyWebhook(old, list, '{}')));
  });

  test('nothing else is accepted: every change of body or signature is noticed, here and at the edge', async () => {
    const { secret, body, signature } = DOCUMENTED;
    const own = new Webhooks(secret);
    await fc.assert(
      fc.asyncProperty(fc.nat(body.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = Buffer.from(body);
        changed[at] ^= mask;
        assert.ok(!own.verify(signature, changed));
        assert.ok(!(await verifyWebhook(secret, signature, changed)));
      }),
      { numRuns: 300 },
    );
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        if (text.split(',').some((candidate) => candidate.trim() === signature)) return;
        assert.equal(own.verify(text, body), false);
        assert.equal(await verifyWebhook(secret, text, body), false);
      }),
      { numRuns: 300 },
    );
    for (const none of [undefined, null, '', ',', [], '=', `${signature}=`, signature.slice(0, -1)]) {
      assert.equal(own.verify(none, body), false);
    }
    assert.ok(thrown(() => own.receive('', body)) instanceof AuthorizationError);
    assert.ok(thrown(() => own.receive(sign(secret, 'x'), 'x')) instanceof DecodeError);
  });

  test('a body that was parsed already is refused with the mend', async () => {
    for (const body of [{ example: 'well-known' }, undefined, null, 7]) {
      const error = thrown(() => new Webhooks('CRN_x').verify('AAAA', body));
      assert.ok(error instanceof InvalidError && /parsed already/.test(error.message));
      await assert.rejects(verifyWebhook('CRN_x', 'AAAA', body), /parsed already/);
    }
  });

  test('a notification has the type of its kind', () => {
    const own = new Webhooks('CRN_x');
    const receive = (body) => own.receive(sign('CRN_x', JSON.stringify(body)), JSON.stringify(body));
    const change = receive({
      notification: { type: 'change', changes_since: '2026-01-01T00:00:00Z' },
      channel: { channel_id: 'chn_1' },
    });
    assert.deepEqual(
      [change.kind, change.event, change.changesSince],
      ['channel', 'change', '2026-01-01T00:00:00Z'],
    );
    const verification = receive({
      notification: { type: 'verification' },
      channel: { channel_id: 'chn_1' },
    });
    assert.equal(verification.changesSince, undefined);
    const delegated = receive({ authorization: { code: 'c', state: 's' } });
    assert.deepEqual(
      [delegated.kind, delegated.code, delegated.error],
      ['delegated_authorization', 'c', undefined],
    );
    assert.equal(receive({ anything: null }).body.anything, null);
  });

  test('a repetition is told by its body', () => {
    const guard = new ReplayGuard({ window: 60_000, capacity: 2 });
    assert.deepEqual([guard.firstTime('a'), guard.firstTime('a'), guard.firstTime('b')], [true, false, true]);
    guard.forget('a');
    assert.ok(guard.firstTime(Buffer.from('a')));
  });

  test('an embed token is signed over what Cronofy documents and the claims of the caller', () => {
    const tokens = new EmbedTokens('EMB_public', 'ESK_secret', { lifetime: 60_000 });
    const [header, payload, signature] = tokens.sign({ sub: 'user-7' }).expose().split('.');
    const expected = createHmac('sha256', 'ESK_secret').update(`${header}.${payload}`).digest('base64url');
    assert.equal(signature, expected);
    const claims = JSON.parse(Buffer.from(payload, 'base64url'));
    assert.deepEqual([claims.iss, claims.sub, claims.exp - claims.iat], ['EMB_public', 'user-7', 60]);
    assert.ok(thrown(() => tokens.sign({ iss: 'x' })) instanceof InvalidError);
    assert.ok(thrown(() => new EmbedTokens('ESK_secret', 'EMB_public')).fields.public_key);
  });
});
