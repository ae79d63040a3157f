// A PostgreSQL of a test's own: a fresh cluster on a free port of loopback, under Debian's user `postgres` when this runs as root.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

const PASSWORD = 'postgres-password-canary';
const INSTALLED = '/usr/lib/postgresql';

/** Starts one, and returns its URL and what stops it. */
export async function startPostgres() {
  const binaries = join(
    INSTALLED,
    readdirSync(INSTALLED)
      .sort((a, b) => a - b)
      .at(-1),
    'bin',
  );
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-postgres-'));
  const who = owner();
  writeFileSync(join(folder, 'password'), PASSWORD);
  if (who.uid !== undefined)
    for (const path of [folder, join(folder, 'password')]) chownSync(path, who.uid, who.gid);
  const data = join(folder, 'data');
  const options = { ...who, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
  const auth = ['--auth', 'scram-sha-256', '--pwfile', 'password', '--username', 'postgres'];
  const form = ['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'];
  execFileSync(join(binaries, 'initdb'), ['--pgdata', data, ...auth, ...form], options);

  const port = await freePort();
  const address = ['-c', 'listen_addresses=127.0.0.1', '-p', `${port}`, '-k', folder];
  const server = spawn(join(binaries, 'postgres'), ['-D', data, '-c', 'fsync=off', ...address], options);
  let log = '';
  server.stderr.on('data', (chunk) => (log += chunk));
  const ended = once(server, 'exit');
  const url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
  await reached(url, server, () => log);
  return {
    url,
    async stop() {
      // Its fast way to end.
      server.kill('SIGINT');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function reached(url, server, log) {
  for (let tries = 0; tries < 200; tries += 1) {
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      if (server.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  server.kill('SIGKILL');
  throw new Error(`PostgreSQL did not start: ${log()}`);
}

/** It refuses to run as root. */
function owner() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
