// Makes calls in this thread and in worker threads, and prints how much memory that has taken: `leak-worker.mjs CALLS THREADS`, with the
// sandbox in its environment and `--expose-gc`. The numbers are MiB; those of the first half show what grows for good.
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

import { Client, InvalidError, openStore } from 'orgconnect';

const { env } = process;

async function work(calls) {
  const client = new Client({
    clientId: env.ORGCONNECT_CLIENT_ID,
    clientSecret: env.ORGCONNECT_CLIENT_SECRET,
    baseUrl: env.ORGCONNECT_BASE_URL,
    store: openStore(env.ORGCONNECT_STORE),
  });
  const organization = client.organization('clinic');
  const { sub } = await organization.impersonateEmail('doc@example.com');
  let failed = 0;
  for (let begun = 0; begun < calls; begun += 50) {
    const doc = organization.impersonate(sub);
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        if (index % 10 !== 0) return doc.request('GET', '/v1/userinfo');
        const controller = new AbortController();
        const call =
          index % 20 === 0 ? doc.events.upsert('c', {}) : doc.userinfo.read({ signal: controller.signal });
        controller.abort();
        return call.catch((error) => {
          if (error instanceof InvalidError || error.name === 'AbortError') failed++;
          else throw error;
        });
      }),
    );
  }
  await client.close();
  const refused = await organization.members
    .list()
    .all()
    .catch((error) => error.code);
  return { failed, refused };
}

if (isMainThread) {
  const [calls, threads] = process.argv.slice(-2).map(Number);
  const measure = () => {
    globalThis.gc();
    return process.memoryUsage().rss / 2 ** 20;
  };
  const inAWorker = (count, terminated) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(fileURLToPath(import.meta.url), { workerData: count });
      worker.once('error', reject);
      worker.once('exit', resolve);
      if (terminated) worker.once('online', () => setTimeout(() => worker.terminate(), 20));
    });
  const sizes = [];
  let done;
  for (let tenth = 0; tenth < 11; tenth++) {
    done = await work(calls / 10 - threads * 100);
    await Promise.all(Array.from({ length: threads }, (_, index) => inAWorker(100, index % 2 === 1)));
    sizes.push(Math.round(measure() * 10) / 10);
  }
  console.log(JSON.stringify({ ...done, sizes }));
} else {
  parentPort.postMessage(await work(workerData));
}
