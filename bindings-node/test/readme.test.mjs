// The code of the README, kept true.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { script } from './world.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/<!-- (runs|compiles)(?: with (\w+))? -->\s*```(?:js|ts)\n(.*?)```/gs)];

/** What a block that goes on from an earlier one begins with. */
const BEFORE = {
  client: `import { Sandbox } from 'orgconnect/testing';
    const sandbox = await Sandbox.start();
    const client = sandbox.client();`,
  doc: `import { Sandbox } from 'orgconnect/testing';
    const sandbox = await Sandbox.start();
    const doc = await (await sandbox.connect(sandbox.client())).organization.impersonateEmail('doc@example.com');`,
};

describe('the README', () => {
  for (const [index, [, how, given, code]] of blocks.entries()) {
    test(`example ${index + 1} ${how}`, async () => {
      if (how === 'runs') {
        const { stderr } = await script(`${BEFORE[given] ?? ''}\n${code}`);
        assert.doesNotMatch(stderr, /Error/);
        return;
      }
      const folder = mkdtempSync(join(root, 'test', '.compiled-'));
      try {
        writeFileSync(join(folder, 'example.mts'), code);
        const options = [
          '--noEmit',
          '--strict',
          '--module',
          'nodenext',
          '--target',
          'es2022',
          '--types',
          'node',
        ];
        const compiler = join(root, 'node_modules/typescript/bin/tsc');
        execFileSync(
          process.execPath,
          [compiler, '--ignoreConfig', ...options, join(folder, 'example.mts')],
          {
            cwd: root,
            encoding: 'utf8',
          },
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  test('has examples', () => assert.equal(blocks.length, 6));
});
