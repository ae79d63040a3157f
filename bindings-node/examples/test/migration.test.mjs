// The migration guide is true: each row's two sides run against a sandbox of their own that is the same as the other's, and the requests
// that they lead to are compared.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import Cronofy from 'cronofy';
import { ManualClock, Sandbox } from 'orgconnect/testing';

import { ABSENT, difference } from '../../../tests/clients/node/sandbox.js';

const REDIRECT_URI = 'http://127.0.0.1:9/callback';
const HOOK = 'http://127.0.0.1:9/hook';
const NOW = '2031-03-03T09:00:00Z';
const DOC = 'doc@example.com';
const SCOPES = [
  'read_account',
  'list_calendars',
  'read_events',
  'create_event',
  'delete_event',
  'create_calendar',
  'change_participation_status',
];
const SERVICE_SCOPES = ['service_account/accounts/manage', 'service_account/resources/manage'];
const PERIOD = { start: '2031-03-04T09:00:00Z', end: '2031-03-04T12:00:00Z' };
const BODY = '{"notification":{"type":"verification"}}';

const guide = readFileSync(new URL('../../docs/migrate-from-cronofy.md', import.meta.url), 'utf8');
const rows = [
  ...guide.matchAll(
    /^\| `(cronofy\.(\w+)\(.*?\))` \|.*?`((?:await )?(?:account|client|connection|serviceAccount)\..*?\))`.*?\| (.*?) \|$/gm,
  ),
].map(([, theirs, method, ours, note]) => ({
  theirs,
  method,
  ours,
  notes: note.match(/[¹²³⁴⁵⁶]/g) ?? [],
  note,
}));

/** What each note of the guide explains: a place in the request, theirs and ours. */
const NOTES = {
  '¹': (place, theirs, ours) =>
    /^(body|query)(\.(profile|channel|availability_rule|bookable_event|registration)_id)?$/.test(place) &&
    (ours === ABSENT || ours === ''),
  '²': (place, theirs, ours) => place === 'bearer' && theirs === 'access token' && ours === 'client secret',
  '³': (place, theirs, ours) =>
    place === 'bearer' && theirs === 'something else' && ['none', 'client secret'].includes(ours),
  '⁴': (place, theirs, ours) =>
    (/^(body|query)\.(client_id|client_secret|bearer_token)$/.test(place) && ours === ABSENT) ||
    (place === 'body' && 'bearer_token' in theirs && ours === ''),
  '⁵': (place, theirs, ours) => place === 'body.method' && theirs === ABSENT && ours === 'request',
  '⁶': (place) => place === 'body.refresh_token' || place === 'body.token',
};

/** What must be there before a method is called; done alike in both worlds. What it returns as `names` is for the row. */
const BEFORE = {
  deleteEvent: ({ cronofy, calendar_id, event }) => cronofy.createEvent({ calendar_id, ...event }),
  updateExternalEvent: external,
  deleteExternalEvent: external,
  'readEvents next_page': async ({ cronofy, calendar_id, event, small }) => {
    await small();
    for (const event_id of ['1', '2']) await cronofy.createEvent({ calendar_id, ...event, event_id });
    return next(await cronofy.readEvents({ tzid: 'Etc/UTC', only_managed: true }));
  },
  'freeBusy next_page': async ({ cronofy, calendar_id, event, small }) => {
    await small();
    for (const event_id of ['1', '2']) await cronofy.createEvent({ calendar_id, ...event, event_id });
    return next(await cronofy.freeBusy({ tzid: 'Etc/UTC' }));
  },
  'listAvailablePeriods next_page': async ({ cronofy, period, small }) => {
    await small();
    for (const id of ['a', 'b']) await cronofy.upsertAvailablePeriod({ ...period, available_period_id: id });
    return next(await cronofy.listAvailablePeriods());
  },
  deleteNotificationChannel: async ({ cronofy, callback_url }) => {
    const { channel } = await cronofy.createNotificationChannel({ callback_url });
    return { names: { channel_id: channel.channel_id } };
  },
  readAvailabilityRule: ({ cronofy, rule }) => cronofy.upsertAvailabilityRule(rule),
  deleteAvailabilityRule: ({ cronofy, rule }) => cronofy.upsertAvailabilityRule(rule),
  deleteAvailablePeriods: ({ cronofy, period }) => cronofy.upsertAvailablePeriod(period),
  getSmartInvite: ({ cronofy, invite }) => cronofy.createSmartInvite(invite),
  cancelSmartInvite: ({ cronofy, invite }) => cronofy.createSmartInvite(invite),
  readBookableEvents: ({ cronofy, bookable }) => cronofy.createBookableEvent(bookable),
  upsertRegistrationBookableEvent: ({ cronofy, bookable }) => cronofy.createBookableEvent(bookable),
  deleteRegistrationBookableEvent: async ({ cronofy, bookable, registration, bookable_event_id }) => {
    await cronofy.createBookableEvent(bookable);
    await cronofy.upsertRegistrationBookableEvent({ bookable_event_id, ...registration });
  },
};

