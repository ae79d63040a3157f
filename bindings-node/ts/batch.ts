/** Many writes in one request, and the verdict on each. */

import { json, text } from './arguments.js';
import type { Caller, CallOptions } from './call.js';
import { fromRecord, now } from './channel.js';
import type { OrgconnectError } from './errors.js';
import { native, type Batch as NativeBatch } from './native.js';

/** What became of one entry of a batch. */
export type Verdict =
  { readonly ok: true; readonly data: unknown } | { readonly ok: false; readonly error: OrgconnectError };

let nativeOf: (batch: Batch) => NativeBatch;

/**
 * Writes that are sent together: at most 50. Each is checked when it is added.
 *
 * @example
 * ```ts
 * const batch = new Batch()
 *   .add('events.upsert', { calendar_id: 'cal_1', event_id: '1', summary: 'Check-up', start, end })
 *   .add('events.delete', { calendar_id: 'cal_1', event_id: 'old' });
 * for (const verdict of await doc.sendBatch(batch)) {
 *   if (!verdict.ok) console.error(verdict.error.message);
 * }
 * ```
 */
export class Batch {
  readonly #native: NativeBatch = new native.Batch();
  #length = 0;

  static {
    nativeOf = (batch) => batch.#native;
  }

  /**
   * Adds an operation by its name, with arguments by their wire names.
   *
   * @throws {@link InvalidError} if the batch is full, if Cronofy doesn't take the operation in a batch, or if an argument
   * is wrong. The batch is then as it was.
   */
  add(operation: string, args: object): this {
    const entry = json('arguments', args);
    this.#length = now(() => this.#native.add(text('operation', operation), entry));
    return this;
  }

  /** How many entries there are. */
  get length(): number {
    return this.#length;
  }
}

/** Sends a batch. */
export async function verdictsOf(caller: Caller, batch: Batch, options?: CallOptions): Promise<Verdict[]> {
  const entries = nativeOf(batch);
  const found = await caller.act<string>(
    (handle, mayBeCancelled) => (channel, id) => {
      handle.sendBatch(channel, id, entries, mayBeCancelled);
    },
    options,
  );
  type Recorded = { data: unknown } | { error: Parameters<typeof fromRecord>[0] };
  return (JSON.parse(found) as Recorded[]).map((verdict) =>
    'error' in verdict
      ? { ok: false, error: fromRecord(verdict.error) }
      : { ok: true, data: verdict.data ?? undefined },
  );
}
