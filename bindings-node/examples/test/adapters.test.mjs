// Every adapter, by its example application: connecting, tenants, places to go back to, webhooks.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';

import { FRAMEWORKS, start } from './apps.mjs';
import { Browser, ORIGIN } from './browser.mjs';
import { ALLOWED, PAYLOADS } from './return-to.mjs';

const COOKIE = '__Host-orgconnect';
const NOTIFICATION = JSON.stringify({
  notification: { type: 'change', changes_since: '2031-03-03T09:00:00Z' },
  channel: { channel_id: 'chn_1', callback_url: 'https://portal.clinic.example/', filters: {} },
});

for (const framework of FRAMEWORKS) {
  describe(framework, () => {
    let app;
    let browser;
    before(async () => {
      app = await start(framework);
    });
    after(() => app.stop());
    beforeEach(async () => {
      app.inbox.received.length = 0;
      app.inbox.failed.length = 0;
      app.inbox.handle = undefined;
      browser = new Browser(app.server);
      await browser.signIn('clinic-1');
    });

    const begin = async (query = '') => (await browser.open(`/connect${query}`)).headers.get('location');
    const connect = async (query, approver) =>
      browser.open(await app.sandbox.approve(await begin(query), approver));
    const post = (path, body, signature = sign(body)) =>
      fetch(app.server + path, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(signature && { 'cronofy-hmac-sha256': signature }),
        },
        body,
      });
    const sign = (body) => createHmac('sha256', app.sandbox.clientSecret).update(body).digest('base64');

    test('an owner goes to Cronofy and comes back to where they were', async () => {
      const away = await browser.open('/connect?returnTo=/settings?tab=calendars%23top');
      assert.equal(away.status, 302);
      assert.equal(away.headers.get('cache-control'), 'no-store');
      const location = new URL(away.headers.get('location'));
      assert.equal(location.origin, app.sandbox.url);
      assert.ok(
        !location.search.includes('clinic-1') && !location.search.includes('settings'),
        location.search,
      );
      const back = await browser.open(await app.sandbox.approve(location.href));
      assert.equal(back.status, 302);
      assert.equal(back.headers.get('location'), '/settings?tab=calendars#top');
      assert.ok(!browser.cookies.has(COOKIE), 'the cookie is gone');
      const members = await (await browser.open('/members')).json();
      assert.ok(members.includes('doc@example.com'), members.join());
    });

    test('each tenant has an organization of its own', async () => {
      await connect();
      const other = new Browser(app.server);
      await other.signIn('clinic-2');
      const away = await other.open('/connect');
      const callback = await app.sandbox.approve(away.headers.get('location'), 'owner@fabrikam.example');
      assert.equal((await other.open(callback)).headers.get('location'), '/');
      const ours = await (await browser.open('/members')).json();
      const theirs = await (await other.open('/members')).json();
      assert.ok(ours.includes('doc@example.com'));
      assert.ok(theirs.length > 0 && theirs.every((email) => !ours.includes(email)), theirs.join());
    });

    test('a tenant that is not connected is sent to connect, and back to the page', async () => {
      await browser.signIn('clinic-new');
      const page = await browser.open('/members?page=2');
      assert.equal(page.status, 302);
      assert.equal(page.headers.get('location'), '/connect?returnTo=%2Fmembers%3Fpage%3D2');
      const callback = await app.sandbox.approve(await begin('?returnTo=%2Fmembers%3Fpage%3D2'));
      assert.equal((await browser.open(callback)).headers.get('location'), '/members?page=2');
      const program = await browser.open('/members', { headers: { accept: 'application/json' } });
      assert.equal(program.status, 200);
    });

    test('a program gets an error and no redirect', async () => {
      await browser.signIn('clinic-unknown');
      const reply = await browser.open('/members', { headers: { accept: 'application/json' } });
      assert.equal(reply.status, 500);
      assert.match(await app.reason(reply), /clinic-unknown: it is not in the token store/);
    });

    test('nobody connects for nobody', async () => {
      const stranger = new Browser(app.server);
      const reply = await stranger.open('/connect');
      assert.equal(reply.status, 401);
      assert.equal(reply.headers.get('location'), null);
      assert.deepEqual(
        app.inbox.failed.map(({ code }) => code),
        ['tenant_missing'],
      );
    });

    test('a denial is answered and stores nothing', async () => {
      await browser.signIn('clinic-denied');
      const reply = await browser.open(await app.sandbox.deny(await begin()));
      assert.equal(reply.status, 403);
      assert.match(await reply.text(), /access_denied/);
      assert.ok(!browser.cookies.has(COOKIE));
      const connected = await app.client.connections();
      assert.ok(connected.every(({ id }) => id !== 'clinic-denied'));
    });

    test('a callback counts in the browser that began, for the tenant that began, and once', async () => {
      const callback = await app.sandbox.approve(await begin());
      const other = new Browser(app.server);
      await other.signIn('clinic-1');
      assert.equal((await other.open(callback)).status, 400);
      await app.sandbox.forget();

      const cookie = browser.cookies.get(COOKIE);
      await browser.signIn('clinic-2');
      assert.equal((await browser.open(callback)).status, 400);
      assert.deepEqual(
        app.inbox.failed.map(({ code }) => code),
        ['pending_missing', 'tenant_changed'],
      );
      assert.deepEqual(await app.sandbox.requests(), [], 'nothing was sent');

      await browser.signIn('clinic-1');
      browser.setCookie(COOKIE, cookie);
      assert.equal((await browser.open(callback)).status, 302);
      browser.setCookie(COOKIE, cookie);
      assert.equal((await browser.open(callback)).status, 400);
    });

    test('a cookie that was changed, or is of another authorization, is refused', async () => {
      const callback = await app.sandbox.approve(await begin());
      const cookie = browser.cookies.get(COOKIE);
      for (const planted of [`${cookie.slice(0, -2)}AA`, cookie.slice(1), 'x', '%']) {
        browser.setCookie(COOKIE, planted);
        assert.equal((await browser.open(callback)).status, 400, planted);
      }
      await begin();
      assert.equal((await browser.open(callback)).status, 400);
      assert.equal(app.inbox.failed.at(-1).code, 'state_mismatch');
    });

    test('places on other sites are never gone to', async () => {
      let refused = 0;
      for (const payload of PAYLOADS) {
        const away = await browser.open(`/connect?returnTo=${encodeURIComponent(payload)}`);
        if (away.status === 400) {
          refused += 1;
          assert.equal(away.headers.get('location'), null);
          continue;
        }
        assert.equal(away.status, 302, payload);
        const back = await browser.open(await app.sandbox.approve(away.headers.get('location')));
        const location = back.headers.get('location');
        assert.equal(new URL(location, ORIGIN).origin, ORIGIN, `${JSON.stringify(payload)} → ${location}`);
        assert.ok(!decodeURIComponent(location.split('?')[0]).startsWith('//'), location);
      }
      assert.ok(refused >= 55, `${refused} of ${PAYLOADS.length} are refused`);
      const twice = await browser.open('/connect?returnTo=/a&returnTo=//evil.example');
      assert.equal(twice.status, 400);
    });

    test('places of this site, and of origins that are allowed, are gone to', async () => {
      for (const [given, place] of ALLOWED) {
        const back = await connect(`?returnTo=${encodeURIComponent(given)}`);
        assert.equal(back.headers.get('location'), place);
      }
    });

    test('Cronofy posts to the webhook', async () => {
      await connect();
      const doc = await app.client.organization('clinic-1').impersonateEmail('doc@example.com');
      const arrived = new Promise((resolve) => (app.inbox.handle = resolve));
      await doc.channels.create({ callback_url: `${app.server}/webhooks/cronofy` });
      const notification = await arrived;
      assert.equal(notification.kind, 'channel');
      assert.equal(notification.event, 'verification');
    });

    test('a notification is accepted with its own signature alone', async () => {
      assert.equal((await post('/webhooks/cronofy', NOTIFICATION)).status, 200);
      assert.equal(app.inbox.received[0].changesSince, '2031-03-03T09:00:00Z');
      const spaced = ` ${NOTIFICATION}`;
      for (const [body, signature] of [
        [NOTIFICATION, null],
        [NOTIFICATION, ''],
        [NOTIFICATION, sign('x')],
        [spaced, sign(NOTIFICATION)],
      ]) {
        assert.equal((await post('/webhooks/cronofy', body, signature)).status, 401);
      }
      assert.equal((await post('/webhooks/cronofy', spaced)).status, 200);
      assert.equal((await post('/webhooks/cronofy', 'no json')).status, 400);
      assert.equal(app.inbox.received.length, 2);
    });

    test('a body of another type, and one that is too long, are read as what they are', async () => {
      const headers = { 'content-type': 'text/plain', 'cronofy-hmac-sha256': sign(NOTIFICATION) };
      const plain = await fetch(`${app.server}/webhooks/cronofy`, {
        method: 'POST',
        headers,
        body: NOTIFICATION,
      });
      assert.equal(plain.status, 200);
      const long = 'x'.repeat(1_048_577);
      assert.equal((await post('/webhooks/cronofy', long)).status, 413);
      assert.equal(app.inbox.received.length, 1);
    });

    test('a body that was parsed already is refused, with the mend', async () => {
      const reply = await post('/webhooks/too-late', NOTIFICATION);
      assert.equal(reply.status, 500);
      assert.match(
        await app.reason(reply),
        /^body: has been parsed already, so its signature can't be checked; /,
      );
      assert.equal(app.inbox.received.length, 0);
    });

    test('a handler that throws is answered with an error, so that Cronofy tries again', async () => {
      app.inbox.handle = () => {
        throw new Error('the queue is full');
      };
      assert.equal((await post('/webhooks/cronofy', NOTIFICATION)).status, 500);
      app.inbox.handle = undefined;
      assert.equal((await post('/webhooks/cronofy', NOTIFICATION)).status, 200);
      assert.equal(app.inbox.received.length, 1);
    });
  });
}
