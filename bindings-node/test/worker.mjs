// What the tests of threads run in a worker.
import { parentPort, workerData } from 'node:worker_threads';

import { Client, ManualClock, SqliteStore } from 'orgconnect';

import { MapStore } from './map-store.mjs';

const { settings, store, now, task, times } = workerData;
const clock = new ManualClock(now);

if (task === 'call') {
  const client = new Client({ ...settings, store: new SqliteStore(store), clock });
  const organization = client.organization('clinic');
  const calls = Array.from({ length: times }, () => organization.members.list().all());
  parentPort.postMessage((await Promise.all(calls)).filter((members) => members.length > 0).length);
} else {
  const own = new MapStore();
  own.load = () => new Promise(() => {});
  own.answersWithin = 50;
  const client = new Client({ ...settings, store: own, clock });
  parentPort.postMessage(
    await client
      .connection('clinic')
      .summary()
      .catch((error) => error.name),
  );
}
