// What can be imported from the package: `orgconnect` and `orgconnect/<name>`. `standalone` entries also run without Node.
export const ENTRIES = [
  { name: 'index', source: 'index.ts' },
  { name: 'errors', source: 'errors.ts' },
  { name: 'edge', source: 'edge/index.ts', standalone: true },
  { name: 'testing', source: 'testing.ts' },
  { name: 'express', source: 'express.ts' },
  { name: 'fastify', source: 'fastify.ts' },
  { name: 'hono', source: 'hono.ts' },
  { name: 'next', source: 'next.ts' },
  { name: 'authjs', source: 'authjs.ts' },
  { name: 'passport', source: 'passport.ts' },
];
