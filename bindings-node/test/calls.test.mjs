// Calls: options, cancelling, paging, whole answers, batches, and the end of a client.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, test } from 'node:test';

import { Batch, InvalidError, NotFoundError, Reply, TimeoutError } from 'orgconnect';

import { failure, script, thrown, world } from './world.mjs';

describe('calls', () => {
  test('a call tells of its whole answer when it is asked at once', async (t) => {
    const { organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    const { data, response } = await doc.userinfo.read().withResponse();
    assert.equal(data.email, 'doc@example.com');
    assert.deepEqual(
      [response.status, response.headers.get('content-type')],
      [200, 'application/json; charset=utf-8'],
    );
    assert.ok(response.requestId);
    const late = doc.userinfo.read();
    await late;
    assert.ok((await failure(late.withResponse())) instanceof InvalidError);
    assert.equal(response.headers, response.headers);
    const refused = await failure(doc.events.upsert('cal_1', {}).withResponse());
    assert.ok(refused instanceof InvalidError);
  });

  test('a signal that is none is refused, and calls beside it go on', async (t) => {
    const { organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    const [wrong, right] = await Promise.all([
      failure(doc.userinfo.read({ signal: {} })),
      doc.userinfo.read(),
    ]);
    assert.ok(wrong instanceof InvalidError && wrong.fields.signal, String(wrong));
    assert.equal(right.sub, doc.sub);
    assert.equal(doc.withOptions({ timeout: 1_000 }).sub, doc.sub);
  });

  test('a call by name and a call of a path answer with what came', async (t) => {
    const { organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    const named = await doc.send('userinfo.read');
    const path = await doc.request('GET', '/v1/userinfo', { query: { a: 1, 'b[]': ['x', 'y'] } });
    assert.ok(named instanceof Reply && path.status === 200);
    assert.deepEqual(named.json(), path.json());
    assert.deepEqual(new TextDecoder().decode(named.body), named.text());
  });

  test('pages are read one after the other, and each loop begins anew', async (t) => {
    const { sandbox, organization } = await world(t);
    const { organizations } = await sandbox.control('GET', '/sandbox/organizations');
    const id = organizations.find(({ name }) => name.startsWith('Northwind')).organization_id;
    await sandbox.control('POST', `/sandbox/organizations/${id}/members/bulk`, { count: 250 });
    await sandbox.forget();
    const list = organization.members.list();
    assert.equal((await sandbox.requests()).length, 0);
    const emails = [];
    for await (const member of list) emails.push(member.email);
    assert.equal(emails.length, 255);
    assert.equal(new Set(emails).size, 255);
    const requests = (await sandbox.requests()).length;
    assert.ok(requests > 1, `${requests}`);
    let pages = 0;
    for await (const page of list.pages()) pages += page.organizational_unit_members.length > 0 ? 1 : 0;
    assert.equal(pages, requests);
    assert.equal((await list.all()).length, 255);
    // A loop that is left early asks for no more.
    await sandbox.forget();
    for await (const member of list) if (member) break;
    assert.equal((await sandbox.requests()).length, 1);
  });

  test('a link that leads elsewhere is not followed', async (t) => {
    const { sandbox, organization } = await world(t);
    const error = await failure(
      organization.follow('organization.list_members', 'https://evil.example/v1/x'),
    );
    assert.ok(error instanceof InvalidError && error.fields.next_page);
    assert.equal((await sandbox.requests()).length, 0);
  });

  test('an aborted call is rejected with the reason of its signal, whenever it is aborted', async (t) => {
    const { sandbox, organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    const reason = new Error('enough');
    assert.equal(await failure(doc.userinfo.read({ signal: AbortSignal.abort(reason) })), reason);
    await sandbox.addFault({ path: '/v1/userinfo', delay_before_ms: 60_000 });
    const controller = new AbortController();
    const calls = [
      doc.userinfo.read({ signal: controller.signal }),
      doc.withOptions({ signal: controller.signal }).userinfo.read(),
      doc.userinfo.read({ signal: controller.signal }).withResponse(),
      doc.send('userinfo.read', {}, { signal: controller.signal }),
      doc.request('GET', '/v1/userinfo', { signal: controller.signal }),
    ];
    setTimeout(() => controller.abort(reason), 20);
    for (const call of calls) assert.equal(await failure(call), reason);
    await sandbox.clearFaults();
    // A signal that is aborted afterwards changes nothing, and leaves no listener.
    const later = new AbortController();
    assert.equal((await doc.userinfo.read({ signal: later.signal })).email, 'doc@example.com');
    later.abort();
  });

  test('any number of calls share a signal, which keeps nothing of them', async (t) => {
    const { sandbox, organization } = await world(t);
    const warnings = [];
    const warned = (warning) => warnings.push(warning);
    process.on('warning', warned);
    t.after(() => process.off('warning', warned));
    const controller = new AbortController();
    const { signal } = controller;
    const doc = await organization.impersonateEmail('doc@example.com');
    const calls = () => Array.from({ length: 50 }, () => doc.userinfo.read({ signal }));
    for (const { email } of await Promise.all(calls())) assert.equal(email, 'doc@example.com');
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    await sandbox.addFault({ path: '/v1/userinfo', delay_before_ms: 60_000 });
    const under = Promise.allSettled(calls());
    await new Promise((resolve) => setTimeout(resolve, 20));
    const reason = new Error('enough');
    controller.abort(reason);
    for (const settled of await under) assert.equal(settled.reason, reason);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    await new Promise(setImmediate);
    assert.deepEqual(warnings, []);
  });

  test('a timeout of a call, of a view and of a client is a TimeoutError', async (t) => {
    const { sandbox, organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    await sandbox.addFault({ path: '/v1/userinfo', delay_before_ms: 60_000 });
    assert.ok((await failure(doc.userinfo.read({ timeout: 20, attempts: 1 }))) instanceof TimeoutError);
    assert.ok((await failure(doc.withOptions({ timeout: 20 }).userinfo.read())) instanceof TimeoutError);
    assert.ok((await failure(doc.userinfo.read({ timeout: 'x' }))) instanceof InvalidError);
  });

  test('fields that are not known are added as they are', async (t) => {
    const { sandbox, organization } = await world(t);
    const doc = organization.withOptions({ extra: { a: 'b' } });
    await doc.members.list().all();
    const [request] = await sandbox.requests();
    assert.match(request.query, /a=b/);
  });

  test('a batch has a verdict on each entry', async (t) => {
    const { organization } = await world(t);
    const doc = await organization.impersonateEmail('doc@example.com');
    const { calendars } = await doc.calendars.list();
    const { calendar_id } = calendars.find((calendar) => calendar.calendar_primary);
    const event = {
      event_id: '1',
      summary: 'Check-up',
      start: '2031-03-04T09:00:00Z',
      end: '2031-03-04T09:30:00Z',
    };
    const batch = new Batch()
      .add('events.upsert', { calendar_id, ...event })
      .add('events.upsert', { calendar_id: 'cal_unknown', ...event });
    assert.equal(batch.length, 2);
    const verdicts = await doc.sendBatch(batch);
    assert.deepEqual(
      verdicts.map((verdict) => verdict.ok),
      [true, false],
    );
    assert.ok(verdicts[1].error instanceof NotFoundError);
    assert.ok(thrown(() => batch.add('events.read', {})) instanceof InvalidError);
    assert.ok(thrown(() => batch.add('events.upsert', {})).fields.calendar_id);
    assert.equal(batch.length, 2);
    assert.deepEqual(await doc.sendBatch(new Batch()), []);
  });

  test('a closed client and its handles refuse calls, and closing twice is closing once', async (t) => {
    const { sandbox, connection, organization } = await world(t);
    let kept;
    {
      const client = sandbox.client();
      kept = (await sandbox.connect(client)).organization;
      assert.equal(typeof client[Symbol.asyncDispose], 'function');
      await client[Symbol.asyncDispose]();
      await client.close();
      assert.equal((await failure(client.connections())).code, 'closed');
    }
    assert.equal((await failure(kept.members.list().all())).code, 'closed');
    assert.ok((await organization.members.list().all()).length > 0 && connection.id === 'clinic');
  });

  test('a call that nobody waits for is reported as an unhandled rejection, as any promise is', async () => {
    const { stdout } = await script(`
      import { Client, InvalidError } from 'orgconnect';
      process.once('unhandledRejection', (error) => console.log(error instanceof InvalidError));
      const client = new Client({ clientId: 'a', clientSecret: 'b' });
      client.organization('c').impersonate('acc_1').events.upsert('cal_1', {});
    `);
    assert.equal(stdout.trim(), 'true');
  });

  test('a process ends by itself with clients open, and stays for calls that are under way', async () => {
    const { stdout } = await script(`
      import { Sandbox } from 'orgconnect/testing';
      const sandbox = await Sandbox.start();
      const client = sandbox.client();
      const { organization } = await sandbox.connect(client);
      await sandbox.addFault({ path: '/v1/organizational_unit_members', delay_before_ms: 300 });
      organization.members.list().all().then((members) => console.log(members.length > 0 ? 'settled' : 'none'));
    `);
    assert.equal(stdout.trim(), 'settled');
  });
});
