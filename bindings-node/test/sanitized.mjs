// Row B19 under the address sanitizer: `sanitized.mjs WORKER CALLS RUNTIME`, where WORKER is `leak-worker.mjs` in a copy of the package
// whose native part was built for it, and RUNTIME the sanitizer's library. `tools/node-asan` calls it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { SqliteStore } from 'orgconnect';

import { world } from './world.mjs';

const [worker, calls, runtime] = process.argv.slice(2);
const THREADS = 4;

test(`${calls} calls under the address sanitizer`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const store = join(folder, 'tokens.db');
  const { sandbox } = await world(t, {
    settings: { store: new SqliteStore(store) },
    sandbox: { clock: undefined },
  });
  const env = {
    ...process.env,
    LD_PRELOAD: runtime,
    // Node itself leaves memory behind at its end, so a leak is no failure before its stack was looked at.
    ASAN_OPTIONS: 'detect_leaks=1:malloc_context_size=40:exitcode=77',
    LSAN_OPTIONS: 'exitcode=0:max_leaks=0',
    ORGCONNECT_BASE_URL: sandbox.url,
    ORGCONNECT_CLIENT_ID: sandbox.clientId,
    ORGCONNECT_CLIENT_SECRET: sandbox.clientSecret,
    ORGCONNECT_STORE: `sqlite:${store}`,
  };
  delete env.NODE_TEST_CONTEXT;
  const child = spawn(process.execPath, ['--expose-gc', worker, calls, String(THREADS)], { env });
  const [out, err] = [[], []];
  child.stdout.on('data', (data) => out.push(data));
  child.stderr.on('data', (data) => err.push(data));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const [printed, report] = [Buffer.concat(out).toString(), Buffer.concat(err).toString()];
  assert.equal(code, 0, report.slice(0, 8_000));
  assert.doesNotMatch(report, /ERROR: AddressSanitizer/);
  // Only a process that the sanitizer watched to its end says anything of leaks; Node always leaves some.
  const { failed, refused } = JSON.parse(printed);
  assert.equal(refused, 'closed');
  assert.equal(failed, (calls / 10 - THREADS * 100) / 10);
  const leaks = [...report.matchAll(/(?:Direct|Indirect) leak of (\d+) byte.*?(?=\n\n)/gs)];
  const ours = leaks.filter(([stack]) => /orgconnect\.[\w-]+\.node/.test(stack));
  const lost = ours.reduce((sum, [, octets]) => sum + Number(octets), 0);
  t.diagnostic(
    `${lost} octets of ours can't be reached any more, in ${ours.length} places of ${leaks.length}`,
  );
  if (process.env.SHOW) console.error(ours.map(([stack]) => stack).join('\n\n'));
  assert.ok(
    lost < 1 << 20,
    ours
      .map(([stack]) => stack)
      .join('\n\n')
      .slice(0, 8_000),
  );
});