async function external({ cronofy, sandbox, clinic }) {
  await sandbox.control('POST', '/sandbox/permissions', {
    client_id: sandbox.clientId,
    calendar_id: clinic,
    permission_level: 'unrestricted',
  });
  // The world's own events lie around real time, and this one is written by the calendar's owner.
  const written = { summary: 'Planning', ...PERIOD };
  await sandbox.control('POST', `/sandbox/calendars/${clinic}/events`, written);
  const { events } = await cronofy.readEvents({ tzid: 'Etc/UTC', from: '2031-03-01', to: '2031-04-01' });
  const { event_uid } = events.find(({ summary }) => summary === 'Planning');
  return { names: { calendar_id: clinic, event_uid, summary: 'Renamed' } };
}

const next = ({ pages: { next_page } }) => ({
  names: { next_page, page_token: next_page.split('/').at(-1) },
});

/** A world with both clients connected, and the names that the guide uses. */
async function world(t, method) {
  const clock = new ManualClock(NOW);
  const sandbox = await Sandbox.start({ seed: 7, clock });
  t.after(() => sandbox.stop());
  const client = sandbox.client();
  const { clientId: client_id, clientSecret: client_secret } = sandbox;
  const cronofy = new Cronofy({ client_id, client_secret });
  cronofy.urls.api = sandbox.url;

  const service = method === 'authorizeWithServiceAccount';
  const begin = () =>
    service
      ? client.authorizeEnterprise({
          redirectUri: REDIRECT_URI,
          scopes: SERVICE_SCOPES,
          delegatedScopes: ['read_write'],
        })
      : client.authorizeIndividual({
          redirectUri: REDIRECT_URI,
          scopes: SCOPES,
          delegatedScopes: ['free_busy'],
        });
  const approver = service ? 'owner@example.com' : DOC;
  const codeOf = (callback) => new URL(callback).searchParams.get('code');
  const theirs = codeOf(await sandbox.approve(begin(), approver));
  await cronofy.requestAccessToken({ code: theirs, redirect_uri: REDIRECT_URI });
  const mine = begin();
  const connection = await client.complete(mine, await sandbox.approve(mine, approver));
  const pending = begin();
  const callback = await sandbox.approve(pending, approver);

  if (method === 'requestAccessToken') cronofy.config.access_token = cronofy.config.refresh_token = undefined;
  const known = {
    sandbox,
    client,
    cronofy,
    connection,
    pending,
    callback,
    code: codeOf(callback),
    redirect_uri: REDIRECT_URI,
  };
  if (service) {
    const serviceAccount = connection.serviceAccount;
    return { ...known, serviceAccount, email: DOC, scope: 'read_write', callback_url: HOOK };
  }
  const { sub, calendars } = await connection.account.calendars.list();
  const { profiles } = await connection.account.profiles.list();
  const participants = [{ members: [{ sub }], required: 'all' }];
  const required_duration = { minutes: 60 };
  const query_periods = [PERIOD];
  const event = { event_id: '1', summary: 'Check-up', ...PERIOD };
  const calendar_id = calendars[0].calendar_id;
  const target_calendars = [{ sub, calendar_id }];
  const oauth = { redirect_uri: REDIRECT_URI };
  const sequence = [{ sequence_id: 'a', ordinal: 1, participants, required_duration }];
  return {
    ...known,
    account: connection.account,
    small: () => sandbox.change({ page_size: 1 }),
    clinic: calendars.find(({ calendar_name }) => calendar_name === 'Clinic').calendar_id,
    calendar_id,
    calendar_ids: [calendar_id],
    profile_id: profiles[0].profile_id,
    application_calendar_id: 'rota',
    name: 'Theatre',
    color: '#49BED8',
    permissions: [{ calendar_id, permission_level: 'unrestricted' }],
    provider_name: 'zoom',
    delegation: {
      profile_id: profiles[0].profile_id,
      email: 'room1@example.com',
      callback_url: HOOK,
      scope: 'free_busy',
    },
    event,
    event_id: '1',
    tzid: 'Etc/UTC',
    from: '2031-03-01',
    to: '2031-04-01',
    batch: [{ method: 'POST', relative_url: `/v1/calendars/${calendar_id}/events`, data: event }],
    callback_url: HOOK,
    filters: { only_managed: true },
    participants,
    required_duration,
    query_periods,
    sequence,
    rule: {
      availability_rule_id: 'default',
      tzid: 'Europe/London',
      weekly_periods: [{ day: 'monday', start_time: '09:30', end_time: '12:30' }],
    },
    availability_rule_id: 'default',
    period: { available_period_id: 'morning', ...PERIOD },
    available_period_id: 'morning',
    scheduling: {
      oauth,
      event: { event_id: '1', summary: 'Check-up' },
      availability: { participants, required_duration, query_periods },
      target_calendars,
    },
    sequencing: {
      oauth,
      event: { event_id: '1', summary: 'Visit' },
      availability: {
        sequence: [{ ...sequence[0], event: { event_id: '2', summary: 'Check-up' } }],
        query_periods,
      },
      target_calendars,
    },
    oauth: { ...oauth, scope: 'create_event' },
    invite: {
      smart_invite_id: '1',
      recipient: { email: 'a+b@example.org' },
      event: { summary: 'Check-up', ...PERIOD },
      organizer: { name: 'Clinic' },
    },
    smart_invite_id: '1',
    recipient_email: 'a+b@example.org',
    recipient: { email: 'a+b@example.org' },
    subs: [sub],
    origin: 'https://app.example',
    bookable: { bookable_event_id: 'course', ...PERIOD, status: 'confirmed', registration: { capacity: 5 } },
    bookable_event_id: 'course',
    registration: { registration_id: 'robin', status: 'accepted', metadata: { name: 'Robin Hale' } },
    registration_id: 'robin',
    hmac: createHmac('sha256', client_secret).update(BODY).digest('base64'),
    body: BODY,
  };
}

