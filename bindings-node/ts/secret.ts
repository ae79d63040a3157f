/** Text that must not be seen: tokens. */

/** A secret that can't be printed, logged or serialized by accident. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Hands out the text itself. Every use of it is a place to look at in a review. */
  expose(): string {
    return this.#text;
  }

  /** What is shown in place of it. */
  toString(): string {
    return 'Secret(…)';
  }

  /** What `JSON.stringify` writes in place of it. */
  toJSON(): string {
    return this.toString();
  }

  /** What `console.log` shows in place of it. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
