// Measures this package beside others: `node run.mjs [SECONDS] [PEER…]`. It needs release builds of the addon and of the server
// of fixed replies: `cargo build --release -p orgconnect-node -p orgconnect-fixed`. Peers take turns, so that whatever else the
// machine does meets all of them; of three rounds the median is shown.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const target = join(process.env.CARGO_TARGET_DIR ?? join(here, '../../target'), 'release');
const [seconds = '2', ...peers] = process.argv.slice(2);
const CASES = {
  userinfo: ['orgconnect', 'undici', 'fetch', 'axios', 'cronofy'],
  userinfo64: ['orgconnect', 'undici', 'fetch', 'axios', 'cronofy'],
  members: ['orgconnect', 'undici'],
};
const ROUNDS = 3;

const machine = execFileSync(process.execPath, [join(here, '../scripts/machine.mjs')], {
  encoding: 'utf8',
}).trim();
const build = join(here, 'build');
rmSync(build, { recursive: true, force: true });
mkdirSync(build);
cpSync(join(here, '../dist'), join(build, 'dist'), { recursive: true });
cpSync(join(target, 'liborgconnect_node.so'), join(build, `orgconnect.${machine}.node`));

const server = spawn(join(target, 'orgconnect-fixed'), ['0'], { stdio: ['ignore', 'pipe', 'inherit'] });
try {
  const url = await new Promise((resolve) =>
    server.stdout.once('data', (line) => resolve(String(line).trim())),
  );
  const script = join(here, 'peer.mjs');
  const run = (kase, peer) =>
    JSON.parse(execFileSync(process.execPath, [script, url, kase, peer, seconds], { encoding: 'utf8' }));
  for (const [kase, all] of Object.entries(CASES)) {
    const chosen = all.filter((peer) => peers.length === 0 || peers.includes(peer));
    const rounds = Array.from({ length: ROUNDS }, () => chosen.map((peer) => run(kase, peer)));
    console.log(`\n${kase}`);
    for (const [index, peer] of chosen.entries()) {
      const median = (name) => rounds.map((round) => round[index][name]).sort((a, b) => a - b)[ROUNDS >> 1];
      console.log(
        `  ${peer.padEnd(12)}${String(median('per_s')).padStart(8)} calls/s${String(median('cpu_us')).padStart(9)} µs CPU${String(median('rss_mb')).padStart(6)} MB`,
      );
    }
  }
  const times = Array.from({ length: 7 }, () =>
    Number(
      execFileSync(
        process.execPath,
        [
          '-e',
          `const t = process.hrtime.bigint(); require(${JSON.stringify(join(build, 'dist/index.cjs'))}); console.log(Number(process.hrtime.bigint() - t) / 1e6)`,
        ],
        { encoding: 'utf8' },
      ),
    ),
  );
  console.log(`\nrequire  ${times.sort((a, b) => a - b)[3].toFixed(1)} ms\n`);
  const still = ['--expose-gc', '--max-semi-space-size=1'];
  execFileSync(process.execPath, [...still, join(here, 'memory.mjs'), url], { stdio: 'inherit' });
} finally {
  server.kill();
}
