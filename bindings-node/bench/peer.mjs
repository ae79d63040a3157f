// Measures one peer in a process of its own: `node peer.mjs URL CASE PEER SECONDS`. Prints one line of JSON: calls per second,
// CPU time per call of this process, and its resident memory. Each call decodes the JSON of the reply.
import { createRequire } from 'node:module';
import { performance } from 'node:perf_hooks';

const [url, kase, peer, seconds] = process.argv.slice(2);
const flight = kase.endsWith('64') ? 64 : 1;
const path = kase.startsWith('members') ? '/v1/organizational_unit_members' : '/v1/userinfo';
const headers = { authorization: 'Bearer x', 'cronofy-impersonate': 'acc_1' };

const PEERS = {
  async orgconnect() {
    const { Client } = createRequire(import.meta.url)('./build/dist/index.cjs');
    const client = new Client({ clientId: 'a', clientSecret: 'b', baseUrl: url });
    const pending = client.authorize({ redirectUri: 'https://app.example/callback' });
    const state = new URL(pending.url).searchParams.get('state');
    const { organization } = await client.complete(pending, `?code=c&state=${state}`);
    const doc = organization.impersonate('acc_1');
    return path.endsWith('userinfo') ? () => doc.userinfo.read() : () => organization.members.list().all();
  },
  async undici() {
    const { Pool } = await import('undici');
    const pool = new Pool(url, { connections: flight });
    return async () => (await pool.request({ path, method: 'GET', headers })).body.json();
  },
  async fetch() {
    return async () => (await fetch(url + path, { headers })).json();
  },
  async axios() {
    const { default: axios } = await import('axios');
    const { Agent } = await import('node:http');
    const own = axios.create({
      baseURL: url,
      headers,
      httpAgent: new Agent({ keepAlive: true, maxSockets: 64 }),
    });
    return async () => (await own.get(path)).data;
  },
  async cronofy() {
    const { default: Cronofy } = await import('cronofy');
    const own = new Cronofy({ client_id: 'a', client_secret: 'b', access_token: 'x' });
    own.urls.api = url;
    return () => own.userInfo();
  },
};

const call = await PEERS[peer]();
let calls = 0;
let over = false;
async function work() {
  while (!over) {
    await call();
    calls++;
  }
}
async function measure(milliseconds) {
  over = false;
  calls = 0;
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  setTimeout(() => (over = true), milliseconds);
  await Promise.all(Array.from({ length: flight }, work));
  const { user, system } = process.cpuUsage(cpu);
  const elapsed = (performance.now() - begun) / 1000;
  return { per_s: Math.round(calls / elapsed), cpu_us: +((user + system) / calls).toFixed(1) };
}
await measure(500);
const found = await measure(Number(seconds) * 1000);
console.log(JSON.stringify({ peer, case: kase, ...found, rss_mb: process.memoryUsage().rss >> 20 }));
process.exit(0);
