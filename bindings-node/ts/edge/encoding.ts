/** Octets, base64, HMAC and comparison, with nothing but what browsers and edge runtimes have. */

const UTF8 = new TextEncoder();

/** A text as octets. */
export function octets(text: string): Uint8Array<ArrayBuffer> {
  return UTF8.encode(text);
}

/** Base64 for URLs, without padding. */
export function toBase64Url(data: Uint8Array): string {
  let binary = '';
  for (const octet of data) binary += String.fromCharCode(octet);
  return btoa(binary).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

/** The octets of base64 for URLs, without padding; `undefined` if it is none. */
export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined;
  const data = fromBase64(
    text.replace(/-/g, '+').replace(/_/g, '/') + '='.repeat((4 - (text.length % 4)) % 4),
  );
  // Bits that are left over must be zero, or several texts would mean the same.
  return data && toBase64Url(data) === text ? data : undefined;
}

/** The octets of padded base64; `undefined` if it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  try {
    const binary = atob(text);
    const data = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    return btoa(binary) === text ? data : undefined;
  } catch {
    return undefined;
  }
}

/** HMAC-SHA256. */
export async function hmac(
  key: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const imported = await crypto.subtle.importKey('raw', key, algorithm, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, message));
}

/** Whether two octet strings are equal, in a time that depends on their lengths alone. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= (a[index] as number) ^ (b[index] as number);
  return difference === 0;
}

/** 256 random bits: 43 characters. */
export function randomText(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

/** A text for a query: everything but letters, digits and `-._~` is escaped. */
export function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
