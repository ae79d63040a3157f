/** The way to the native part: begins calls, settles them when they come back, and lets stores of your own answer. */

import { setInterval } from 'node:timers';

import {
  complaint,
  ConfigError,
  errorOf,
  InvalidError,
  OrgconnectError,
  StoreError,
  type ErrorKind,
  type FieldError,
} from './errors.js';
import { native, type Channel, type Question } from './native.js';

/**
 * What a call came to when it failed. Calls don't reject with it: the error is made where the caller waits, so that its
 * stack leads there.
 */
export class Failure {
  constructor(private readonly make: () => unknown) {}

  /** The error, with a stack that begins where this is called. */
  error(): unknown {
    const error = this.make();
    if (error instanceof OrgconnectError) Error.captureStackTrace?.(error, Failure.prototype.error);
    return error;
  }
}

/** Answers the questions that a store is asked; arguments and result are JSON values. */
export type Answerer = (method: string, args: unknown[]) => Promise<unknown>;

type Settle = (outcome: unknown) => void;

const slots: (Settle | undefined)[] = [undefined];
const free: number[] = [];
let running = 0;

/** Keeps the process alive while calls run, and only then. */
const alive = setInterval(() => {}, 0x7fffffff);
alive.unref();

/** The one of this JavaScript thread. */
export const channel: Channel = new native.Channel(drain);

/** Begins a call under a number. */
type Begin = (channel: Channel, id: number) => void;

/**
 * Begins a call. The promise never rejects: a failure is a {@link Failure}.
 *
 * A call that is given up settles at once, with the reason of its signal.
 */
export function begin(call: Begin, signal?: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => start(call, signal, resolve));
}

/** Calls that begin when what runs now is over. */
let waiting: { call: Begin; signal: AbortSignal | undefined; settle: Settle }[] = [];

/** As {@link begin}, when what runs now is over. */
export function beginSoon(call: Begin, signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((settle) => {
    if (waiting.push({ call, signal, settle }) === 1) queueMicrotask(beginWaiting);
  });
}

function beginWaiting(): void {
  const calls = waiting;
  waiting = [];
  for (const { call, signal, settle } of calls) start(call, signal, settle);
}

/** Begins a call, and has it settled once. It must not throw. */
function start(call: Begin, signal: AbortSignal | undefined, resolve: Settle): void {
  if (signal && typeof signal.addEventListener !== 'function') {
    return resolve(new Failure(() => complaint('invalid', 'signal', 'must be an AbortSignal')));
  }
  if (signal?.aborted) return resolve(new Failure(() => signal.reason));
  const id = free.pop() ?? slots.length;
  let settle = resolve;
  if (signal) {
    const abort = (): void => {
      // The number stays taken until the native part has let go of the call.
      slots[id] = () => {};
      resolve(new Failure(() => signal.reason));
      channel.cancel(id);
    };
    const deaf = listen(signal, abort);
    settle = (outcome) => {
      deaf();
      resolve(outcome);
    };
  }
  slots[id] = settle;
  if (running++ === 0) alive.ref();
  try {
    call(channel, id);
  } catch (error) {
    release(id);
    settle(new Failure(() => fromNative(error)));
  }
}

/** What happens when a signal is aborted, for all calls that it may give up. */
interface Listener {
  readonly aborts: Set<() => void>;
  readonly all: () => void;
}

/** One listener for each signal, however many calls share it: Node takes more than ten for a leak, and warns. */
const listeners = new WeakMap<AbortSignal, Listener>();

/** Has `abort` called when a signal is aborted, and returns what ends that. */
function listen(signal: AbortSignal, abort: () => void): () => void {
  let listener = listeners.get(signal);
  if (!listener) {
    const aborts = new Set<() => void>();
    const all = (): void => {
      listeners.delete(signal);
      for (const each of aborts) each();
    };
    listener = { aborts, all };
    listeners.set(signal, listener);
    signal.addEventListener('abort', listener.all, { once: true });
  }
  const { aborts, all } = listener;
  aborts.add(abort);
  return () => {
    if (!aborts.delete(abort) || aborts.size > 0) return;
    listeners.delete(signal);
    signal.removeEventListener('abort', all);
  };
}

/** Waits for a call that {@link begin} began, and throws what it failed with. */
export async function outcome<T>(begun: Promise<unknown>): Promise<T> {
  const value = await begun;
  if (value instanceof Failure) throw value.error();
  return value as T;
}

