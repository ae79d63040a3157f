import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export default {
  // The native package is loaded as it is, and not bundled.
  serverExternalPackages: ['orgconnect'],
  // These examples share one installation; an application of its own needs no root.
  turbopack: { root: join(dirname(fileURLToPath(import.meta.url)), '..') },
};
