// A server before the sandbox, which sees what passes by and answers some of it by itself.
import { createServer, request as onward } from 'node:http';

import { SqliteStore } from 'orgconnect';
import { Sandbox } from 'orgconnect/testing';

/** Starts one that hands on what is asked, and what the sandbox answers, until the test ends. `told` hears the answers. */
export async function startTap(t, sandbox, told = () => {}, own = () => undefined) {
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    const answered = own(request.url);
    if (answered !== undefined) return response.setHeader('content-type', 'application/json').end(answered);
    const { method, headers } = request;
    const passed = onward(sandbox.url + request.url, { method, headers }, async (answer) => {
      const body = [];
      try {
        for await (const part of answer) body.push(part);
      } catch {
        return response.destroy();
      }
      told(Buffer.concat(body).toString());
      response.writeHead(answer.statusCode, answer.rawHeaders);
      response.end(Buffer.concat(body));
    });
    passed.on('error', () => response.destroy());
    passed.end(Buffer.concat(parts));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address();
  await sandbox.control('POST', '/sandbox/host_ports', { port });
  return `http://127.0.0.1:${port}`;
}

/** A sandbox with a connected organization, for many calls of `userinfo`: those are answered before they get to it. */
export async function calledOften(t, store) {
  const sandbox = await Sandbox.start({ seed: 7 });
  t.after(() => sandbox.stop());
  const userinfo = JSON.stringify({ sub: 'acc_1', email: 'doc@example.com', name: 'Dorothy Clarke' });
  const own = (path) => (path === '/v1/userinfo' ? userinfo : undefined);
  const baseUrl = await startTap(t, sandbox, undefined, own);
  const client = sandbox.client({ baseUrl, store: new SqliteStore(store) });
  await sandbox.connect(client, { connectionId: 'clinic' });
  await client.close();
  return { sandbox, baseUrl };
}
