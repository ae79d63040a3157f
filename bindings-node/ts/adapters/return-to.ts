/** Where a browser may be sent when an authorization is over: a path of this site, or an origin that was allowed. */

import { complaint } from '../errors.js';

/** A place to go back to travels in the payload of the authorization, which is short. */
const LONGEST = 512;

/** A base that nothing resolves to by accident. */
const HERE = 'http://here.invalid';

/** Octets that a server or proxy behind this one may take for a slash, a backslash or the end of a line once it has decoded them. */
const MISLEADING = /%(?:25)*(?:2f|5c|0\d|0[a-f]|1[0-9a-f]|7f)/i;

/** The check of places to go back to. */
export class ReturnTo {
  readonly #origins: ReadonlySet<string>;

  /** Allows these origins beside the paths of this site. */
  constructor(origins: readonly string[] = []) {
    this.#origins = new Set(origins.map(originOf));
  }

  /**
   * The place as it is written into `Location`.
   *
   * @throws `InvalidError`, naming `returnTo`, for anything else than a path of this site or a URL on an allowed origin.
   */
  check(given: unknown, field = 'returnTo'): string {
    const refused = (why: string) => complaint('invalid', field, why);
    if (typeof given !== 'string') throw refused('must be given once, as text');
    if (given.length > LONGEST) throw refused(`must be at most ${LONGEST} characters long`);
    // Browsers drop tabs and line feeds, and read a backslash as a slash.
    if (!/^[\x21-\x5b\x5d-\x7e]+$/.test(given)) {
      throw refused('must be visible ASCII without a backslash; percent-encode the rest');
    }
    const place = given.startsWith('/') ? this.#path(given) : this.#url(given);
    if (place === undefined) throw refused(RULE);
    return place;
  }

  #path(given: string): string | undefined {
    const path = given.split(/[?#]/, 1)[0] as string;
    if (path.startsWith('//') || MISLEADING.test(path)) return undefined;
    const url = URL.canParse(given, HERE) ? new URL(given, HERE) : undefined;
    // `/.//other.example` is a path that resolves to one with two slashes.
    if (url?.origin !== HERE || url.pathname.startsWith('//')) return undefined;
    return url.pathname + url.search + url.hash;
  }

  #url(given: string): string | undefined {
    // The origin of a `blob:` URL is that of what is inside it, so the scheme is looked at first.
    const url = /^https?:\/\//i.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    const allowed = url && this.#origins.has(url.origin) && url.username === '' && url.password === '';
    return allowed ? url.href : undefined;
  }
}

const RULE = 'must be a path of this site, such as /settings, or a URL on one of `returnToOrigins`';

/** An entry of the list: an origin and nothing else. */
function originOf(entry: unknown): string {
  const url = typeof entry === 'string' && URL.canParse(entry) ? new URL(entry) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw complaint('config', 'returnToOrigins', 'must be origins, such as https://app.example');
  }
  return url.origin;
}
