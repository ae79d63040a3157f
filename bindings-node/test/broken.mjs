// What becomes of panics in the native part: `broken.mjs URL`, in a copy of the package whose native part can be broken. Prints the errors.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { Client, OrgconnectError } from 'orgconnect';

const machine = execFileSync(process.execPath, [process.env.MACHINE], { encoding: 'utf8' }).trim();
const native = createRequire(import.meta.url)(
  fileURLToPath(new URL(`../orgconnect.${machine}.node`, import.meta.url)),
);
const client = new Client({ clientId: 'a', clientSecret: 'b', baseUrl: process.argv[2] });
const organization = client.organization('clinic');
const shown = (error) => [error instanceof OrgconnectError, error.name, error.code];
const found = [];

const { organization: whole } = native.Client.prototype;
native.Client.prototype.organization = native.breakAtOnce;
try {
  client.organization('clinic');
} catch (error) {
  found.push(shown(error));
}
native.Client.prototype.organization = whole;

const { send } = native.Handle.prototype;
native.Handle.prototype.send = (channel, id) => native.breakWithin(channel, id);
found.push(shown(await organization.userinfo.read().catch((error) => error)));
native.Handle.prototype.send = send;

// What comes after is as if nothing had happened.
found.push((await client.connections()).length);
await client.close();
console.log(JSON.stringify(found));
