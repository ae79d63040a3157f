// Uses a store in the keyring of its session: `keyring-worker.mjs DIRECTORY`. Prints what it found as one line of JSON.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { checkStore, KeyringStore } from 'orgconnect';
import { Sandbox } from 'orgconnect/testing';

const [directory] = process.argv.slice(-1);
await checkStore(new KeyringStore(directory));
const sandbox = await Sandbox.start();
const client = sandbox.client({ store: new KeyringStore(directory), requireEncryption: true });
const connection = await sandbox.connect(client, { connectionId: 'clinic' });
const token = (await connection.accessToken()).expose();
// Another store finds the key again.
const later = sandbox.client({ store: new KeyringStore(directory) });
const members = (await later.organization('clinic').members.list().all()).length > 0;
const kept = readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
const { encrypted } = new KeyringStore(directory);
console.log(JSON.stringify({ encrypted, members, readable: kept.join('').includes(token) }));
sandbox.stop();
