// Builds `dist/`: CommonJS that is the implementation, ES modules that export the same objects from it (so that `instanceof`
// holds between the two), and types for both. `orgconnect/edge` is also built as an ES module of its own, for browsers.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { ENTRIES } from './entries.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const dist = join(root, 'dist');
const sources = new Map(ENTRIES.map(({ name, source }) => [join(root, 'ts', source), name]));

/** Lets each entry be loaded once, whoever needs it. */
const shared = {
  name: 'shared',
  setup(context) {
    context.onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir, kind }) => {
      if (kind === 'entry-point') return undefined;
      const name = sources.get(join(resolveDir, path).replace(/\.js$/, '.ts'));
      return name && { path: `./${name}.cjs`, external: true };
    });
  },
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(join(dist, 'types'), { recursive: true });
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  keepNames: true,
  logLevel: 'warning',
};

for (const { name, source, standalone } of ENTRIES) {
  const entry = join(root, 'ts', source);
  const out = join(dist, `${name}.cjs`);
  await build({
    ...common,
    entryPoints: [entry],
    outfile: out,
    format: 'cjs',
    packages: 'external',
    plugins: [shared],
  });
  const { metafile } = await build({
    ...common,
    entryPoints: [entry],
    outfile: out,
    format: 'esm',
    packages: 'external',
    write: false,
    metafile: true,
    sourcemap: false,
  });
  const names = Object.values(metafile.outputs)[0].exports.sort();
  const lines = names.map((own) => `export const ${own} = m.${own};`);
  writeFileSync(join(dist, `${name}.mjs`), `import m from './${name}.cjs';\n${lines.join('\n')}\n`);
  const types = `./types/${source.replace(/\.ts$/, '.js')}`;
  writeFileSync(join(dist, `${name}.d.mts`), `export * from '${types}';\n`);
  if (standalone) {
    const browser = { ...common, platform: 'neutral', target: 'es2022' };
    await build({
      ...browser,
      entryPoints: [entry],
      outfile: join(dist, `${name}.browser.mjs`),
      format: 'esm',
    });
  }
}

execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--project', root], {
  stdio: 'inherit',
});
for (const file of readdirSync(join(root, 'ts'))) {
  if (file.endsWith('.d.ts')) cpSync(join(root, 'ts', file), join(dist, 'types', basename(file)));
}
