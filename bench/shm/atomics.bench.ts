// Are Atomics exact between processes, on each line of Node? Two and three processes add 1 to the same word, 10 million times
// each: by Atomics.add, by a loop of Atomics.compareExchange, by BigInt64 Atomics.add, and, as the control that must fail, by ++.
// Run: npm run build && npx tsx bench/shm/atomics.bench.ts [millions] [node binary ...]
// Without binaries: this Node, and those that `npm run test:matrix` put into .cache.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [millions = '10', ...given] = process.argv.slice(2);
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
const cached = existsSync(cache)
  ? readdirSync(cache)
      .map((name) => `${cache}${name}/node_modules/node/bin/node`)
      .filter(existsSync)
  : [];
const nodes = given.length > 0 ? given : [process.execPath, ...cached];
const program = fileURLToPath(new URL('./add-together.mjs', import.meta.url));

let isExact = true;
for (const node of nodes) {
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  for (const native of version.startsWith('v26') ? ['koffi', 'ffi'] : ['koffi']) {
    for (const processes of [2, 3]) {
      for (const way of ['add', 'cas', 'bigint', 'plain']) {
        const { sum, ns } = await addTogether(node, native, processes, way);
        const expected = processes * Number(millions) * 1e6 * (way === 'plain' ? 10 : 1);
        const lost = expected - sum;
        const isRight = way === 'plain' ? lost > 0 : lost === 0;
        isExact &&= isRight;
        const verdict =
          way === 'plain'
            ? `control: lost ${((100 * lost) / expected).toFixed(1)} %`
            : lost === 0
              ? 'exact'
              : `LOST ${lost}`;
        console.log(
          `${isRight ? '✓' : '✗'} ${version.padEnd(10)} ${native.padEnd(6)} ${processes} processes × ${millions} M ${way.padEnd(7)} ${verdict.padEnd(24)} ${ns.toFixed(0)} ns`,
        );
      }
    }
  }
}
process.exitCode = isExact ? 0 : 1;

/** The first process makes the segment and tells its handle; all begin when it says so. */
async function addTogether(
  node: string,
  native: string,
  processes: number,
  way: string,
): Promise<{ sum: number; ns: number }> {
  const env = { ...process.env, WATERTIGHT_NATIVE: native, NODE_NO_WARNINGS: '1' };
  const maker = spawn(node, [program, way, millions, String(processes)], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: maker.stdout })[Symbol.asyncIterator]();
  const handle = (await lines.next()).value as string;
  const others = Array.from({ length: processes - 1 }, () =>
    spawn(node, [program, way, millions, String(processes), handle], { env, stdio: 'inherit' }),
  );
  const answer = JSON.parse((await lines.next()).value as string) as { sum: number; ns: number };
  await Promise.all(others.map((other) => other.exitCode ?? new Promise((resolve) => other.once('exit', resolve))));
  maker.kill();
  return answer;
}