/** Runs one side of a row in a world of its own; the requests that it led to, and what it came to. */
async function side(t, row, code) {
  const names = await world(t, row.method);
  const key = row.theirs.includes('{ next_page }') ? `${row.method} next_page` : row.method;
  const given = { ...names, ...(await BEFORE[key]?.(names))?.names };
  await given.sandbox.forget();
  const run = new Function(...Object.keys(given), `return (async () => await ${code})();`);
  const result = await run(...Object.values(given));
  return { requests: await given.sandbox.requests(), result };
}

describe('the migration guide', { concurrency: 4 }, () => {
  for (const row of rows) {
    test(`${row.theirs} → ${row.ours}`, async (t) => {
      const [theirs, ours] = await Promise.all([side(t, row, row.theirs), side(t, row, row.ours)]);
      if (row.note === 'none') {
        assert.deepEqual([theirs.requests, ours.requests], [[], []]);
        assert.equal(theirs.result, true);
        assert.equal(ours.result, true);
        return;
      }
      assert.equal(theirs.requests.length, 1);
      // A list that has further pages goes on to them.
      assert.ok(ours.requests.length === 1 || row.ours.endsWith('.all()'));
      assert.ok(theirs.requests[0].status < 300 && ours.requests[0].status < 300);
      const found = difference(theirs.requests[0], ours.requests[0]);
      delete found['headers.content-type'];
      const used = new Set();
      for (const [place, [before, after]] of Object.entries(found)) {
        const why = row.notes.filter((note) => NOTES[note](place, before, after));
        assert.ok(
          why.length > 0,
          `${place} is ${JSON.stringify(before)} and ${JSON.stringify(after)}, and no note says so`,
        );
        for (const note of why) used.add(note);
      }
      assert.deepEqual(
        row.notes.filter((note) => !used.has(note)),
        [],
        'each note is true of the row',
      );
      assert.ok(row.notes.length > 0 || row.note === 'the same', row.note);
    });
  }

  test('has every method of the package', () => {
    const methods = Object.keys(Cronofy.prototype).filter((name) => !name.startsWith('_'));
    assert.deepEqual([...new Set(rows.map(({ method }) => method))].sort(), methods.sort());
  });
});
