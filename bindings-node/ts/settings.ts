/** The settings of a client, and the check of their types; whether their values make sense is the core's to say. */

import type { ManualClock } from './clock.js';
import { complaint } from './errors.js';
import type { Settings as NativeSettings } from './native.js';
import type { Store, TokenStore } from './store.js';

/** A Cronofy data center. An application lives in exactly one. */
export type DataCenter = 'us' | 'de' | 'uk' | 'au' | 'ca' | 'sg';

/** How calls are repeated. */
export interface RetryPolicy {
  /** How often a call is sent at the most, the first time included. Default 3; 1 switches repeating off. */
  attempts?: number | undefined;
  /** The longest pause before the second attempt in milliseconds; it doubles with each further one. Default 100. */
  baseDelay?: number | undefined;
  /** The longest pause before any attempt in milliseconds. Default 5,000. */
  maxDelay?: number | undefined;
}

/** How many requests a client sends. Shared by everything that uses the same client. */
export interface RateLimit {
  /** At most this many in a second. */
  perSecond: number;
  /** At most this many in a minute. */
  perMinute: number;
}

/** What Cronofy allows an application by default: 50 requests a second and 500 a minute. */
export const CRONOFY_RATE_LIMIT: Readonly<RateLimit> = Object.freeze({ perSecond: 50, perMinute: 500 });

/** Sets a client up. Every setting but the credentials has a default. */
export interface ClientSettings {
  /** The client id from Cronofy's dashboard. */
  clientId: string;
  /** The client secret from Cronofy's dashboard. */
  clientSecret: string;
  /** The data center in which the application lives. Default `us`. */
  dataCenter?: DataCenter | undefined;
  /** A sandbox or a gateway in place of a data center: an https origin, or http on loopback. */
  baseUrl?: string | undefined;
  /** Where tokens are kept. Default: in the memory of this process. */
  store?: Store | TokenStore | undefined;
  /** The time for a whole call in milliseconds, repetitions included. Default 30,000. */
  timeout?: number | undefined;
  /** The time to make a connection in milliseconds. Default 5,000. */
  connectTimeout?: number | undefined;
  /** The time for a token request in milliseconds, repetitions included: at most 2 minutes. Default 20,000. */
  tokenTimeout?: number | undefined;
  /** How calls are repeated. */
  retry?: RetryPolicy | undefined;
  /** Holds requests back to a rate, for example {@link CRONOFY_RATE_LIMIT}. Default: no limit but what a 429 asks for. */
  rateLimit?: RateLimit | undefined;
  /** The largest answer that is accepted, after decompression, in octets. Default 32 MiB. */
  maxResponseBytes?: number | undefined;
  /** The proxy for every request. Default: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
  proxy?: string | undefined;
  /** Trusts more certificate authorities, in PEM form, beside the operating system's. */
  extraCaCertificates?: string | readonly string[] | undefined;
  /** Adds the name and version of your application to the `User-Agent`, for example `clinic/2.1`. */
  userAgentSuffix?: string | undefined;
  /**
   * Refuses a store that keeps tokens in clear text. Default `false`.
   *
   * For production: wrap the store in a `SealedStore`, whose key is not where the tokens are.
   */
  requireEncryption?: boolean | undefined;
  /** The time for a call to the store in milliseconds. Default 15,000. */
  storeTimeout?: number | undefined;
  /** The clock by which tokens expire. Default: the system's. */
  clock?: ManualClock | undefined;
}

type Kind = 'string' | 'number' | 'boolean' | 'object';

const KINDS: Record<keyof ClientSettings, Kind> = {
  clientId: 'string',
  clientSecret: 'string',
  dataCenter: 'string',
  baseUrl: 'string',
  store: 'object',
  timeout: 'number',
  connectTimeout: 'number',
  tokenTimeout: 'number',
  retry: 'object',
  rateLimit: 'object',
  maxResponseBytes: 'number',
  proxy: 'string',
  extraCaCertificates: 'object',
  userAgentSuffix: 'string',
  requireEncryption: 'boolean',
  storeTimeout: 'number',
  clock: 'object',
};

/** The settings as the native part takes them. */
export function nativeSettings(settings: ClientSettings): NativeSettings {
  const given: unknown = settings;
  if (typeof given !== 'object' || given === null) throw complaint('config', 'settings', 'must be an object');
  for (const [name, value] of Object.entries(given)) {
    const kind = KINDS[name as keyof ClientSettings];
    if (!kind) throw complaint('config', name, `is no setting; there are ${Object.keys(KINDS).join(', ')}`);
    // What a store must be is said where it is taken.
    if (value === undefined || name === 'store') continue;
    if (name === 'extraCaCertificates') {
      if (typeof value !== 'string' && !Array.isArray(value))
        throw complaint('config', 'extra_ca_certificate', 'must be a string, or an array of strings');
    } else if (value === null || typeof value !== kind) {
      throw complaint('config', wire(name), `must be ${kind === 'object' ? 'an' : 'a'} ${kind}`);
    }
  }
  for (const name of ['clientId', 'clientSecret'] as const) {
    if (settings[name] === undefined)
      throw complaint('config', wire(name), "is missing; copy it from Cronofy's dashboard");
  }
  const { retry = {}, rateLimit, extraCaCertificates } = settings;
  numbers('retry', retry, ['attempts', 'baseDelay', 'maxDelay'], false);
  if (rateLimit) numbers('rate_limit', rateLimit, ['perSecond', 'perMinute'], true);
  const certificates = typeof extraCaCertificates === 'string' ? [extraCaCertificates] : extraCaCertificates;
  return {
    clientId: settings.clientId,
    clientSecret: settings.clientSecret,
    dataCenter: settings.dataCenter,
    baseUrl: settings.baseUrl,
    timeout: settings.timeout,
    connectTimeout: settings.connectTimeout,
    tokenTimeout: settings.tokenTimeout,
    attempts: retry.attempts,
    baseDelay: retry.baseDelay,
    maxDelay: retry.maxDelay,
    perSecond: rateLimit?.perSecond,
    perMinute: rateLimit?.perMinute,
    maxResponseBytes: settings.maxResponseBytes,
    proxy: settings.proxy,
    extraCaCertificates: certificates && [...certificates].map(String),
    userAgentSuffix: settings.userAgentSuffix,
    requireEncryption: settings.requireEncryption,
    storeTimeout: settings.storeTimeout,
    host: 'node',
  } as NativeSettings;
}

function numbers(field: string, of: object, names: readonly string[], required: boolean): void {
  for (const [name, value] of Object.entries(of) as [string, unknown][]) {
    if (!names.includes(name))
      throw complaint('config', field, `\`${name}\` is not one of ${names.join(', ')}`);
    if (value !== undefined && typeof value !== 'number')
      throw complaint('config', field, `\`${name}\` must be a number`);
  }
  for (const name of names) {
    const value = (of as Record<string, unknown>)[name];
    if (required && value === undefined) throw complaint('config', field, `\`${name}\` is missing`);
  }
}

/** The name of a setting as the core and the other languages spell it. */
function wire(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
