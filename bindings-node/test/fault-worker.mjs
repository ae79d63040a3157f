// The worker in Node for the fault suite: uses one connection as its last arguments say; `tests/faults/README.md` says how.
import { setTimeout } from 'node:timers/promises';

import { Client, openStore, OrgconnectError } from 'orgconnect';

const env = process.env;
const [command, times, atOnce = '1', pause = '0'] = process.argv.slice(2).join(' ').split(' ');
if (command !== 'calls' || atOnce !== '1') throw new Error(`there is no command ${process.argv.slice(2)}`);

const client = new Client({
  baseUrl: env.ORGCONNECT_BASE_URL,
  clientId: env.ORGCONNECT_CLIENT_ID,
  clientSecret: env.ORGCONNECT_CLIENT_SECRET,
  store: openStore(env.ORGCONNECT_STORE),
  tokenTimeout:
    env.ORGCONNECT_TOKEN_TIMEOUT_MS === undefined ? undefined : Number(env.ORGCONNECT_TOKEN_TIMEOUT_MS),
});
const organization = client.organization(env.ORGCONNECT_CONNECTION);
const errors = {};
let failed = 0;
for (let call = 0; call < Number(times); call++) {
  try {
    await organization.send('organization.list_members');
  } catch (error) {
    if (!(error instanceof OrgconnectError)) throw error;
    failed++;
    const code = error.code ?? error.kind;
    errors[code] = (errors[code] ?? 0) + 1;
  }
  if (Number(pause) > 0) await setTimeout(Number(pause));
}
await client.close();
console.log(JSON.stringify({ calls: Number(times), failed, errors }));
