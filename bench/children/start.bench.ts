// What does a child under Children cost beside child_process.spawn, and how long does it take to end one?
// Run: npx tsx bench/children/start.bench.ts
import { execFileSync, spawn } from 'node:child_process';
import { Children, type StartOptions } from '../../src/children/index.js';

const ROUNDS = 60;
const WARM_UP_ROUNDS = 5;
const ENDS = 20;
const GRACE_MS = 100;

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

function plain(command: string, args: readonly string[]): Promise<unknown> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  return new Promise((resolve) => child.on('close', resolve));
}

const guarded = new Children({ name: 'guarded' });
const unguarded = new Children({ name: 'unguarded', guard: false });
const through = (children: Children, options?: StartOptions) => () =>
  children.start('/bin/true', [], options).ended as Promise<unknown>;

const cases: readonly [name: string, run: () => Promise<unknown>][] = [
  ['child_process.spawn', () => plain('/bin/true', [])],
  ['child_process.spawn of setpriv --pdeathsig', () => plain('setpriv', ['--pdeathsig', 'KILL', '--', '/bin/true'])],
  ['Children, no death signal, no guard', through(unguarded, { deathSignal: false })],
  ['Children, no guard', through(unguarded)],
  ['Children', through(guarded)],
];

/** A shell that waits, and says so. */
async function waiting(script: string) {
  const child = guarded.start('sh', ['-c', `${script}\necho ready; while :; do sleep 1000 & wait; done`]);
  for await (const line of child.lines()) if (line === 'ready') break;
  return child;
}

const ends: readonly [name: string, script: string, graceMs: number][] = [
  ['ends as it is asked', 'trap "kill $!; exit 0" TERM', 5_000],
  ['is killed at once, with what it started', 'sleep 999 & sleep 998 &', 0],
  [`ignores it, and is killed after ${GRACE_MS} ms`, 'trap "" TERM', GRACE_MS],
];

const times = cases.map(() => [] as number[]);
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
  for (const [n, [, run]] of cases.entries()) {
    const ms = await timed(run);
    if (round >= 0) times[n]!.push(ms);
  }
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
console.log(`Node ${process.version}, commit ${commit}; /bin/true from start to end, ${ROUNDS} rounds, interleaved`);
const medians = times.map((list) => quantile(list, 0.5));
for (const [n, [name]] of cases.entries()) console.log(`  ${(medians[n]! / medians[0]!).toFixed(2)} ×  ${name}`);
for (const [n, [name]] of cases.entries()) {
  const list = times[n]!;
  const spread = `${quantile(list, 0.05).toFixed(2)} to ${quantile(list, 0.95).toFixed(2)}`;
  console.log(`  ${medians[n]!.toFixed(2)} ms (${spread})  ${name}`);
}
console.log(`child.end(), ${ENDS} rounds`);
for (const [name, script, graceMs] of ends) {
  const list: number[] = [];
  for (let round = 0; round < ENDS; round++) {
    const child = await waiting(script);
    list.push(await timed(() => child.end({ graceMs })));
  }
  const spread = `${quantile(list, 0.05).toFixed(2)} to ${quantile(list, 0.95).toFixed(2)}`;
  console.log(`  ${quantile(list, 0.5).toFixed(2)} ms (${spread})  ${name}`);
}
await Promise.all([guarded.close(), unguarded.close()]);
