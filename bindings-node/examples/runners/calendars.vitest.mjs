// The sandbox in a test of vitest.
import { Client, ConfigError, InvalidError, OrgconnectError, Webhooks } from 'orgconnect';
import { ManualClock, Sandbox } from 'orgconnect/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';

let sandbox;
let client;
let clinic;
beforeAll(async () => {
  sandbox = await Sandbox.start({ seed: 7, clock: new ManualClock('2031-03-03T09:00:00Z') });
  client = sandbox.client();
  clinic = (await sandbox.connect(client)).organization;
});
afterAll(async () => {
  await client.close();
  sandbox.stop();
});

test('members are listed, also after their token has ended', async () => {
  const before = await clinic.members.list().all();
  await sandbox.advance(4 * 60 * 60 * 1000);
  expect(await clinic.members.list().all()).toEqual(before);
  expect(before.map(({ email }) => email)).toContain('doc@example.com');
});

test('what fails at once has its class', () => {
  expect(() => new Client({ clientId: 'a', clientSecret: 'b', timeout: -1 })).toThrow(ConfigError);
  expect(() => client.organization('')).toThrow(InvalidError);
  expect(() => clinic.impersonate('a b')).toThrow(/sub/);
  expect(() => new Webhooks('secret').receive('forged', Buffer.from('{}'))).toThrow(OrgconnectError);
});

test('what fails later has its class', async () => {
  await expect(clinic.impersonate('acc_1').events.upsert('cal_1', {})).rejects.toThrow(InvalidError);
  await sandbox.addFault({ path: '/v1/organizational_unit_members', status: 402, times: 1 });
  await expect(clinic.members.list().all()).rejects.toMatchObject({ kind: 'plan', status: 402 });
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await expect(clinic.members.list({ signal }).all()).rejects.toBe(reason);
});
