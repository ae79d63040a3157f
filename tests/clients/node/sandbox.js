// A sandbox of its own for each test, started from the binary; its control API; and what tells two requests apart.

import { spawn, spawnSync } from 'node:child_process';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const REDIRECT_URI = 'http://127.0.0.1:9/callback';
export const DOC = 'doc@example.com';
export const OWNER = 'owner@example.com';
export const ABSENT = '(absent)';

const repository = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

// A program of the workspace, built beforehand with `cargo build -p orgconnect-sandbox -p orgconnect-tests --bins`.
const binary = (name) => join(process.env.CARGO_TARGET_DIR ?? join(repository, 'target'), 'debug', name);

export class Sandbox {
  static async start() {
    const process = spawn(binary('orgconnect-sandbox'), ['--port', '0', '--seed', '7', '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: process.stdout });
    const about = await new Promise((done, fail) => {
      lines.once('line', (line) => done(JSON.parse(line)));
      process.once('error', fail);
      process.once('exit', (code) => fail(new Error(`the sandbox ended with ${code}`)));
    });
    return Object.assign(new Sandbox(), {
      process,
      url: about.url,
      clientId: about.client_id,
      clientSecret: about.client_secret,
    });
  }

  async stop() {
    const ended = new Promise((done) => this.process.once('exit', done));
    this.process.kill();
    await ended;
  }

  // A call of the control API.
  async control(method, path, body) {
    const reply = await fetch(`${this.url}/sandbox/${path}`, {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  // Where the browser goes after this person has approved.
  async approve(url, approver = DOC) {
    return new URL((await this.control('POST', 'authorize', { url, approver })).redirect);
  }

  authorizationUrl(scope, { path = 'oauth/authorize', ...more } = {}) {
    const fields = { response_type: 'code', client_id: this.clientId, redirect_uri: REDIRECT_URI, scope, ...more };
    return `${this.url}/${path}?${new URLSearchParams(fields)}`;
  }

  async code(scope, approver, more) {
    return (await this.approve(this.authorizationUrl(scope, more), approver)).searchParams.get('code');
  }

  // The `sub` of a member of the first organization.
  async sub(email) {
    const [{ organization_id: id }] = (await this.control('GET', 'organizations')).organizations;
    const { members } = await this.control('GET', `organizations/${id}/members`);
    return members.find((member) => member.email === email).sub;
  }

  async requests() {
    return (await this.control('GET', 'requests')).requests;
  }

  // Makes the same calls with orgconnect and returns the requests that it sent for them.
  async ours(calls, connection) {
    const order = {
      url: this.url,
      client_id: this.clientId,
      client_secret: this.clientSecret,
      connection,
      calls,
    };
    await this.control('DELETE', 'requests');
    const done = spawnSync(binary('ours'), { input: JSON.stringify(order), encoding: 'utf8' });
    if (done.status !== 0) throw new Error(done.stderr);
    return (await this.requests()).filter((request) => request.path.startsWith('/v1/'));
  }
}

// What tells clients apart in any case, or belongs to the connection and not to the request.
const OWN = new Set([
  'user-agent',
  'accept',
  'accept-encoding',
  'host',
  'connection',
  'content-length',
  'authorization',
]);

// One recorded request: paths and queries decoded, bodies as JSON, the credential by whose it is.
export function view(request) {
  const headers = Object.fromEntries(request.headers);
  let body = request.body;
  try {
    body = JSON.parse(body);
  } catch {
    // It stays a text.
  }
  const query = {};
  for (const [name, value] of new URLSearchParams(request.query)) (query[name] ??= []).push(value);
  return {
    method: request.method,
    path: decodeURIComponent(request.path),
    query,
    body,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.has(name))),
    bearer: bearer(headers.authorization),
  };
}

// The recorder shows the first letters of a secret, six at most and never more than a fifth.
export const mask = (secret) => `${secret.slice(0, Math.min(6, Math.floor(secret.length / 5)))}…`;

function bearer(authorization) {
  if (authorization === undefined) return 'none';
  if (authorization.startsWith('Bearer CRN_')) return 'client secret';
  // Of a word such as `undefined` it shows less than of a token.
  return authorization.length === 'Bearer 123456…'.length ? 'access token' : 'something else';
}

// What the first of two requests has otherwise, by where: `{'body.buffer': [theirs, ours]}`.
export function difference(theirs, ours) {
  const found = {};
  compare(view(theirs), view(ours), '', found);
  return found;
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);

function compare(theirs, ours, place, found) {
  if (isObject(theirs) && isObject(ours)) {
    for (const name of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      compare(theirs[name] ?? ABSENT, ours[name] ?? ABSENT, place ? `${place}.${name}` : name, found);
    }
  } else if (JSON.stringify(theirs) !== JSON.stringify(ours)) {
    found[place] = [theirs, ours];
  }
}
