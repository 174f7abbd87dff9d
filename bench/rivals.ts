// Cases of one bench, each in processes of its own, in shuffled order: none warms up or burdens another.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface Case {
  readonly name: string;
  /** Loads what it needs; gives the round that is timed. */
  readonly prepare: () => Promise<() => Promise<void>> | (() => Promise<void>);
}

interface Outcome {
  readonly wallNs: number;
  readonly cpuNs: number;
}

const ROUNDS = 100;
const WARM_UP_ROUNDS = 20;
const PROCESSES = 5;

const peers = createRequire(new URL('./lifecycle/package.json', import.meta.url));

/** A peer from bench/lifecycle, which is installed by itself. */
// biome-ignore lint/suspicious/noExplicitAny: peers are used as their own docs say, some without types.
export async function peer(name: string): Promise<any> {
  try {
    return await import(pathToFileURL(peers.resolve(name)).href);
  } catch (error) {
    console.error(`Cannot load ${name}; first run: npm ci --prefix bench/lifecycle\n${error}`);
    process.exit(2);
  }
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;

async function runCase({ prepare }: Case, perRound: number): Promise<Outcome> {
  const round = await prepare();
  for (let n = 0; n < WARM_UP_ROUNDS; n++) await round();
  const times: number[] = [];
  const cpuBefore = process.cpuUsage();
  for (let n = 0; n < ROUNDS; n++) {
    const start = performance.now();
    await round();
    times.push(performance.now() - start);
  }
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    wallNs: (quantile(times, 0.5) * 1e6) / perRound,
    cpuNs: ((user + system) * 1e3) / perRound / ROUNDS,
  };
}

/** Runs all cases and prints them against the first; `floorNs` is the limit for the first. */
export async function race(
  url: string,
  cases: readonly Case[],
  perRound: number,
  unit: string,
  floorNs: number,
): Promise<void> {
  const only = cases.find(({ name }) => name === process.argv[2]);
  if (only) {
    process.stdout.write(JSON.stringify(await runCase(only, perRound)));
    process.exit(0);
  }
  const outcomes = new Map<string, Outcome[]>(cases.map(({ name }) => [name, []]));
  for (let n = 0; n < PROCESSES; n++) {
    const order = cases.map((one) => ({ one, rank: Math.random() })).sort((a, b) => a.rank - b.rank);
    for (const { one } of order) {
      const args = [...process.execArgv, fileURLToPath(url), one.name];
      outcomes.get(one.name)!.push(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
    }
  }
  print(outcomes, unit, floorNs);
}

function print(outcomes: ReadonlyMap<string, readonly Outcome[]>, unit: string, floorNs: number): void {
  const rows = [...outcomes].map(([name, runs]) => {
    const walls = runs.map(({ wallNs }) => wallNs);
    return {
      name,
      wallNs: quantile(walls, 0.5),
      cpuNs: quantile(
        runs.map(({ cpuNs }) => cpuNs),
        0.5,
      ),
      leastNs: Math.min(...walls),
      mostNs: Math.max(...walls),
    };
  });
  const ours = rows[0]!;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  console.log(
    `Node ${process.version}, commit ${commit}; ${unit}, ${PROCESSES} processes a case, ${ROUNDS} rounds each`,
  );
  for (const row of rows.slice(1)) {
    const [wall, cpu] = [row.wallNs / ours.wallNs, row.cpuNs / ours.cpuNs];
    console.log(`  ${wall.toFixed(2).padStart(6)} × (cpu ${cpu.toFixed(2)} ×)  ${row.name}`);
  }
  for (const { name, wallNs, cpuNs, leastNs, mostNs } of rows) {
    const figures = `${wallNs.toFixed(0).padStart(6)} ns, ${leastNs.toFixed(0)} to ${mostNs.toFixed(0)}, cpu ${cpuNs.toFixed(0)}`;
    console.log(`  ${figures}  ${name}`);
  }
  console.log(
    `  ${ours.wallNs <= floorNs ? '✓' : '✗'} ${ours.name}: ${ours.wallNs.toFixed(0)} ns, at most ${floorNs} wanted`,
  );
}
