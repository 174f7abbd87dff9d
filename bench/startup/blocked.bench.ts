// How soon does a blocked start-up end, what does the watchdog cost, and do ten steps of 5 s end with their parent at 30 s?
// Run: npx tsx bench/startup/blocked.bench.ts [rounds] [--long]    (--long: the ten steps in real time, half a minute)
// WATERTIGHT_NODES=/path/to/node,… measures the end of blocked processes on these binaries too.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Scope } from '../../src/scope/index.js';
import { Startup, startupText } from '../../src/startup/index.js';

const FIXTURE = fileURLToPath(new URL('../../src/startup/blocked.fixture.ts', import.meta.url));
const ROUNDS = Number(process.argv.slice(2).find((argument) => /^\d+$/.test(argument)) ?? 5);
const BUDGET_MS = 200;
const WAYS = ['loop', 'allocations', 'regex', 'promises', 'atomics', 'command', 'crypto'];
const COST_ROUNDS = 15;

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;
const spread = (values: readonly number[], digits = 0) =>
  `${quantile(values, 0.5).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`;

/** ms from the end of the step's budget to the end of its process, and the exit code. */
async function blocked(node: string, how: string): Promise<{ overMs: number; code: number | null; isNamed: boolean }> {
  const orders = JSON.stringify({ how, budgetMs: BUDGET_MS });
  const child = spawn(node, ['--import', 'tsx', FIXTURE, orders], { stdio: ['ignore', 'pipe', 'pipe'] });
  let begunAt = 0;
  let told = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    begunAt ||= JSON.parse(line).begunAt ?? 0;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    told += text;
  });
  const [code] = await once(child, 'exit');
  const endedAt = Date.now();
  return { overMs: endedAt - begunAt - BUDGET_MS, code, isNamed: told.includes('step dependencies/database blocks') };
}

async function blockedOn(node: string): Promise<void> {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  console.log(`blocked for ever, ${version}: ms from the end of the budget to the end of the process; limit 1000`);
  for (const how of WAYS) {
    const ends: Awaited<ReturnType<typeof blocked>>[] = [];
    for (let round = 0; round < ROUNDS; round++) ends.push(await blocked(node, how));
    const codes = [...new Set(ends.map(({ code }) => code ?? 'SIGKILL'))].join(', ');
    const named = ends.filter(({ isNamed }) => isNamed).length;
    const over = spread(ends.map(({ overMs }) => overMs));
    console.log(`  ${how.padEnd(12)} ${over.padEnd(20)} exit code ${codes}, named in ${named} of ${ROUNDS}`);
  }
}

interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

async function startOnce(isWatched: boolean, stepMs: number): Promise<Cost> {
  const scope = new Scope('app');
  let rssBytes = 0;
  const rssBefore = process.memoryUsage.rss();
  const cpuBefore = process.cpuUsage();
  const begunAt = performance.now();
  let startup = new Startup({ scope, ...(isWatched ? {} : { watchdog: false as const }) }).phase('one');
  for (let i = 0; i < 10; i++) {
    startup = startup.step(`s${i}`, {}, async () => {
      await pause(stepMs);
      rssBytes = process.memoryUsage.rss();
    }) as typeof startup;
  }
  await startup.run();
  const wallMs = performance.now() - begunAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  await scope.close();
  return { wallMs, cpuMs: (user + system) / 1000, rssMb: (rssBytes - rssBefore) / 2 ** 20 };
}

async function watchdogCost(stepMs: number): Promise<void> {
  const watched: Cost[] = [];
  const plain: Cost[] = [];
  await startOnce(true, stepMs);
  await startOnce(false, stepMs);
  for (let round = 0; round < COST_ROUNDS; round++) {
    watched.push(await startOnce(true, stepMs));
    plain.push(await startOnce(false, stepMs));
  }
  const both = (of: (cost: Cost) => number, digits: number) =>
    `${spread(watched.map(of), digits)} watched, ${spread(plain.map(of), digits)} not`;
  console.log(`cost of the watchdog, ten steps that wait ${stepMs} ms together, ${COST_ROUNDS} interleaved rounds`);
  console.log(`  until the report, ms    ${both(({ wallMs }) => wallMs, 1)}`);
  console.log(`  CPU of all threads, ms  ${both(({ cpuMs }) => cpuMs, 1)}`);
  console.log(`  resident, MB more       ${both(({ rssMb }) => rssMb, 1)}`);
}

async function tenSteps(scale: number): Promise<void> {
  const scope = new Scope('app');
  const timeoutMs = 30_000 / scale;
  let open = 0;
  let startup = new Startup({ scope, timeoutMs, criticalTimeoutMs: timeoutMs }).phase('all', {
    timeoutMs: 2 * timeoutMs,
  });
  for (let i = 0; i < 10; i++) {
    const needs = i === 0 ? [] : [`s${i - 1}`];
    startup = startup.step(`s${i}`, { needs, timeoutMs: 5_000 / scale }, async ({ scope: own, signal }) => {
      own.acquire(
        'thing',
        () => open++,
        () => open--,
      );
      await pause(4_800 / scale, undefined, { signal });
    }) as typeof startup;
  }
  const report = await startup.run();
  console.log(
    `ten steps of ${5 / scale} s in a start-up of ${30 / scale} s: ended after ${report.durationMs.toFixed(0)} ms`,
  );
  console.log(`  ${report.rollback?.released} of ${report.rollback?.initial} released, ${open} still open`);
  console.log(startupText(report).replaceAll(/^/gm, '  '));
  await scope.close();
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
console.log(`Node ${process.version}, commit ${commit}`);
const nodes = [process.execPath, ...(process.env.WATERTIGHT_NODES ?? '').split(',').filter((node) => node !== '')];
for (const node of nodes) await blockedOn(node);
await watchdogCost(1);
await watchdogCost(100);
await tenSteps(process.argv.includes('--long') ? 1 : 5);
