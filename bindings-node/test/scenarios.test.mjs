// Runs every scenario of `tests/scenarios` through the package; `tests/README.md` says what a scenario is.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import { check, run } from './scenarios/runner.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), '../../tests/scenarios');
const files = readdirSync(folder, { recursive: true })
  .filter((file) => file.endsWith('.yaml'))
  .sort();

describe('scenarios', { concurrency: 4 }, () => {
  for (const file of files) {
    const name = relative(folder, join(folder, file)).replace(/\.yaml$/, '');
    test(name, async () => {
      await run(parse(readFileSync(join(folder, file), 'utf8')));
    });
  }
});

describe('the runner', () => {
  const step = (fields) => ({
    scenario: 'x',
    given: { connections: { clinic: { organization: 'owner@example.com' } } },
    steps: [fields],
  });

  test('there are scenarios to run', () => {
    assert.ok(files.length > 50, `${files.length}`);
  });

  test('refuses what the format does not know', () => {
    for (const scenario of [
      { scenario: 'x' },
      { scenario: 'x', steps: [{ call: 'a.b', via: 'c', whith: {} }] },
      { scenario: 'x', given: { sede: 1 }, steps: [] },
      { scenario: 'x', steps: [{ via: 'clinic' }] },
      { scenario: 'x', steps: [{ advance: 1, revoke: 'clinic' }] },
    ]) {
      assert.throws(() => check(scenario), JSON.stringify(scenario));
    }
  });

  test('a step that goes otherwise fails and says how', async () => {
    const call = { call: 'organization.list_members', via: 'clinic' };
    for (const [fields, how] of [
      [{ ...call, reply: { status: 201 } }, /status is another/],
      [{ ...call, reply: { empty: true } }, /empty/],
      [{ ...call, reply: { next_page: true } }, /next page/],
      [{ ...call, reply: { body: { pages: { total: 9 } } } }, /\/pages\/total/],
      [{ ...call, error: { kind: 'server' } }, /should fail/],
      [{ ...call, sent: [] }, /1 requests were sent and should be 0/],
      [{ ...call, sent: [{ method: 'POST' }] }, /\/method/],
      [{ ...call, sent: [{ query: { a: 'b' } }] }, /\/query\/a/],
      [{ call: 'events.read', via: 'clinic', error: { kind: 'plan' } }, /should be plan/],
      [{ counters: { requests: 7 } }, /\/requests/],
      [{ control: 'GET /sandbox/nowhere' }, /404/],
    ]) {
      await assert.rejects(run(step(fields)), how, JSON.stringify(fields));
    }
  });
});
