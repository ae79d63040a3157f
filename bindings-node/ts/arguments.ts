/** Arguments on their way to the native part: what is no text, or can't be written as JSON, is refused by its name. */

import { complaint } from './errors.js';

/** Takes a text. */
export function text(field: string, value: unknown): string {
  if (typeof value !== 'string') throw complaint('invalid', field, 'must be a string');
  return value;
}

/** Writes a value as JSON. */
export function json(field: string, value: unknown): string {
  let written: string | undefined;
  let cause: unknown;
  try {
    written = JSON.stringify(value);
  } catch (error) {
    cause = error;
  }
  if (written === undefined) throw complaint('invalid', field, "can't be written as JSON", cause);
  return written;
}
