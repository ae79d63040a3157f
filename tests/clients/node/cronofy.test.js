// Every call that the cronofy package has, made on the sandbox; and what its requests have otherwise than ours for the
// same call. A case's `differs` is the whole of it, place by place as `[theirs, ours]`. The comment beside it says which
// of the two Cronofy's documentation describes; where there is no comment the two requests mean the same.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, test } from 'node:test';

import Cronofy from 'cronofy';

import { ABSENT, DOC, OWNER, REDIRECT_URI, Sandbox, difference, mask } from './sandbox.js';

const SCOPE =
  'read_account list_calendars read_events create_event delete_event create_calendar change_participation_status';
const SERVICE_SCOPE = 'service_account/accounts/manage service_account/resources/manage';
const HOOK = 'http://127.0.0.1:9/hook';
const PERIOD = { start: '2031-03-04T09:00:00Z', end: '2031-03-04T12:00:00Z' };
const EVENT = { event_id: '1', summary: 'Check-up', ...PERIOD };
const RULE = {
  availability_rule_id: 'default',
  tzid: 'Europe/London',
  weekly_periods: [{ day: 'monday', start_time: '09:30', end_time: '12:30' }],
};
const AVAILABLE = { available_period_id: 'morning', ...PERIOD };
const COURSE = {
  bookable_event_id: 'course',
  ...PERIOD,
  status: 'confirmed',
  registration: { capacity: 5 },
};
const OAUTH = { redirect_uri: REDIRECT_URI };

// The documentation recommends the character set in the content type, and takes it without.
const CONTENT_TYPE = { 'headers.content-type': ['application/json', 'application/json; charset=utf-8'] };
// It repeats ids of the path in the body; by the documentation they stand in the path alone.
const REPEATED = (name, value) => ({ [`body.${name}`]: [value, ABSENT] });
// It sends the access token; the documentation has the application's secret.
const ACCESS_TOKEN = { bearer: ['access token', 'client secret'] };
// It sends "Bearer undefined" beside the credentials in the body; by the documentation there is no header.
const UNDEFINED = { bearer: ['something else', 'none'] };
// A GET of its says that it carries JSON, and carries nothing; by the documentation a GET has no body.
const JSON_ON_GET = { 'headers.content-type': ['application/json', ABSENT] };

let sandbox;
beforeEach(async () => (sandbox = await Sandbox.start()));
afterEach(() => sandbox.stop());

const newClient = () => {
  const client = new Cronofy({ client_id: sandbox.clientId, client_secret: sandbox.clientSecret });
  // The one thing that is not as it would be against Cronofy.
  client.urls.api = sandbox.url;
  return client;
};

// A client with an account's tokens, and the ids that calls need.
async function accountWorld() {
  const client = newClient();
  const code = await sandbox.code(SCOPE, DOC, { delegated_scope: 'free_busy' });
  await client.requestAccessToken({ code, redirect_uri: REDIRECT_URI });
  const { sub, calendars } = await client.listCalendars();
  const world = {
    client,
    sub,
    calendar: calendars[0].calendar_id,
    clinic: calendars.find((calendar) => calendar.calendar_name === 'Clinic').calendar_id,
    profile: (await client.profileInformation()).profiles[0].profile_id,
    participants: [{ members: [{ sub }], required: 'all' }],
  };
  world.targets = [{ sub, calendar_id: world.calendar }];
  world.managed = async () => (await client.readEvents({ tzid: 'Etc/UTC', only_managed: true })).events;
  world.external = async (summary) => {
    const { events } = await client.readEvents({ tzid: 'Etc/UTC' });
    return events.find((event) => event.summary === summary);
  };
  world.grant = (calendarId) =>
    sandbox.control('POST', 'permissions', {
      client_id: sandbox.clientId,
      calendar_id: calendarId,
      permission_level: 'unrestricted',
    });
  return world;
}

