/** Loads the native part, and says how to mend it when it isn't there. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { ConfigError } from './errors.js';
import type * as Native from './native-types.js';

export type * from './native-types.js';

/** What the native part exports. */
export type Addon = typeof Native;

/** The platforms that binaries are published for. */
const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-x64-msvc',
];

/** The names that a binary for this machine may have, the likeliest first. */
function candidates(): string[] {
  const machine = `${process.platform}-${process.arch}`;
  if (process.platform === 'linux') return [`${machine}-gnu`, `${machine}-musl`];
  if (process.platform === 'win32') return [`${machine}-msvc`];
  return [machine];
}

/**
 * Loads `<name>.<platform>.node`, from beside this package or from the package of the platform.
 *
 * @internal
 */
export function load<T>(name: string): T {
  const failures: unknown[] = [];
  for (const platform of candidates()) {
    const file = `${name}.${platform}.node`;
    const beside = join(__dirname, '..', file);
    const places = existsSync(beside) ? [beside] : [`orgconnect-${platform}/${file}`];
    for (const place of places) {
      try {
        return require(place) as T;
      } catch (error) {
        failures.push(error);
      }
    }
  }
  throw missing(name, failures);
}

function missing(name: string, failures: unknown[]): ConfigError {
  const machine = candidates().join(' or ');
  const isKnown = candidates().some((platform) => PLATFORMS.includes(platform));
  const broken = failures.find((failure) => (failure as { code?: string }).code !== 'MODULE_NOT_FOUND');
  const why = isKnown
    ? broken
      ? `the binary for ${machine} is there and could not be loaded: ${firstLine(broken)}. On an older system, upgrade its C library; otherwise delete node_modules and install again on this machine.`
      : `the binary for ${machine} is not installed. It comes as an optional dependency: install without --omit=optional (or --no-optional), on the machine that runs it; after copying node_modules from another machine, or with a lock file that was written on one, delete both node_modules and the lock file and run \`npm install\`.`
    : `there is no binary for ${machine}; there are some for ${PLATFORMS.join(', ')}. Parts that need none are in \`orgconnect/edge\`.`;
  return new ConfigError(`${name}: ${why}`, { code: 'native_missing', cause: broken ?? failures[0] });
}

function firstLine(error: unknown): string {
  return String((error as Error).message ?? error).split('\n')[0] ?? '';
}

/** @internal */
export const native: Addon = load<Addon>('orgconnect');
