// The edge entry in headless Chromium: the vector of Cronofy's documentation, and an authorization there and back.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const CHROMIUM = process.env.CHROMIUM ?? 'chromium';

const PAGE = `<!doctype html><title>edge</title><script type="module">
const report = (found) => fetch('/report', { method: 'POST', body: JSON.stringify(found) });
try {
  const edge = await import('/edge.mjs');
  const settings = { clientId: 'CLIENT', clientSecret: 'CRN_secret', dataCenter: 'de' };
  const begun = await edge.authorize(settings, { redirectUri: 'https://app.example/callback', payload: 'p' });
  const state = new URL(begun.url).searchParams.get('state');
  const callback = await edge.readCallback(settings, begun.session, 'https://app.example/callback?code=c&state=' + state);
  const forged = await edge.readCallback(settings, begun.session, '?code=c&state=x').catch((error) => error.code);
  const secret = 'CRN_NggYusqPGLxwjw5FHOJYOqSrTPNXy8WQf14OID';
  const signature = '5DxentQi5YSXODEzTVv06sRwJ3pULIz1KrYv20qxEK0=';
  const body = '{"example":"well-known"}';
  await report({
    url: begun.url, callback, forged, node: typeof process,
    verified: await edge.verifyWebhook(secret, signature, body),
    refused: await edge.verifyWebhook(secret, signature, body + ' '),
  });
} catch (error) { await report({ error: String(error.stack) }); }
</script>`;

test('the edge entry works in Chromium', { timeout: 120_000 }, async (t) => {
  const module = readFileSync(fileURLToPath(new URL('../dist/edge.browser.mjs', import.meta.url)));
  let reported;
  const report = new Promise((resolve) => (reported = resolve));
  const server = createServer((request, response) => {
    if (request.url === '/edge.mjs') {
      response.setHeader('content-type', 'text/javascript').end(module);
    } else if (request.url === '/report') {
      let text = '';
      request.on('data', (part) => (text += part));
      request.on('end', () => {
        response.end();
        reported(JSON.parse(text));
      });
    } else {
      response.setHeader('content-type', 'text/html').end(PAGE);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const profile = mkdtempSync(join(tmpdir(), 'orgconnect-chromium-'));
  const args = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    `--user-data-dir=${profile}`,
  ];
  const browser = spawn(CHROMIUM, [...args, `http://127.0.0.1:${server.address().port}/`], {
    stdio: 'ignore',
  });
  const failed = new Promise((_, reject) => browser.once('error', reject));
  t.after(async () => {
    const gone = new Promise((resolve) => browser.once('exit', resolve));
    browser.kill('SIGKILL');
    await gone;
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  });
  const found = await Promise.race([report, failed]);
  assert.equal(found.error, undefined);
  assert.match(found.url, /^https:\/\/app-de\.cronofy\.com\/oauth\/authorize\?/);
  assert.deepEqual([found.callback.code, found.callback.payload], ['c', 'p']);
  assert.deepEqual([found.forged, found.verified, found.refused], ['state_mismatch', true, false]);
  assert.equal(found.node, 'undefined');
});
