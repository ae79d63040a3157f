// A PostgreSQL, a Redis and a keyring of a test's own, on loopback and ports that the operating system chooses. `tools/setup services`
// installs the servers.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PostgresStore, RedisStore } from 'orgconnect';

const INSTALLED = '/usr/lib/postgresql';

/** Starts a PostgreSQL, and returns its URL and what stops it. */
export async function startPostgres() {
  const password = 'postgres-password-canary';
  const versions = readdirSync(INSTALLED).sort((a, b) => a - b);
  const binaries = join(INSTALLED, versions.at(-1), 'bin');
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-postgres-'));
  const who = owner();
  writeFileSync(join(folder, 'password'), password);
  if (who.uid !== undefined)
    for (const path of [folder, join(folder, 'password')]) chownSync(path, who.uid, who.gid);
  const data = join(folder, 'data');
  const auth = ['--auth', 'scram-sha-256', '--pwfile', 'password', '--username', 'postgres'];
  const form = ['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'];
  const options = { ...who, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] };
  execFileSync(join(binaries, 'initdb'), ['--pgdata', data, ...auth, ...form], options);
  const port = await freePort();
  const address = ['-c', 'listen_addresses=127.0.0.1', '-p', `${port}`, '-k', folder];
  const server = spawn(join(binaries, 'postgres'), ['-D', data, '-c', 'fsync=off', ...address], options);
  const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  // Its fast way to end.
  return running(server, folder, url, new PostgresStore(url), 'SIGINT');
}

/** Starts a Redis, and returns its URL and what stops it. */
export async function startRedis() {
  const password = 'redis-password-canary';
  const program = ['/usr/bin/valkey-server', '/usr/bin/redis-server'].find((path) => existsSync(path));
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-redis-'));
  const port = await freePort();
  const settings = { bind: '127.0.0.1', port, dir: folder, save: '""', requirepass: password };
  writeFileSync(
    join(folder, 'redis.conf'),
    Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join(''),
  );
  const server = spawn(program, ['redis.conf'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const url = `redis://:${password}@127.0.0.1:${port}/0`;
  return running(server, folder, url, new RedisStore(url), 'SIGTERM');
}

/** The command that runs another one with a keyring of its own, unlocked, and its environment. */
export function inAKeyring(folder, command) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const program = fileURLToPath(new URL('../../tests/services/keyring', import.meta.url));
  return { program, args: ['unlocked', folder, ...command], env };
}

async function running(server, folder, url, store, signal) {
  let log = '';
  for (const stream of [server.stdout, server.stderr]) stream?.on('data', (chunk) => (log += chunk));
  const ended = once(server, 'exit');
  const stop = async () => {
    server.kill(signal);
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (let tries = 0; tries < 400 && server.exitCode === null; tries += 1) {
    try {
      await store.prepare();
      return { url, stop };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await stop();
  throw new Error(`the server did not start: ${log}`);
}

/** PostgreSQL refuses to run as root. */
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
