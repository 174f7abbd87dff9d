// npm start: soaks a controller that keeps its whole history, then its bounded twin, and says how to go on.
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(...args) {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { cwd: root, stdio: 'inherit' }).on('close', (code) => resolve(code));
  });
}

/** Both soaks end by themselves once decided; the budget keeps them within a coffee's time on a slow machine. */
function soak(name) {
  const report = `reports/${name}.html`;
  console.log(`\n$ npx watertight soak examples/pendulum/${name}.ts --html ${report}\n`);
  return run('dist/cli/main.js', 'soak', `examples/pendulum/${name}.ts`, '--html', report, '--budget', '40s');
}

console.log('A sliding-mode controller keeps a double inverted pendulum upright, ten control steps an iteration.');
console.log('The first one remembers every step for ever. The second keeps the last 1000.');
if ((await run('scripts/build.mjs')) !== 0) process.exit(1);
mkdirSync(join(root, 'reports'), { recursive: true });
const leaky = await soak('leaky');
const bounded = await soak('bounded');

const isAsExpected = leaky === 1 && bounded === 0;
console.log(
  isAsExpected
    ? `
The first leaks (exit code 1), the second is clean (exit code 0). The reports to look at:
  ${join(root, 'reports/leaky.html')}
  ${join(root, 'reports/bounded.html')}

Go on with your own:
  a piece of work   write orders.mjs:  export default async (iteration, scope) => { /* once through */ };
                    npx watertight soak orders.mjs
  a server, as is   npx watertight soak --http http://127.0.0.1:3000 -- node server.js
  one that leaks    PORT=3100 npx watertight soak --http http://127.0.0.1:3100 -- node examples/chat-server/leaky-server.mjs
README.md has the first steps, docs/soak.md the rest.`
    : `
Expected a leak (exit code 1) and a clean run (exit code 0), got ${leaky} and ${bounded}. A machine that is busy with other
work may leave a run undecided (3): try again, or give it longer: node dist/cli/main.js soak <file> --budget 2m`,
);
process.exitCode = isAsExpected ? 0 : 1;
