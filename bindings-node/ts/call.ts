/** One call: how it is carried out, and what comes of it. */

import { json } from './arguments.js';
import { begin, beginSoon, Failure, now, outcome } from './channel.js';
import { complaint, ConfigError, DecodeError, InvalidError } from './errors.js';
import { notMade } from './made.js';
import type { FullReply, Handle as NativeHandle } from './native.js';
import { pagesOf, type Pages } from './pages.js';

/** How a call is carried out, where it differs from the client's settings. */
export interface CallOptions {
  /**
   * Gives the call up when it is aborted; the promise is rejected with the signal's reason. A refresh that the call has
   * caused goes on to its end.
   */
  signal?: AbortSignal | undefined;
  /** The time for the whole call in milliseconds, repetitions included: at most an hour. Default: the client's (30,000). */
  timeout?: number | undefined;
  /** How often it is sent at the most; 1 switches repeating off. Default: the client's (3). */
  attempts?: number | undefined;
  /**
   * Fields that are added to the body (or, for a `GET`, to the query) without being checked: for what Cronofy takes and
   * this version doesn't know.
   */
  extra?: Readonly<Record<string, unknown>> | undefined;
}

/** What is told of an answer beside its content. */
export interface ReplyInfo {
  /** The HTTP status. */
  readonly status: number;
  /** The id that the server gave the request, if it gives any. */
  readonly requestId: string | undefined;
  /** The headers as they were received. */
  readonly headers: Headers;
}

/** The content of an answer, and what else is told of it. */
export interface WithResponse<T> {
  /** The content. */
  readonly data: T;
  /** What else is told of the answer. */
  readonly response: ReplyInfo;
}

/** A call that is under way: a promise of its content, which can tell of the whole answer too. */
export interface Call<T> extends Promise<T> {
  /** The content together with status, request id and headers. */
  withResponse(): Promise<WithResponse<T>>;
}

let bodyOf: (reply: Reply) => string | Uint8Array;

/** Makes an answer. For this package alone. */
export let replyOf: (full: FullReply) => Reply;

/** The answer to a call by name. The body is as it was received. */
export class Reply implements ReplyInfo {
  readonly status: number;
  readonly requestId: string | undefined;
  /** The link to the next page of a reply that pages, if there is one. */
  readonly nextPage: string | undefined;
  readonly #lines: string;
  readonly #body: string | Uint8Array;
  #headers: Headers | undefined;
  #octets: Uint8Array | undefined;

  static {
    bodyOf = (reply) => reply.#body;
    replyOf = (full) => new Reply(full);
  }

  private constructor(full: FullReply) {
    if (typeof (full as Partial<FullReply> | undefined)?.status !== 'number') {
      notMade('Reply', '`send`, `follow` and `request` of a handle return one');
    }
    this.status = full.status;
    this.requestId = full.requestId ?? undefined;
    this.nextPage = full.nextPage ?? undefined;
    this.#lines = full.headers;
    this.#body = full.body;
  }

