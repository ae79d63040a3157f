/**
 * The sandbox for tests: a server on this machine that behaves like Cronofy, with faults and a clock that a test can set. No
 * account is needed, and nothing leaves this machine.
 *
 * @packageDocumentation
 */

import {
  type AuthorizationRequest,
  checkStore,
  Client,
  type ClientSettings,
  type Connection,
  ManualClock,
  type PendingAuthorization,
} from './index.js';
import { notMade } from './made.js';
import { load } from './native.js';
import type * as Native from './testing-types.js';

export { checkStore, ManualClock };

/** How a sandbox is to start. */
export interface SandboxOptions {
  /** Makes ids and secrets the same every time. Default: random. */
  seed?: number | undefined;
  /** Approves every authorization at once, as the first owner, without showing a page. Default `false`. */
  autoApprove?: boolean | undefined;
  /** Keeps the world in this SQLite file. Default: in memory. */
  data?: string | undefined;
  /** The port to listen on. Default: a free one. */
  port?: number | undefined;
  /** A clock that the sandbox and its clients share. {@link Sandbox.advance} moves it. Default: real time. */
  clock?: ManualClock | undefined;
}

/** What a fault meets and does. Fields by the names of the sandbox's control API. */
export interface Fault {
  /** Requests with this method only. */
  method?: string;
  /** Requests whose path begins so; `*` is anything in one segment. */
  path?: string;
  /** Token requests of this grant type only. */
  grant_type?: string;
  /** Requests of this account only. */
  account?: string;
  /** Lets so many pass first. */
  skip?: number;
  /** Applies so often. Default: forever. */
  times?: number;
  /** Answers with this status. */
  status?: number;
  /** Answers with these headers. */
  headers?: readonly (readonly [name: string, value: string])[];
  /** Answers with this body. */
  body?: { text: string } | { json: unknown } | { bytes: string };
  /** Sets `Retry-After`, to seconds or a date. */
  retry_after?: string;
  /** Waits so many milliseconds before the request is carried out. */
  delay_before_ms?: number;
  /** Waits so many milliseconds after it was carried out. */
  delay_after_ms?: number;
  /** Closes the connection after so many octets of the answer. */
  cut_after?: number;
  /** Damages the body. */
  garble?: boolean;
  /** Whether the request is carried out. Default: it is, unless the fault has a status or a body of its own. */
  commit?: boolean;
}

/** A request that the sandbox received. Secrets in it are masked. */
export interface RecordedRequest {
  readonly number: number;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Names, in lower case, and values, in the order in which they came. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly [name: string]: unknown;
}

/**
 * A running sandbox. The world starts with the organization Northwind Clinic (owner@example.com, doc@example.com,
 * nurse@example.com, reception@example.com, two rooms).
 *
 * @example
 * ```ts
 * await using sandbox = await Sandbox.start();
 * const client = sandbox.client();
 * const clinic = (await sandbox.connect(client)).organization;
 * const doc = await clinic.impersonateEmail('doc@example.com');
 * ```
 */
export class Sandbox {
  /** The address of API and pages alike, without a slash at the end. */
  readonly url: string;
  /** The client id of the application that the sandbox begins with. */
  readonly clientId: string;
  /** Its client secret, which opens nothing but this sandbox. */
  readonly clientSecret: string;
  readonly #running: Native.RunningSandbox;
  readonly #clock: ManualClock | undefined;

  private constructor(running: Native.RunningSandbox, clock: ManualClock | undefined) {
    if (!running) notMade('Sandbox', '`await Sandbox.start()` returns one');
    this.url = running.url;
    this.clientId = running.clientId;
    this.clientSecret = running.clientSecret;
    this.#running = running;
    this.#clock = clock;
  }

  /** Starts a sandbox. It runs on a thread of its own until it is stopped, and does not keep the process alive. */
  static async start(options: SandboxOptions = {}): Promise<Sandbox> {
    const { seed, autoApprove, data, port, clock } = options;
    const { startSandbox } = load<typeof Native>('orgconnect-testing');
    const settings = { seed, autoApprove, data, port, time: clock?.now().getTime() };
    const sandbox = new Sandbox(await startSandbox(settings as Native.Options), clock);
    if (clock) await sandbox.control('POST', '/sandbox/clock', { freeze_at: clock.now().toISOString() });
    return sandbox;
  }

  /** A client of the sandbox's application. */
  client(settings: Partial<ClientSettings> = {}): Client {
    const { url: baseUrl, clientId, clientSecret } = this;
    const clock = this.#clock ? { clock: this.#clock } : {};
    return new Client({ clientId, clientSecret, baseUrl, ...clock, ...settings });
  }

  /** Lets somebody approve an authorization, and returns the URL that their browser is sent to. */
  async approve(pending: PendingAuthorization | string, approver = 'owner@example.com'): Promise<string> {
    const url = typeof pending === 'string' ? pending : pending.url;
    return (await this.control<{ redirect: string }>('POST', '/sandbox/authorize', { url, approver }))
      .redirect;
  }

  /** Lets somebody deny an authorization, and returns the URL that their browser is sent to. */
  async deny(pending: PendingAuthorization | string): Promise<string> {
    const url = typeof pending === 'string' ? pending : pending.url;
    return (await this.control<{ redirect: string }>('POST', '/sandbox/authorize', { url })).redirect;
  }

  /** Connects an organization: authorizes, approves as its owner, completes. Writes the client's token store. */
  async connect(
    client: Client,
    request: Partial<AuthorizationRequest> & { approver?: string } = {},
  ): Promise<Connection> {
    const { approver, ...rest } = request;
    const pending = client.authorize({ redirectUri: 'http://127.0.0.1:9/callback', ...rest });
    return client.complete(pending, await this.approve(pending, approver));
  }

  /** Adds a fault at the end of the list. */
  async addFault(fault: Fault): Promise<void> {
    await this.control('POST', '/sandbox/faults', fault);
  }

  /** Removes all faults. */
  async clearFaults(): Promise<void> {
    await this.control('DELETE', '/sandbox/faults');
  }

  /** Moves the sandbox's clock on by so many milliseconds, and that of its clients with it if it was started with one. */
  async advance(milliseconds: number): Promise<void> {
    await this.control('POST', '/sandbox/clock', { advance_ms: milliseconds });
    this.#clock?.advance(milliseconds);
  }

  /** Changes how the sandbox behaves, by the names of its settings; only what is named changes. */
  async change(settings: Readonly<Record<string, unknown>>): Promise<void> {
    await this.control('PATCH', '/sandbox/settings', settings);
  }

  /** What was counted. */
  async counters(): Promise<Record<string, unknown>> {
    return this.control('GET', '/sandbox/counters');
  }

  /** The last 2,000 requests, the newest last. */
  async requests(): Promise<RecordedRequest[]> {
    return (await this.control<{ requests: RecordedRequest[] }>('GET', '/sandbox/requests')).requests;
  }

  /** Forgets what was counted and recorded. */
  async forget(): Promise<void> {
    await this.control('DELETE', '/sandbox/counters');
    await this.control('DELETE', '/sandbox/requests');
  }

  /** Calls the control API; the README of the sandbox lists all that there is. */
  async control<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    const init: RequestInit =
      body === undefined ? { method } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(this.url + path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`the sandbox refused ${method} ${path} (${response.status}): ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Stops it. */
  stop(): void {
    this.#running.stop();
  }

  /** What `using` does at the end of a block: {@link Sandbox.stop}. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** What `await using` does at the end of a block: {@link Sandbox.stop}. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.stop();
  }
}
