// Holds the package against what consumers need: types of this package and of its tests, publint, and attw for every way to
// import it.
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const run = (tool, ...args) => {
  console.log(`\n${tool} ${args.join(' ')}`);
  execFileSync(process.execPath, [join(root, 'node_modules', tool), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
};

run('typescript/bin/tsc', '--noEmit');
// Warnings are errors, as its settings say.
run('typedoc/bin/typedoc', '--emit', 'none');
run('publint/src/cli.js', 'run', '.', '--strict');
// The tool knows resolution as it was before `exports` too, which no supported Node uses.
run('@arethetypeswrong/cli/dist/index.js', '--pack', '.', '--profile', 'node16');
