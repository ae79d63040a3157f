// Goes through all that may show something, with everything shown that can be shown: `canary-worker.mjs`, with the sandbox in its
// environment. What it prints is searched for secrets.
import { inspect } from 'node:util';

import { Batch, Client, EmbedTokens, openStore, SealedStore, Webhooks } from 'orgconnect';

const {
  ORGCONNECT_BASE_URL: baseUrl,
  ORGCONNECT_STORE: place,
  ORGCONNECT_CALLBACK_OF: control,
} = process.env;
const settings = {
  clientId: process.env.ORGCONNECT_CLIENT_ID,
  clientSecret: process.env.ORGCONNECT_CLIENT_SECRET,
  baseUrl,
  retry: { attempts: 1 },
};

function show(value) {
  console.log(inspect(value, { depth: Infinity, showHidden: true, getters: false }));
  console.log(String(value), JSON.stringify(value), value?.stack);
}
async function shown(act) {
  try {
    show(await act());
  } catch (error) {
    show(error);
    for (let cause = error.cause; cause; cause = cause.cause) show(cause);
  }
}
const order = async (method, path, body) => {
  const headers = { 'content-type': 'application/json' };
  await fetch(baseUrl + path, { method, headers, body: JSON.stringify(body) });
};

const client = new Client({
  ...settings,
  store: new SealedStore(openStore(place), SealedStore.generateKey()),
});
show(client);
const pending = client.authorize({ redirectUri: 'http://127.0.0.1:9/callback', connectionId: 'clinic' });
const approve = async (url) => {
  const reply = await fetch(control, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ url, approver: 'owner@example.com' }),
  });
  return (await reply.json()).redirect;
};
const callback = await approve(pending.url);
await shown(() => client.complete(pending, callback.replace('state=', 'state=x')));
await shown(() => client.complete(pending, callback));
await shown(() => client.complete(pending, callback));
const connection = client.connection('clinic');
const { organization } = connection;
const doc = await organization.impersonateEmail('doc@example.com');
show([connection, organization, doc, doc.events, client.webhooks, client.refresher()]);
await shown(() => connection.summary());
await shown(() => connection.accessToken());
await shown(() => client.connections());
await shown(() => client.importConnection('clinic', process.env.ORGCONNECT_CANARY));
await shown(() => client.importConnection('other', process.env.ORGCONNECT_CANARY));
await shown(() => client.admin(process.env.ORGCONNECT_CANARY).send('applications.create', {}));
await shown(() => doc.events.upsert('cal_1', { password: process.env.ORGCONNECT_CANARY }));
await shown(() => doc.request('GET', `/v1/userinfo`, { query: { access_token: 'x' } }));
await shown(() => doc.sendBatch(new Batch().add('events.delete', { calendar_id: 'c', event_id: '1' })));
await shown(() => new Webhooks(settings.clientSecret).receive('wrong', '{}'));
await shown(() => new EmbedTokens('EMB_1', process.env.ORGCONNECT_CANARY).sign({ sub: 'x' }));
await shown(() => new Client({ ...settings, clientSecret: `${process.env.ORGCONNECT_CANARY}\n` }));
await shown(() => openStore(`postgres://app:${process.env.ORGCONNECT_CANARY}@127.0.0.1:1/db`));
await shown(async () =>
  new Client({
    ...settings,
    store: openStore(`redis://app:${process.env.ORGCONNECT_CANARY}@127.0.0.1:1/0?timeout=1`),
  })
    .connection('clinic')
    .summary(),
);
for (const fault of [
  { status: 401 },
  { status: 403 },
  { status: 422, body: { text: '{"errors":{"x":[{"key":"errors.invalid"}]}}' } },
  { status: 429, retry_after: '0' },
  { status: 500, body: { text: 'oops' } },
  { status: 200, body: { text: '<html>' } },
  { cut_after: 20 },
  { delay_before_ms: 5_000 },
]) {
  await order('POST', '/sandbox/faults', { path: '/v1/userinfo', ...fault });
  await shown(() => doc.userinfo.read({ timeout: 500 }));
  await order('DELETE', '/sandbox/faults');
}
await order('POST', '/sandbox/faults', {
  path: '/oauth/token',
  status: 400,
  body: { json: { error: 'invalid_grant' } },
});
await shown(() => connection.refresh());
await order('DELETE', '/sandbox/faults');
await shown(() => connection.revoke());
await client.close();
await shown(() => organization.members.list().all());
// An error that nobody catches is shown by Node itself.
setImmediate(() => doc.userinfo.read());