/** Does something that the native part answers at once. */
export function now<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const known = fromNative(error);
    if (known instanceof OrgconnectError) Error.captureStackTrace?.(known, now);
    throw known;
  }
}

function release(id: number): void {
  slots[id] = undefined;
  free.push(id);
  if (--running === 0) alive.unref();
}

/** Takes everything that has come back. It must not throw: nobody would catch it. */
function drain(): void {
  const arrived = channel.drain();
  for (let index = 0; index < arrived.length; index += 2) {
    const id = arrived[index] as number;
    const value = arrived[index + 1];
    if (id === 0) {
      void answer(value as Question);
    } else if (id > 0) {
      const settle = slots[id];
      release(id);
      settle?.(value);
    } else {
      const settle = slots[-id];
      release(-id);
      settle?.(new Failure(() => (typeof value === 'string' ? fromRecord(value) : lost())));
    }
  }
}

/** The stores that are asked, by their numbers. They live as long as the clients that use them. */
const stores = new Map<number, WeakRef<Answerer>>();
const gone = new FinalizationRegistry<number>((number) => stores.delete(number));
let lastStore = 0;

/** Makes a store known to the native part, which asks it by the number that is returned. */
export function register(answerer: Answerer): number {
  const number = ++lastStore;
  stores.set(number, new WeakRef(answerer));
  gone.register(answerer, number);
  return number;
}

/** What stores threw, by numbers, until the errors that they caused are made. The oldest are forgotten. */
const thrown = new Map<number, unknown>();
const MOST_THROWN = 256;
let lastThrown = 0;

async function answer(question: Question): Promise<void> {
  let failed = false;
  let text: string;
  try {
    const answerer = stores.get(question.store)?.deref();
    if (!answerer) throw new StoreError('the store is not in use any more', { code: 'store_unavailable' });
    const result = await answerer(question.method, JSON.parse(question.arguments) as unknown[]);
    text = JSON.stringify(result ?? null);
  } catch (error) {
    failed = true;
    const number = ++lastThrown;
    thrown.set(number, error);
    if (thrown.size > MOST_THROWN) thrown.delete(thrown.keys().next().value as number);
    // What was thrown may say anything: it is the cause, and no part of the message.
    const known = error instanceof StoreError;
    const message = known ? error.message : `\`${question.method}\` of the store threw; its cause says why`;
    text = JSON.stringify({ kind: known ? (error.code ?? '') : '', message, number });
  }
  channel.answer(question.number, failed, text);
}

interface ErrorRecord {
  kind: ErrorKind;
  message: string;
  status?: number;
  code?: string;
  needsReauthorization: boolean;
  isTransient: boolean;
  retryAfter?: number;
  requestId?: string;
  fields: Record<string, FieldError[]>;
  body?: string;
  causes: string[];
  hostError?: number;
}

/** The error that a record of the native part describes. */
export function fromRecord(record: string | ErrorRecord): OrgconnectError {
  const { kind, message, causes, hostError, ...details } =
    typeof record === 'string' ? (JSON.parse(record) as ErrorRecord) : record;
  let cause: unknown = hostError === undefined ? undefined : thrown.get(hostError);
  if (hostError !== undefined) thrown.delete(hostError);
  for (const text of causes.reverse()) {
    cause = new Error(text, cause === undefined ? undefined : { cause });
    delete (cause as Error).stack;
  }
  return errorOf(kind, message, { ...details, cause });
}

/** What the native part threw as the error that it stands for. */
function fromNative(error: unknown): unknown {
  if (error instanceof OrgconnectError) return error;
  // It need not be an `Error` of this realm: jest gives each test file one of its own, and what native code throws is of the first.
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof message !== 'string') return error;
  if (code === 'ORGCONNECT_RECORD') return fromRecord(message);
  // A panic. Its message is the cause, and no part of what users are told.
  if (code === 'GenericFailure') return lost(error);
  // An argument of a type that the native part doesn't take.
  return new InvalidError(`an argument has the wrong type: ${message}`, { cause: error });
}

function lost(cause?: unknown): OrgconnectError {
  return new ConfigError('the call broke off inside orgconnect, which must not happen; please report it', {
    code: 'internal',
    cause,
  });
}
