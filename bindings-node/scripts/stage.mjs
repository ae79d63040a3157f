// Lays out what is published: `node scripts/stage.mjs BINARIES OUT [PLATFORM…]`. BINARIES holds the addons of all platforms
// (`orgconnect.linux-x64-gnu.node`, `orgconnect-testing.linux-x64-gnu.node`, …); OUT gets a folder for the package and one for
// each platform, which npm installs where `os`, `cpu` and `libc` fit.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PLATFORMS } from './platforms.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const ADDONS = ['orgconnect', 'orgconnect-testing'];

const [binaries, out, ...chosen] = process.argv.slice(2);
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { version, license, repository, engines, homepage, author } = manifest;
const common = { version, license, author, homepage, repository, engines };
const platforms = chosen.length > 0 ? chosen : Object.keys(PLATFORMS);

for (const platform of platforms) {
  const { target, os, cpu, libc } = PLATFORMS[platform];
  const folder = join(out, `orgconnect-${platform}`);
  mkdirSync(folder, { recursive: true });
  for (const addon of ADDONS) {
    const file = `${addon}.${platform}.node`;
    if (!existsSync(join(binaries, file))) throw new Error(`${binaries} has no ${file}`);
    copyFileSync(join(binaries, file), join(folder, file));
  }
  const own = {
    name: `orgconnect-${platform}`,
    description: `The binaries of orgconnect for ${target}.`,
    ...common,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    files: ADDONS.map((addon) => `${addon}.${platform}.node`),
  };
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(own, null, 2)}\n`);
  copyFileSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  writeFileSync(
    join(folder, 'README.md'),
    `# ${own.name}\n\nThe binaries of \`orgconnect\` for ${target}. Install \`orgconnect\`.\n`,
  );
}

const folder = join(out, 'orgconnect');
mkdirSync(folder, { recursive: true });
for (const file of manifest.files) cpSync(join(root, file), join(folder, file), { recursive: true });
const { devDependencies, scripts, ...published } = manifest;
published.optionalDependencies = Object.fromEntries(
  platforms.map((platform) => [`orgconnect-${platform}`, version]),
);
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
