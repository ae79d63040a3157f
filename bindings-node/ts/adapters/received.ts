/** Reading what was received: queries and headers as Node gives them, and bodies in chunks. */

/** Headers as Node gives them. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** The query of a request's target, with its question mark. */
export function queryOf(target: string): string {
  const at = target.indexOf('?');
  return at < 0 ? '?' : target.slice(at);
}

/** A header as one text. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join('; ') : value;
}

/** Collects the chunks of a body that is not too long. */
export class BodyParts {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  constructor(readonly longest: number) {}

  /** Adds a chunk, unless that makes the body too long. */
  add(part: Uint8Array): boolean {
    this.#length += part.length;
    if (this.#length > this.longest) return false;
    this.#parts.push(part);
    return true;
  }

  /** The body. */
  whole(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
