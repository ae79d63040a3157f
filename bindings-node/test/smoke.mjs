// A program that uses what matters, for other runtimes: `bun test/smoke.mjs`, `deno run --allow-all test/smoke.mjs`.
import { Client, InvalidError, OrgconnectError } from 'orgconnect';
import * as edge from 'orgconnect/edge';
import { Sandbox } from 'orgconnect/testing';

import { MapStore } from './map-store.mjs';

function claim(holds, what) {
  if (!holds) throw new Error(what);
}

const sandbox = await Sandbox.start();
const client = sandbox.client({ store: new MapStore() });
const { organization } = await sandbox.connect(client);
claim((await organization.members.list().all()).length > 0, 'members are listed');
const doc = await organization.impersonateEmail('doc@example.com');
const found = await Promise.all(Array.from({ length: 200 }, () => doc.userinfo.read()));
claim(
  found.every(({ email }) => email === 'doc@example.com'),
  'a member is acted as',
);
const refused = await doc.events.upsert('cal_1', {}).catch((error) => error);
claim(refused instanceof InvalidError && refused instanceof OrgconnectError, 'errors have their class');
const { response } = await doc.userinfo.read().withResponse();
claim(response.status === 200, 'an answer is told of');
await sandbox.addFault({ path: '/v1/userinfo', delay_before_ms: 60_000 });
const reason = new Error('enough');
const controller = new AbortController();
setTimeout(() => controller.abort(reason), 20);
claim(
  (await doc.userinfo.read({ signal: controller.signal }).catch((error) => error)) === reason,
  'calls are aborted',
);
claim(
  await edge.verifyWebhook('k', '5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=', '').then((fits) => !fits),
  'edge',
);
claim(new Client({ clientId: 'a', clientSecret: 'b' }) instanceof Client, 'a client is made');
await client.close();
sandbox.stop();
console.log('all of it works');
