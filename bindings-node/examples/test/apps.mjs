// The example applications, started: each with a sandbox of its own, and the same doors for the tests.
import { once } from 'node:events';
import { createServer } from 'node:http';

import { serve } from '@hono/node-server';
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
  // Next.js itself is not installed: its route handlers are run as they are, found by their paths as it does.
  async next({ client, receive, log, sandbox }) {
    Object.assign(process.env, {
      CRONOFY_CLIENT_ID: sandbox.clientId,
      CRONOFY_CLIENT_SECRET: sandbox.clientSecret,
      CRONOFY_BASE_URL: sandbox.url,
      ORIGIN,
    });
    globalThis.orgconnectClient = client;
    globalThis.received = receive;
    globalThis.failed = log;
    return served(async (request) => {
      const { pathname } = new URL(request.url);
      const route = await import(`../next/app${pathname}/route.js`);
      try {
        return await route[request.method](request, { params: Promise.resolve({}) });
      } catch (error) {
        return Response.json({ error: error.message }, { status: 500 });
      }
    });
  },
};

export const FRAMEWORKS = Object.keys(started);

/** Starts the example of a framework. */
export async function start(framework) {
  const sandbox = await Sandbox.start({ seed: 7 });
  const client = sandbox.client();
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
  const { port, stop } = await started[framework]({ client, origin: ORIGIN, receive, log, sandbox });
  const server = `http://127.0.0.1:${port}`;
  return {
    sandbox,
    client,
    server,
    inbox,
    async stop() {
      await stop();
      await client.close();
      sandbox.stop();
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
