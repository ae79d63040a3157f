// The sandbox in the other runners of tests, each in a process of its own.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const cwd = fileURLToPath(new URL('../runners', import.meta.url));
const modules = fileURLToPath(new URL('../node_modules', import.meta.url));

for (const [runner, program, args] of [
  ['jest', 'jest/bin/jest.js', ['--runInBand']],
  ['vitest', 'vitest/vitest.mjs', ['run']],
]) {
  test(`the package works in ${runner}`, { timeout: 120_000 }, async () => {
    const env = { ...process.env, NO_COLOR: '1' };
    delete env.NODE_TEST_CONTEXT;
    const all = [`${modules}/${program}`, ...args];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, all, { cwd, env });
    assert.match(stdout + stderr, /Tests:? +3 passed/);
  });
}
