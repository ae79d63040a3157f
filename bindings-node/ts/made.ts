/** Constructors that are not public: the types hide them, and whoever calls one all the same is told what makes the object. */

import { InvalidError } from './errors.js';

/** Refuses what only code without types, or with a cast, gets to. */
export function notMade(name: string, instead: string): never {
  throw new InvalidError(`${name}: is not made with \`new\`; ${instead}`, { code: 'not_constructible' });
}
