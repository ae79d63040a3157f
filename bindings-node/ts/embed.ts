/**
 * Embed tokens: the short-lived JSON Web Tokens with which a page of yours loads Cronofy's embedded scheduler for one of your
 * users. Signed here; nothing is sent.
 */

import { json } from './arguments.js';
import { now } from './channel.js';
import { complaint } from './errors.js';
import { native, type EmbedTokens as NativeEmbedTokens } from './native.js';
import { Secret } from './secret.js';

/**
 * Signs embed tokens with the key pair of an embed.
 *
 * @example
 * ```ts
 * const tokens = new EmbedTokens('EMB_public', process.env.EMBED_SECRET);
 * const token = tokens.sign({ sub: 'user-7' }).expose();
 * ```
 */
export class EmbedTokens {
  readonly #native: NativeEmbedTokens;

  /**
   * Takes the embed's public key (`EMB_…`) and its secret (`ESK_…`). `lifetime` is how many milliseconds tokens live: at most
   * 24 hours, by default 4.
   *
   * @throws {@link ConfigError} if one is not what it should be; swapping them is noticed.
   */
  constructor(publicKey: string, secret: string, options: { lifetime?: number | undefined } = {}) {
    if (typeof publicKey !== 'string') throw complaint('config', 'public_key', 'must be a string');
    if (typeof secret !== 'string') throw complaint('config', 'secret', 'must be a string');
    this.#native = now(() => native.EmbedTokens.build(publicKey, secret, options.lifetime));
  }

  /**
   * Signs a token that carries these claims about the user, beside `iss`, `iat`, `exp`, `aud` and `jti`.
   *
   * @throws {@link InvalidError}, naming the claim, if it is one of those.
   */
  sign(claims: Readonly<Record<string, unknown>>): Secret {
    const text = json('claims', claims);
    return new Secret(now(() => this.#native.sign(text)));
  }
}
