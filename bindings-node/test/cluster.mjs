// What the test of clusters runs in a process of its own: three workers over one store.
import cluster from 'node:cluster';

import { Client, ManualClock, SqliteStore } from 'orgconnect';

const { settings, store, now } = JSON.parse(process.env.WORK);
if (cluster.isPrimary) {
  let good = 0;
  for (let index = 0; index < 3; index++) cluster.fork();
  cluster.on('exit', (worker, code) => {
    if (code === 0 && ++good === 3) console.log('all');
  });
} else {
  const client = new Client({ ...settings, store: new SqliteStore(store), clock: new ManualClock(now) });
  const members = await client.organization('clinic').members.list().all();
  await client.close();
  process.exit(members.length > 0 ? 0 : 1);
}
