// Row B19 under the address sanitizer: `sanitized.mjs PACKAGE CALLS RUNTIME`, where PACKAGE is a copy of the package whose native part was
// built for it, and RUNTIME the sanitizer's library. `tools/node-asan` calls it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { calledOften } from './tap.mjs';

const [copy, calls, runtime] = process.argv.slice(2);
const THREADS = 4;

/** Runs a script of the copy under the sanitizer; it must end well, and returns what it printed and what was found. */
async function sanitized(script, args, more = {}) {
  const env = {
    ...process.env,
    ...more,
    LD_PRELOAD: runtime,
    // Node itself leaves memory behind at its end, so leaks are looked at one by one.
    ASAN_OPTIONS: 'detect_leaks=1:malloc_context_size=40',
    LSAN_OPTIONS: 'exitcode=0',
    MACHINE: fileURLToPath(new URL('../scripts/machine.mjs', import.meta.url)),
  };
  delete env.NODE_TEST_CONTEXT;
  const child = spawn(process.execPath, ['--expose-gc', join(copy, 'test', script), ...args], { env });
  const parts = { stdout: [], stderr: [] };
  for (const [name, list] of Object.entries(parts)) child[name].on('data', (data) => list.push(data));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const [printed, report] = Object.values(parts).map((list) => Buffer.concat(list).toString());
  assert.equal(code, 0, report.slice(0, 8_000));
  assert.doesNotMatch(report, /ERROR: AddressSanitizer/);
  return { found: JSON.parse(printed), report };
}

test(`${calls} calls read and write nothing that isn't there, and leave less than 1 MiB behind`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const store = join(folder, 'tokens.db');
  const { sandbox, baseUrl } = await calledOften(t, store);
  const { found, report } = await sanitized('leak-worker.mjs', [calls, String(THREADS)], {
    ORGCONNECT_BASE_URL: baseUrl,
    ORGCONNECT_CLIENT_ID: sandbox.clientId,
    ORGCONNECT_CLIENT_SECRET: sandbox.clientSecret,
    ORGCONNECT_STORE: `sqlite:${store}`,
  });
  assert.equal(found.refused, 'closed');
  assert.equal(found.failed, (calls / 10 - THREADS * 100) / 10);
  const leaks = [...report.matchAll(/leak of (\d+) byte.*?\n\n/gs)];
  const ours = leaks.filter(([stack]) => /orgconnect\.[\w-]+\.node/.test(stack));
  const lost = ours.reduce((sum, [, octets]) => sum + Number(octets), 0);
  t.diagnostic(
    `${lost} octets that came from the native part can't be reached; of ${leaks.length} leaks in all`,
  );
  assert.ok(
    lost < 1 << 20,
    ours
      .map(([stack]) => stack)
      .join('')
      .slice(0, 8_000),
  );
});

test('a panic is an error, at once and within a call, and what comes after goes on', async () => {
  const { found } = await sanitized('broken.mjs', ['http://127.0.0.1:9']);
  assert.deepEqual(found, [[true, 'ConfigError', 'internal'], [true, 'ConfigError', 'internal'], 0]);
});