  get headers(): Headers {
    return (this.#headers ??= headersOf(this.#lines));
  }

  /** The body. */
  get body(): Uint8Array {
    const body = this.#body;
    return (this.#octets ??= typeof body === 'string' ? new TextEncoder().encode(body) : body);
  }

  /** The body as text. */
  text(): string {
    const body = this.#body;
    return typeof body === 'string' ? body : new TextDecoder().decode(body);
  }

  /** The body as the JSON value that it is; `undefined` when it is empty. */
  json<T = unknown>(): T {
    return decode(this.#body, this) as T;
  }
}

/** What all handles of a client share. */
export interface Life {
  closed: boolean;
  /** What must live as long as the client: a store of the user's own. */
  readonly keep: unknown;
}

/** A handle of the native part, and the options that its calls are made with. */
export class Caller {
  constructor(
    readonly native: NativeHandle,
    readonly life: Life,
    readonly options: CallOptions = {},
  ) {}

  /** The same, with other options where some are given. */
  with(options: CallOptions | undefined): Caller {
    if (!options) return this;
    const merged: CallOptions = { ...this.options };
    if (options.signal !== undefined) merged.signal = options.signal;
    if (options.timeout !== undefined) merged.timeout = options.timeout;
    if (options.attempts !== undefined) merged.attempts = options.attempts;
    if (options.extra !== undefined) merged.extra = { ...merged.extra, ...options.extra };
    const { timeout, attempts, extra } = options;
    if (timeout === undefined && attempts === undefined && extra === undefined) {
      return new Caller(this.native, this.life, merged);
    }
    check(merged);
    const text = merged.extra && json('extra', merged.extra);
    const native = now(() => this.native.withOptions(merged.timeout, merged.attempts, text));
    return new Caller(native, this.life, merged);
  }

  /** Calls an operation that answers with a body. */
  body<T>(operation: string, args?: object, options?: CallOptions): Call<T> {
    return this.#call(operation, args, options, required) as Call<T>;
  }

  /** Calls an operation that may answer with nothing. */
  optional<T>(operation: string, args?: object, options?: CallOptions): Call<T | undefined> {
    return this.#call(operation, args, options, (body) => decode(body)) as Call<T | undefined>;
  }

  /** Calls an operation that answers with nothing. */
  nothing(operation: string, args?: object, options?: CallOptions): Call<void> {
    return this.#call(operation, args, options, ignore) as Call<void>;
  }

  /** Calls an operation that answers in pages, whose items are found by the path `items`. */
  pages<P, T>(
    operation: string,
    items: readonly string[],
    args?: object,
    options?: CallOptions,
  ): Pages<P, T> {
    return pagesOf(this, operation, items, args, options);
  }

  /** Calls an operation, and hands out the whole answer. */
  async reply(operation: string, args?: object, options?: CallOptions): Promise<Reply> {
    const {
      native,
      options: { signal },
    } = this.#ready(options);
    const text = args && json('arguments', args);
    const send = begin((channel, id) => {
      native.send(channel, id, operation, text, true, signal !== undefined);
    }, signal);
    return replyOf(await outcome<FullReply>(send));
  }

  /** Follows a link to a next page. */
  async follow(operation: string, link: string, options?: CallOptions): Promise<Reply> {
    const {
      native,
      options: { signal },
    } = this.#ready(options);
    const follow = begin(
      (channel, id) => native.follow(channel, id, operation, link, signal !== undefined),
      signal,
    );
    return replyOf(await outcome<FullReply>(follow));
  }

  /** Calls something of the native handle that no operation describes. */
  async act<T>(
    act: (native: NativeHandle, mayBeCancelled: boolean) => Parameters<typeof begin>[0],
    options?: CallOptions,
  ): Promise<T> {
    const {
      native,
      options: { signal },
    } = this.#ready(options);
    return outcome<T>(begin(act(native, signal !== undefined), signal));
  }

  #call(
    operation: string,
    args: object | undefined,
    options: CallOptions | undefined,
    read: Read,
  ): Call<unknown> {
    const plan: Plan = { full: false, begun: false, reply: undefined };
    const call = this.#perform(operation, args, options, read, plan) as Promise<unknown> & Partial<Planned>;
    call.plan = plan;
    call.withResponse = withResponse;
    return call as Promise<unknown> & Planned;
  }

  async #perform(
    operation: string,
    args: object | undefined,
    options: CallOptions | undefined,
    read: Read,
    plan: Plan,
  ): Promise<unknown> {
    const {
      native,
      options: { signal },
    } = this.#ready(options);
    const text = args && json('arguments', args);
    // Whoever wants the whole answer says so before this is sent.
    const value = await beginSoon((channel, id) => {
      plan.begun = true;
      native.send(channel, id, operation, text, plan.full, signal !== undefined);
    }, signal);
    if (value instanceof Failure) throw value.error();
    if (!plan.full) return read(value as string | Uint8Array);
    plan.reply = replyOf(value as FullReply);
    return read(bodyOf(plan.reply));
  }

  #ready(options: CallOptions | undefined): Caller {
    if (this.life.closed) throw closed();
    return this.with(options);
  }
}

/** Whether the whole answer is wanted, and the answer. */
interface Plan {
  full: boolean;
  begun: boolean;
  reply: Reply | undefined;
}

interface Planned {
  plan: Plan;
  withResponse: typeof withResponse;
}

async function withResponse(this: Promise<unknown> & Planned): Promise<WithResponse<unknown>> {
  const { plan } = this;
  if (plan.begun && !plan.full) {
    throw new InvalidError('withResponse: call it at once, before anything else is awaited');
  }
  plan.full = true;
  const data = await this;
  return { data, response: plan.reply as Reply };
}

/** Makes content of a body. */
type Read = (body: string | Uint8Array) => unknown;

/** Nothing is expected, and what comes all the same is passed over. */
const ignore: Read = () => undefined;

const required: Read = (body) => {
  const value = decode(body);
  if (value === undefined) throw undecodable('it is empty');
  return value;
};

/** The JSON value that a body is; `undefined` when it is empty. */
function decode(body: string | Uint8Array, info?: ReplyInfo): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(typeof body === 'string' ? body : UTF8.decode(body));
  } catch {
    // What the parser says would quote the body.
    throw undecodable('it is not JSON', { body, info });
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });

function undecodable(
  why: string,
  { body, info }: { body?: string | Uint8Array; info?: ReplyInfo | undefined } = {},
) {
  const text = typeof body === 'string' ? body : body && new TextDecoder().decode(body);
  return new DecodeError(
    `the answer is not what was expected (${why}); read the error's \`body\`, and upgrade if Cronofy has changed`,
    { body: text, status: info?.status, requestId: info?.requestId },
  );
}

/** Checks the types of options; whether their values make sense is the core's to say. */
function check(options: CallOptions): void {
  for (const name of ['timeout', 'attempts'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'number')
      throw complaint('invalid', name, 'must be a number');
  }
}

/** Headers from names and values in turn, each on a line of its own. */
function headersOf(text: string): Headers {
  const headers = new Headers();
  const lines = text.split('\n');
  for (let index = 1; index < lines.length; index += 2) {
    headers.append(lines[index - 1] as string, lines[index] as string);
  }
  return headers;
}

/** What a client that was closed answers. */
export function closed(): ConfigError {
  return new ConfigError('the client is closed; make a new one', { code: 'closed' });
}
