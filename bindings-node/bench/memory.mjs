// Whether memory grows over 100,000 calls, replies, errors and handles among them:
// `node --expose-gc --max-semi-space-size=1 memory.mjs URL [CALLS]`, with the URL of `orgconnect-fixed`. Prints the resident memory after each
// tenth. V8 lets its young generation grow to 16 MiB whatever runs; the second option keeps it small, so that what remains is ours.
import { createRequire } from 'node:module';

const { Client } = createRequire(import.meta.url)('./build/dist/index.cjs');
const CALLS = Number(process.argv[3] ?? 100_000);
const client = new Client({ clientId: 'a', clientSecret: 'b', baseUrl: process.argv[2] });
const pending = client.authorize({ redirectUri: 'https://app.example/callback' });
const state = new URL(pending.url).searchParams.get('state');
const { organization } = await client.complete(pending, `?code=c&state=${state}`);

const shown = [];
for (let tenth = 0; tenth < 11; tenth++) {
  for (let begun = 0; begun < CALLS / 10; begun += 50) {
    const doc = organization.impersonate('acc_1');
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index === 0 ? doc.events.upsert('c', {}).catch(() => {}) : doc.userinfo.read({ timeout: 10_000 }),
      ),
    );
  }
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  shown.push([rss, heapUsed + external].map((octets) => +(octets / 2 ** 20).toFixed(1)));
}
for (const [index, name] of ['resident', 'of JavaScript'].entries()) {
  const found = shown.map((sizes) => sizes[index]);
  console.log(
    `MiB ${name} after each tenth: ${found.join(' ')}; grown by ${(found[10] - found[0]).toFixed(1)}`,
  );
}
await client.close();