const serviceWorld = async () => {
  const client = newClient();
  const path = 'enterprise_connect/oauth/authorize';
  const code = await sandbox.code(SERVICE_SCOPE, OWNER, { path, delegated_scope: 'read_write' });
  await client.requestAccessToken({ code, redirect_uri: REDIRECT_URI });
  return { client };
};

const step = (world) => ({
  sequence_id: 'a',
  ordinal: 1,
  participants: world.participants,
  required_duration: { minutes: 60 },
});

// By method: our operation for the same call, and what is made and checked around it.
const CASES = {
  accountInformation: {
    theirs: (w) => w.client.accountInformation(),
    operation: 'userinfo.read_account',
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.account.account_id === w.sub,
  },
  userInfo: {
    theirs: (w) => w.client.userInfo(),
    operation: 'userinfo.read',
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.sub === w.sub,
  },
  profileInformation: {
    theirs: (w) => w.client.profileInformation(),
    operation: 'profiles.list',
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.profiles.length === 2,
  },
  revokeProfileAuthorization: {
    before: async (w) => (await w.client.profileInformation()).profiles.map((profile) => profile.profile_id),
    theirs: (w, [first]) => w.client.revokeProfileAuthorization({ profile_id: first }),
    operation: 'profiles.revoke',
    ours: (w, [, second]) => ({ profile_id: second }),
    // Each revokes a profile of its own, since one can be revoked only once. By the documentation there is no body.
    differs: (w, [first, second]) => ({
      ...CONTENT_TYPE,
      ...REPEATED('profile_id', first),
      path: [`/v1/profiles/${first}/revoke`, `/v1/profiles/${second}/revoke`],
    }),
  },
  listCalendars: {
    theirs: (w) => w.client.listCalendars(),
    operation: 'calendars.list',
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.calendars[0].calendar_id === w.calendar,
  },
  createCalendar: {
    theirs: (w) => w.client.createCalendar({ profile_id: w.profile, name: 'Theirs', color: '#49BED8' }),
    operation: 'calendars.create',
    ours: (w) => ({ profile_id: w.profile, name: 'Ours', color: '#49BED8' }),
    // The names must differ.
    differs: () => ({ ...CONTENT_TYPE, 'body.name': ['Theirs', 'Ours'] }),
    check: (w, reply) => reply.calendar.calendar_name === 'Theirs',
  },
  listAccessibleCalendars: {
    theirs: (w) => w.client.listAccessibleCalendars({ profile_id: w.profile }),
    operation: 'calendars.list_accessible',
    ours: (w) => ({ profile_id: w.profile }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.accessible_calendars.some((calendar) => calendar.email === 'room1@example.com'),
  },
  applicationCalendar: {
    theirs: (w) => w.client.applicationCalendar({ application_calendar_id: 'rota' }),
    operation: 'application_calendars.create',
    ours: () => ({ application_calendar_id: 'rota' }),
    onClient: true,
    differs: () => ({ ...CONTENT_TYPE, ...UNDEFINED }),
    check: (w, reply) => reply.sub.startsWith('apc_') && w.client.config.access_token === reply.access_token,
  },
  createEvent: {
    theirs: (w) => w.client.createEvent({ calendar_id: w.calendar, ...EVENT }),
    operation: 'events.upsert',
    ours: (w) => ({ calendar_id: w.calendar, ...EVENT }),
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.managed()).length === 1,
  },
  readEvents: {
    before: (w) => w.client.createEvent({ calendar_id: w.calendar, ...EVENT }),
    theirs: (w) =>
      w.client.readEvents({
        tzid: 'Etc/UTC',
        from: '2031-03-01',
        to: '2031-04-01',
        include_managed: true,
        calendar_ids: [w.calendar],
      }),
    operation: 'events.read',
    ours: (w) => ({
      tzid: 'Etc/UTC',
      from: '2031-03-01',
      to: '2031-04-01',
      include_managed: true,
      calendar_ids: [w.calendar],
    }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.events.length === 1,
  },
  'readEvents of a next page': {
    before: async (w) => {
      await sandbox.control('PATCH', 'settings', { page_size: 1 });
      for (const id of ['1', '2']) await w.client.createEvent({ ...EVENT, calendar_id: w.calendar, event_id: id });
      return (await w.client.readEvents({ tzid: 'Etc/UTC', only_managed: true })).pages.next_page;
    },
    theirs: (w, next) => w.client.readEvents({ next_page: next }),
    operation: 'events.read_page',
    ours: (w, next) => ({ page_token: next.split('/').at(-1) }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.pages.current === 2 && reply.pages.next_page === undefined,
  },
  deleteEvent: {
    before: (w) => w.client.createEvent({ calendar_id: w.calendar, ...EVENT }),
    theirs: (w) => w.client.deleteEvent({ calendar_id: w.calendar, event_id: '1' }),
    operation: 'events.delete',
    ours: (w) => ({ calendar_id: w.calendar, event_id: '1' }),
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.managed()).length === 0,
  },
  bulkDeleteEvents: {
    before: (w) => w.client.createEvent({ calendar_id: w.calendar, ...EVENT }),
    theirs: (w) => w.client.bulkDeleteEvents({ delete_all: true }),
    operation: 'events.bulk_delete_all',
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.managed()).length === 0,
  },
  'bulkDeleteEvents of some calendars': {
    before: (w) => w.client.createEvent({ calendar_id: w.calendar, ...EVENT }),
    theirs: (w) => w.client.bulkDeleteEvents({ calendar_ids: [w.calendar] }),
    operation: 'events.bulk_delete',
    ours: (w) => ({ calendar_ids: [w.calendar] }),
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.managed()).length === 0,
  },
  updateExternalEvent: {
    before: async (w) => {
      await w.grant(w.clinic);
      return (await w.external('Planning the new wing')).event_uid;
    },
    theirs: (w, uid) => w.client.updateExternalEvent({ calendar_id: w.clinic, event_uid: uid, summary: 'Renamed' }),
    operation: 'events.update_external',
    ours: (w, uid) => ({ calendar_id: w.clinic, event_uid: uid, summary: 'Renamed' }),
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.external('Renamed')) !== undefined,
  },
  deleteExternalEvent: {
    before: async (w) => {
      await w.grant(w.clinic);
      return [
        (await w.external('Planning the new wing')).event_uid,
        (await w.external('Day off')).event_uid,
      ];
    },
    theirs: (w, [first]) => w.client.deleteExternalEvent({ calendar_id: w.clinic, event_uid: first }),
    operation: 'events.delete_external',
    ours: (w, [, second]) => ({ calendar_id: w.clinic, event_uid: second }),
    // Each deletes an event of its own.
    differs: (w, uids) => ({ ...CONTENT_TYPE, 'body.event_uid': uids }),
    check: async (w) => (await w.external('Planning the new wing')) === undefined,
  },
  freeBusy: {
    theirs: (w) => w.client.freeBusy({ tzid: 'Etc/UTC', localized_times: true }),
    operation: 'free_busy.read',
    ours: () => ({ tzid: 'Etc/UTC', localized_times: true }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.free_busy.length > 0,
  },
  'freeBusy of a next page': {
    before: async (w) => {
      await sandbox.control('PATCH', 'settings', { page_size: 1 });
      return (await w.client.freeBusy({ tzid: 'Etc/UTC' })).pages.next_page;
    },
    theirs: (w, next) => w.client.freeBusy({ next_page: next }),
    operation: 'free_busy.read_page',
    ours: (w, next) => ({ page_token: next.split('/').at(-1) }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.pages.current === 2,
  },
  batch: {
    theirs: (w) => w.client.batch({ batch: batchOf(w) }),
    operation: 'batch.create',
    ours: (w) => ({ batch: batchOf(w) }),
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.batch.every((entry) => entry.status === 202),
  },
  createNotificationChannel: {
    theirs: (w) => w.client.createNotificationChannel({ callback_url: HOOK, filters: { only_managed: true } }),
    operation: 'channels.create',
    ours: () => ({ callback_url: HOOK, filters: { only_managed: true } }),
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.channel.callback_url === HOOK,
  },
  listNotificationChannels: {
    before: (w) => w.client.createNotificationChannel({ callback_url: HOOK }),
    theirs: (w) => w.client.listNotificationChannels(),
    operation: 'channels.list',
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.channels.length === 1,
  },
  deleteNotificationChannel: {
    before: async (w) => {
      const open = async () => (await w.client.createNotificationChannel({ callback_url: HOOK })).channel.channel_id;
      return [await open(), await open()];
    },
    theirs: (w, [first]) => w.client.deleteNotificationChannel({ channel_id: first }),
    operation: 'channels.close',
    ours: (w, [, second]) => ({ channel_id: second }),
    // Each closes a channel of its own. A DELETE that says nothing has `{}` as its body; by the documentation none.
    differs: (w, [first, second]) => ({
      path: [`/v1/channels/${first}`, `/v1/channels/${second}`],
      body: [{}, ''],
      'headers.content-type': ['application/json', ABSENT],
    }),
  },
  elevatedPermissions: {
    theirs: (w) => w.client.elevatedPermissions(permissionsOf(w)),
    operation: 'calendars.request_permissions',
    ours: (w) => permissionsOf(w),
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.permissions_request.url.startsWith(sandbox.url),
  },
  availability: {
    theirs: (w) =>
      w.client.availability({
        participants: w.participants,
        required_duration: { minutes: 60 },
        query_periods: [PERIOD],
      }),
    operation: 'availability.query',
    ours: (w) => ({
      participants: w.participants,
      required_duration: { minutes: 60 },
      query_periods: [PERIOD],
    }),
    onClient: true,
    differs: () => ({ ...CONTENT_TYPE, ...ACCESS_TOKEN }),
    check: (w, reply) => reply.available_periods[0].start === PERIOD.start,
  },
  sequencedAvailability: {
    theirs: (w) => w.client.sequencedAvailability({ sequence: [step(w)], query_periods: [PERIOD] }),
    operation: 'availability.query_sequenced',
    ours: (w) => ({ sequence: [step(w)], query_periods: [PERIOD] }),
    onClient: true,
    differs: () => ({ ...CONTENT_TYPE, ...ACCESS_TOKEN }),
    check: (w, reply) => reply.sequences[0].sequence[0].sequence_id === 'a',
  },
  upsertAvailabilityRule: {
    theirs: (w) => w.client.upsertAvailabilityRule(RULE),
    operation: 'availability_rules.upsert',
    ours: () => RULE,
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.availability_rule.availability_rule_id === 'default',
  },
  listAvailabilityRules: {
    before: (w) => w.client.upsertAvailabilityRule(RULE),
    theirs: (w) => w.client.listAvailabilityRules(),
    operation: 'availability_rules.list',
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.availability_rules.length === 1,
  },
  readAvailabilityRule: {
    before: (w) => w.client.upsertAvailabilityRule(RULE),
    theirs: (w) => w.client.readAvailabilityRule({ availability_rule_id: 'default' }),
    operation: 'availability_rules.read',
    ours: () => ({ availability_rule_id: 'default' }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.availability_rule.tzid === 'Europe/London',
  },
  deleteAvailabilityRule: {
    before: (w) => w.client.upsertAvailabilityRule(RULE),
    theirs: (w) => w.client.deleteAvailabilityRule({ availability_rule_id: 'default' }),
    operation: 'availability_rules.delete',
    ours: () => ({ availability_rule_id: 'default' }),
    // It repeats the id in a body; by the documentation there is none.
    differs: () => ({
      body: [{ availability_rule_id: 'default' }, ''],
      'headers.content-type': ['application/json', ABSENT],
    }),
    check: async (w) => (await w.client.listAvailabilityRules()).availability_rules.length === 0,
  },
  upsertAvailablePeriod: {
    theirs: (w) => w.client.upsertAvailablePeriod(AVAILABLE),
    operation: 'available_periods.upsert',
    ours: () => AVAILABLE,
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.client.listAvailablePeriods()).available_periods.length === 1,
  },
  listAvailablePeriods: {
    before: (w) => w.client.upsertAvailablePeriod(AVAILABLE),
    theirs: (w) => w.client.listAvailablePeriods({ from: '2031-03-01', to: '2031-04-01', tzid: 'Etc/UTC' }),
    operation: 'available_periods.read',
    ours: () => ({ from: '2031-03-01', to: '2031-04-01', tzid: 'Etc/UTC' }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.available_periods[0].available_period_id === 'morning',
  },
  'listAvailablePeriods of a next page': {
    before: async (w) => {
      await sandbox.control('PATCH', 'settings', { page_size: 1 });
      for (const id of ['a', 'b']) await w.client.upsertAvailablePeriod({ ...AVAILABLE, available_period_id: id });
      return (await w.client.listAvailablePeriods()).pages.next_page;
    },
    theirs: (w, next) => w.client.listAvailablePeriods({ next_page: next }),
    operation: 'available_periods.read_page',
    ours: (w, next) => ({ page_token: next.split('/').at(-1) }),
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.pages.current === 2,
  },
  deleteAvailablePeriods: {
    before: (w) => w.client.upsertAvailablePeriod(AVAILABLE),
    theirs: (w) => w.client.deleteAvailablePeriods({ available_period_id: 'morning' }),
    operation: 'available_periods.delete',
    ours: () => ({ available_period_id: 'morning' }),
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.client.listAvailablePeriods()).available_periods.length === 0,
  },
  'deleteAvailablePeriods of all': {
    before: (w) => w.client.upsertAvailablePeriod(AVAILABLE),
    theirs: (w) => w.client.deleteAvailablePeriods({ delete_all: true }),
    operation: 'available_periods.bulk_delete',
    differs: () => CONTENT_TYPE,
    check: async (w) => (await w.client.listAvailablePeriods()).available_periods.length === 0,
  },
  realTimeScheduling: {
    theirs: (w) => w.client.realTimeScheduling(schedulingOf(w)),
    operation: 'real_time_scheduling.create',
    ours: (w) => schedulingOf(w),
    onClient: true,
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.real_time_scheduling.url.startsWith(sandbox.url),
  },
  realTimeSequencing: {
    theirs: (w) => w.client.realTimeSequencing(sequencingOf(w)),
    operation: 'real_time_sequencing.create',
    ours: (w) => sequencingOf(w),
    onClient: true,
    // It sends "Bearer undefined" and the credentials in the body; the documentation has the secret in the header.
    differs: () => ({
      ...CONTENT_TYPE,
      bearer: ['something else', 'client secret'],
      'body.client_id': [sandbox.clientId, ABSENT],
      'body.client_secret': [mask(sandbox.clientSecret), ABSENT],
    }),
    check: (w, reply) => reply.real_time_sequencing.url.startsWith(sandbox.url),
  },
  addToCalendar: {
    theirs: (w) => w.client.addToCalendar({ oauth: { ...OAUTH, scope: 'create_event' }, event: EVENT }),
    operation: 'add_to_calendar.create',
    ours: () => ({ oauth: { ...OAUTH, scope: 'create_event' }, event: EVENT }),
    onClient: true,
    differs: () => ({ ...CONTENT_TYPE, ...UNDEFINED }),
    check: (w, reply) => reply.url.startsWith(sandbox.url),
  },
  createSmartInvite: {
    theirs: (w) => w.client.createSmartInvite(invitation()),
    operation: 'smart_invites.upsert',
    ours: () => invitation(),
    onClient: true,
    // We name the method, which the documentation calls optional.
    differs: () => ({ ...CONTENT_TYPE, 'body.method': [ABSENT, 'request'] }),
    check: (w, reply) => reply.attachments.icalendar.startsWith('BEGIN:VCALENDAR'),
  },
  getSmartInvite: {
    before: (w) => w.client.createSmartInvite(invitation()),
    theirs: (w) => w.client.getSmartInvite({ smart_invite_id: '1', recipient_email: 'a+b@example.org' }),
    operation: 'smart_invites.read',
    ours: () => ({ smart_invite_id: '1', recipient_email: 'a+b@example.org' }),
    onClient: true,
    differs: () => JSON_ON_GET,
    check: (w, reply) => reply.recipient.email === 'a+b@example.org',
  },
  cancelSmartInvite: {
    before: (w) => w.client.createSmartInvite(invitation()),
    theirs: (w) => w.client.cancelSmartInvite({ smart_invite_id: '1', recipient: { email: 'a+b@example.org' } }),
    operation: 'smart_invites.cancel',
    ours: () => ({ smart_invite_id: '1', recipient: { email: 'a+b@example.org' } }),
    onClient: true,
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.attachments.icalendar.includes('METHOD:CANCEL'),
  },
  conferencingServiceAuthorizations: {
    theirs: (w) => w.client.conferencingServiceAuthorizations({ ...OAUTH, provider_name: 'zoom' }),
    operation: 'conferencing.create_authorization',
    ours: () => ({ ...OAUTH, provider_name: 'zoom' }),
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.authorization_request.url.startsWith(sandbox.url),
  },
  requestElementToken: {
    theirs: (w) => w.client.requestElementToken({ permissions: ['agenda'], subs: [w.sub], origin: 'https://app.example' }),
    operation: 'element_tokens.create',
    ours: (w) => ({ permissions: ['agenda'], subs: [w.sub], origin: 'https://app.example' }),
    onClient: true,
    differs: () => CONTENT_TYPE,
    check: (w, reply) => reply.element_token.expires_in === 64800,
  },
  delegatedAuthorizations: {
    theirs: (w) => w.client.delegatedAuthorizations(delegationOf(w)),
    operation: 'delegated_authorizations.create',
    ours: (w) => delegationOf(w),
    differs: () => CONTENT_TYPE,
  },
  createBookableEvent: {
    theirs: (w) => w.client.createBookableEvent(COURSE),
    operation: 'bookable_events.create',
    ours: () => COURSE,
    onClient: true,
    // It sends the client secret a second time, in the body; by the documentation it stands in the header alone.
    differs: () => ({ ...CONTENT_TYPE, 'body.bearer_token': [mask(sandbox.clientSecret), ABSENT] }),
    check: (w, reply) => reply.bookable_event_id === 'course',
  },
  readBookableEvents: {
    before: (w) => w.client.createBookableEvent(COURSE),
    theirs: (w) => w.client.readBookableEvents({ bookable_event_id: 'course' }),
    operation: 'bookable_events.read',
    ours: () => ({ bookable_event_id: 'course' }),
    onClient: true,
    // It puts the client secret into the address, where logs keep it. The documentation has it in the header, and
    // nothing in the query.
    differs: () => ({
      ...JSON_ON_GET,
      'query.bearer_token': [[mask(sandbox.clientSecret)], ABSENT],
      'query.bookable_event_id': [['course'], ABSENT],
    }),
    check: (w, reply) => reply.registration.capacity === 5,
  },
  upsertRegistrationBookableEvent: {
    before: (w) => w.client.createBookableEvent(COURSE),
    theirs: (w) => w.client.upsertRegistrationBookableEvent({ bookable_event_id: 'course', ...REGISTRATION }),
    operation: 'bookable_events.upsert_registration',
    ours: () => ({ bookable_event_id: 'course', ...REGISTRATION }),
    onClient: true,
    // As for `createBookableEvent`.
    differs: () => ({
      ...CONTENT_TYPE,
      ...REPEATED('bookable_event_id', 'course'),
      'body.bearer_token': [mask(sandbox.clientSecret), ABSENT],
    }),
    check: (w, reply) => reply.registration.registered_count === 1,
  },
  deleteRegistrationBookableEvent: {
    before: async (w) => {
      await w.client.createBookableEvent(COURSE);
      await w.client.upsertRegistrationBookableEvent({ bookable_event_id: 'course', ...REGISTRATION });
    },
    theirs: (w) =>
      w.client.deleteRegistrationBookableEvent({ bookable_event_id: 'course', registration_id: 'robin' }),
    operation: 'bookable_events.delete_registration',
    ours: () => ({ bookable_event_id: 'course', registration_id: 'robin' }),
    onClient: true,
    // As for `createBookableEvent`.
    differs: () => ({
      body: [{ bookable_event_id: 'course', registration_id: 'robin', bearer_token: mask(sandbox.clientSecret) }, ''],
      'headers.content-type': ['application/json', ABSENT],
    }),
  },
};

const SERVICE_CASES = {
  authorizeWithServiceAccount: {
    theirs: (w) => w.client.authorizeWithServiceAccount({ email: DOC, scope: 'read_write', callback_url: HOOK }),
    operation: 'service_account.create_authorization',
    ours: () => ({ email: DOC, scope: 'read_write', callback_url: HOOK }),
    differs: () => CONTENT_TYPE,
  },
};

const REGISTRATION = { registration_id: 'robin', status: 'accepted', metadata: { name: 'Robin Hale' } };

const batchOf = (w) => [
  { method: 'POST', relative_url: `/v1/calendars/${w.calendar}/events`, data: EVENT },
  { method: 'DELETE', relative_url: `/v1/calendars/${w.calendar}/events`, data: { event_id: '1' } },
];

const permissionsOf = (w) => ({
  permissions: [{ calendar_id: w.calendar, permission_level: 'unrestricted' }],
  redirect_uri: REDIRECT_URI,
});

const delegationOf = (w) => ({
  profile_id: w.profile,
  email: 'room1@example.com',
  callback_url: HOOK,
  scope: 'free_busy',
});

const schedulingOf = (w) => ({
  oauth: OAUTH,
  event: { event_id: '1', summary: 'Check-up' },
  availability: {
    participants: w.participants,
    required_duration: { minutes: 60 },
    query_periods: [PERIOD],
  },
  target_calendars: w.targets,
});

const sequencingOf = (w) => ({
  oauth: OAUTH,
  event: { event_id: '1', summary: 'Visit' },
  availability: {
    sequence: [{ ...step(w), event: { event_id: '2', summary: 'Check-up' } }],
    query_periods: [PERIOD],
  },
  target_calendars: w.targets,
});

const invitation = () => ({
  smart_invite_id: '1',
  recipient: { email: 'a+b@example.org' },
  event: { summary: 'Check-up', ...PERIOD },
  organizer: { name: 'Clinic' },
});

const run = async (given, world, connection) => {
  const before = await given.before?.(world);
  await sandbox.control('DELETE', 'requests');
  const reply = await given.theirs(world, before);
  const theirs = (await sandbox.requests()).at(-1);
  assert.ok((await given.check?.(world, reply)) ?? true, `unexpected: ${JSON.stringify(reply)}`);
  const call = { operation: given.operation, on_client: given.onClient ?? false, with: given.ours?.(world, before) ?? {} };
  const ours = (await sandbox.ours([call], connection)).at(-1);
  assert.deepEqual(difference(theirs, ours), given.differs(world, before));
};

describe('every call works, and differs from ours as stated', () => {
  for (const [name, given] of Object.entries(CASES)) {
    test(name, async () => run(given, await accountWorld(), { account: { by: DOC, scope: SCOPE, delegated_scope: 'free_busy' } }));
  }
  for (const [name, given] of Object.entries(SERVICE_CASES)) {
    const connection = { service_account: { by: OWNER, scope: SERVICE_SCOPE, delegated_scope: 'read_write' } };
    test(name, async () => run(given, await serviceWorld(), connection));
  }

  test('every method of the package is among them', () => {
    const elsewhere = ['requestAccessToken', 'refreshAccessToken', 'revokeAuthorization', 'hmacValid'];
    const covered = [...Object.keys(CASES), ...Object.keys(SERVICE_CASES)].map((name) => name.split(' ')[0]);
    const methods = Object.keys(Cronofy.prototype).filter((name) => !name.startsWith('_'));
    assert.deepEqual(methods.filter((name) => !elsewhere.includes(name)).sort(), [...new Set(covered)].sort());
  });
});

describe('the life of an authorization', () => {
  test('a code is exchanged, the token refreshed, and the connection revoked', async () => {
    const client = newClient();
    const code = await sandbox.code(SCOPE, DOC);
    const tokens = await client.requestAccessToken({ code, redirect_uri: REDIRECT_URI });
    assert.equal(tokens.account_id, tokens.sub);
    assert.equal((await client.userInfo()).email, DOC);

    await sandbox.control('POST', 'connections/expire', {});
    await assert.rejects(client.userInfo(), { statusCode: 401 });
    await client.refreshAccessToken();
    assert.equal((await client.userInfo()).email, DOC);

    const { access_token: accessToken } = client.config;
    // It names the token `refresh_token`; by the documentation it is `token`.
    await client.revokeAuthorization();
    assert.equal(client.config.access_token, undefined);
    await assert.rejects(client.userInfo({ access_token: accessToken }), { statusCode: 401 });
  });

  test('a code is refused the second time', async () => {
    const client = newClient();
    const code = await sandbox.code(SCOPE, DOC);
    await client.requestAccessToken({ code, redirect_uri: REDIRECT_URI });
    await assert.rejects(newClient().requestAccessToken({ code, redirect_uri: REDIRECT_URI }), {
      statusCode: 400,
      message: '{"error":"invalid_grant"}',
    });
  });

  test('its token requests differ from ours in a header that is ignored', async () => {
    const client = newClient();
    await client.requestAccessToken({ code: await sandbox.code(SCOPE, DOC), redirect_uri: REDIRECT_URI });
    const theirs = (await sandbox.requests()).find((request) => request.path === '/oauth/token');
    await sandbox.ours([], { account: { by: DOC, scope: SCOPE } });
    const ours = (await sandbox.requests()).find((request) => request.path === '/oauth/token');
    const found = difference(theirs, ours);
    // It sends "Bearer undefined"; by the documentation the token endpoint takes the credentials in the body and no
    // header. The codes are each one's own, and masked.
    assert.deepEqual(
      { ...found, 'body.code': undefined },
      { ...CONTENT_TYPE, ...UNDEFINED, 'body.code': undefined },
    );
  });

  test('notifications are verified with the published vectors', () => {
    const client = new Cronofy({ client_secret: 'pDY0Oi7TJSP2hfNmZNkm5' });
    const hmac = 'PNNVJ9J2e8N174koxcKDzktZ9Qkt8YUzP+V+l5lG8F4=,6r2/HjBkqymGegX0wOfifieeUXbbHwtV/LohHS+jv6c=';
    assert.equal(client.hmacValid({ hmac, body: '{"example":"well-known"}' }), true);
    assert.equal(client.hmacValid({ hmac, body: '{"example":"forged"}' }), false);
  });
});
