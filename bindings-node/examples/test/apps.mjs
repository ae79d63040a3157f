// The example applications, started: each with a sandbox of its own, and the same doors for the tests.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { serve } from '@hono/node-server';
import { SqliteStore } from 'orgconnect';
import { Sandbox } from 'orgconnect/testing';

import { ORIGIN } from './browser.mjs';

const started = {
  async express(options) {
    const { createApp } = await import('../express/app.mjs');
    const server = createServer(createApp(options)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { port: server.address().port, stop: () => closed(server) };
  },
  async fastify(options) {
    const { createApp } = await import('../fastify/app.mjs');
    const app = createApp(options);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: app.server.address().port, stop: () => app.close() };
  },
  async hono(options) {
    const { createApp } = await import('../hono/app.mjs');
    return served(createApp(options).fetch);
  },
  // Next.js as it runs in production, in this process.
  async next({ receive, log, sandbox, tokens, inbox }) {
    Object.assign(process.env, {
      CRONOFY_CLIENT_ID: sandbox.clientId,
      CRONOFY_CLIENT_SECRET: sandbox.clientSecret,
      CRONOFY_BASE_URL: sandbox.url,
      TOKENS: tokens,
      ORIGIN,
    });
    globalThis.clinic = undefined;
    globalThis.received = receive;
    globalThis.failed = log;
    globalThis.unhandled = (error) => (inbox.unhandled = error);
    buildNext();
    const { default: next } = await import('next');
    const app = next({ dev: false, dir: NEXT });
    await app.prepare();
    const server = createServer(app.getRequestHandler()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    return {
      port,
      // It tells nobody but its log.
      reason: () => inbox.unhandled.message,
      async stop() {
        await closed(server);
        await app.close();
      },
    };
  },
};

const NEXT = fileURLToPath(new URL('../next', import.meta.url));

/** Builds the application of Next.js, with the package installed in it: a link would be bundled. */
function buildNext() {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const installed = join(NEXT, 'node_modules/orgconnect');
  rmSync(installed, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  for (const name of ['dist', 'package.json'])
    cpSync(join(root, name), join(installed, name), { recursive: true });
  for (const name of readdirSync(root).filter((name) => name.endsWith('.node')))
    symlinkSync(join(root, name), join(installed, name));
  const program = createRequire(import.meta.url).resolve('next/dist/bin/next');
  const env = { ...process.env, NEXT_TELEMETRY_DISABLED: '1' };
  execFileSync(process.execPath, [program, 'build', NEXT], { env, stdio: ['ignore', 'ignore', 'inherit'] });
}

export const FRAMEWORKS = Object.keys(started);

/** Starts the example of a framework. */
export async function start(framework) {
  const sandbox = await Sandbox.start({ seed: 7 });
  const folder = mkdtempSync(join(tmpdir(), 'orgconnect-'));
  const tokens = join(folder, 'tokens.db');
  const client = sandbox.client({ store: new SqliteStore(tokens) });
  const received = [];
  const failed = [];
  const inbox = {
    received,
    failed,
    /** What happens to a notification, beside being kept. */
    handle: undefined,
  };
  const receive = async (notification) => {
    await inbox.handle?.(notification);
    received.push(notification);
  };
  const log = (error) => void failed.push(error);
  const given = { client, origin: ORIGIN, receive, log, sandbox, tokens: `sqlite:${tokens}`, inbox };
  const { port, stop, reason } = await started[framework](given);
  const server = `http://127.0.0.1:${port}`;
  return {
    sandbox,
    client,
    server,
    inbox,
    /** Why a request was answered with an error. */
    reason: reason ?? (async (reply) => (await reply.json()).error),
    async stop() {
      await stop();
      await client.close();
      sandbox.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function served(fetch) {
  const server = serve({ fetch, port: 0, hostname: '127.0.0.1' });
  if (!server.listening) await once(server, 'listening');
  return { port: server.address().port, stop: () => closed(server) };
}

async function closed(server) {
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}
