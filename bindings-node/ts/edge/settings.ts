/** Which application at which Cronofy. */

import { complaint } from '../errors.js';

/** A Cronofy data center. An application lives in exactly one. */
export type DataCenter = 'us' | 'de' | 'uk' | 'au' | 'ca' | 'sg';

/** An application, and where it lives. */
export interface EdgeSettings {
  /** The client id from Cronofy's dashboard. */
  clientId: string;
  /** The client secret from Cronofy's dashboard. It signs what is kept in sessions, and must not reach a browser. */
  clientSecret: string;
  /** The data center in which the application lives. Default `us`. */
  dataCenter?: DataCenter | undefined;
  /** A sandbox or a gateway in place of a data center: an https origin, or http on loopback. */
  baseUrl?: string | undefined;
}

/** The origins of one Cronofy, and its name in what is kept. */
export interface Endpoints {
  api: string;
  app: string;
  name: string;
}

const DATA_CENTERS = ['us', 'de', 'uk', 'au', 'ca', 'sg'];
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Checks settings, and says where the application's Cronofy is. */
export function endpointsOf(settings: EdgeSettings): Endpoints {
  for (const [field, value] of [
    ['client_id', settings.clientId],
    ['client_secret', settings.clientSecret],
  ] as const) {
    if (typeof value !== 'string' || !/^[\x21-\x7e]{1,200}$/.test(value)) {
      throw complaint(
        'config',
        field,
        "must be 1 to 200 visible ASCII characters; copy it from Cronofy's dashboard",
      );
    }
  }
  if (settings.baseUrl !== undefined) return custom(settings.baseUrl);
  const name = String(settings.dataCenter ?? 'us').toLowerCase();
  if (!DATA_CENTERS.includes(name)) {
    const why = 'is not one of us, de, uk, au, ca, sg; use the one your application lives in';
    throw complaint('config', 'data_center', why);
  }
  const suffix = name === 'us' ? '' : `-${name}`;
  return { api: `https://api${suffix}.cronofy.com`, app: `https://app${suffix}.cronofy.com`, name };
}

function custom(baseUrl: string): Endpoints {
  const refuse = (why: string): Error => complaint('config', 'base_url', why);
  let url: URL;
  try {
    url = new URL(baseUrl);
  } catch {
    throw refuse('is not a URL; write it like https://host or http://127.0.0.1:8787');
  }
  if (url.username !== '' || url.password !== '') throw refuse('must not hold a user name or password');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || /[?#]/.test(baseUrl)) {
    throw refuse('must be an origin alone, without path, query or fragment');
  }
  const isLoopback = url.protocol === 'http:' && LOOPBACK.test(url.hostname);
  if (url.protocol !== 'https:' && !isLoopback) {
    throw refuse('must begin with https://, or http:// on loopback');
  }
  return { api: url.origin, app: url.origin, name: url.origin };
}
