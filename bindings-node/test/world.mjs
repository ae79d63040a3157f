// What the tests share: a sandbox with its clock stopped, a client for it, and a connected organization.
import { execFile } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { ManualClock, Sandbox } from 'orgconnect/testing';

/** The instant at which clocks stand: a Monday far from the world's own events. */
export const NOW = '2031-03-03T09:00:00Z';

/** A world of a test's own, which ends with the test. */
export async function world(t, { settings = {}, sandbox: options = {} } = {}) {
  const clock = new ManualClock(NOW);
  const sandbox = await Sandbox.start({ seed: 7, clock, ...options });
  t.after(() => sandbox.stop());
  const client = sandbox.client(settings);
  const connection = await sandbox.connect(client, { connectionId: 'clinic' });
  const organization = connection.organization;
  await sandbox.forget();
  return { clock, sandbox, client, connection, organization };
}

/** The error that a promise is rejected with. */
export async function failure(promise) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    return error;
  }
  throw new Error(`it should fail and came to ${JSON.stringify(value)}`);
}

/** The error that a function throws. */
export function thrown(act) {
  let value;
  try {
    value = act();
  } catch (error) {
    return error;
  }
  throw new Error(`it should throw and came to ${JSON.stringify(value)}`);
}

/** Runs a module in a process of its own, which must end by itself. */
export function script(text, { env = {}, args = [] } = {}) {
  const all = [...args, '--input-type=module', '--eval', text];
  const cwd = dirname(fileURLToPath(import.meta.url));
  return promisify(execFile)(process.execPath, all, {
    cwd,
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
}
