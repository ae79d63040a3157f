/** Checks of what Cronofy posts, with WebCrypto. */

import { complaint } from '../errors.js';
import { equal, fromBase64, hmac, octets } from './encoding.js';

/** More candidates than an application ever has secrets: a longer list is an attack on our time. */
const MOST_CANDIDATES = 32;

/**
 * Whether one of the signatures in the header `Cronofy-HMAC-SHA256` is that of the body under one of the client secrets.
 *
 * `body` is the raw body as it was received: JSON that was parsed and written again has other octets. The time does not depend
 * on which candidate fits, or how far one does.
 */
export async function verifyWebhook(
  clientSecrets: string | readonly string[],
  signature: string | null | undefined,
  body: Uint8Array | ArrayBuffer | string,
): Promise<boolean> {
  const message = raw(body);
  const candidates = (typeof signature === 'string' ? signature : '')
    .split(',')
    .map((candidate) => candidate.trim())
    .filter((candidate) => candidate !== '')
    .slice(0, MOST_CANDIDATES)
    .map(fromBase64)
    .filter((candidate) => candidate !== undefined);
  const secrets = typeof clientSecrets === 'string' ? [clientSecrets] : clientSecrets;
  let fits = false;
  for (const secret of secrets) {
    if (typeof secret !== 'string' || secret === '') continue;
    const expected = await hmac(octets(secret), message);
    for (const candidate of candidates) fits = equal(candidate, expected) || fits;
  }
  return fits;
}

function raw(body: Uint8Array | ArrayBuffer | string): Uint8Array<ArrayBuffer> {
  if (typeof body === 'string') return octets(body);
  if (body instanceof Uint8Array) return new Uint8Array(body);
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  throw complaint(
    'invalid',
    'body',
    "must be the raw body; this one has been parsed already, so its signature can't be checked: read it before any JSON parser does",
  );
}
