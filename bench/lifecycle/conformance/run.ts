// Which promises of lifetimes does each peer keep? Every peer, in every case of its kind, in a process of its own.
// Run: npx tsx bench/lifecycle/conformance/run.ts [--only <case or peer>]... [--markdown] [--json]
// `--markdown` writes docs/lifecycle-conformance.md as well. The peers: npm ci --prefix bench/lifecycle
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cases, kinds } from './cases.js';
import { type Case, type Happening, Seen, type Way } from './observation.js';
import { type Kinds, type Peer, peers } from './peers/index.js';
import { markdownTable, type Result, terminalTable } from './table.js';

/** The longest window of a case is 20 s, of one that turns slow; what is silent for longer is ended from outside. */
const LIMIT_MS = 45_000;
/** Output of a peer that is kept, to be compared. */
const OUTPUT_CHARACTERS = 2000;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Runs one observation and gives its log, with how the process ended as the last happening. */
function observe(args: readonly string[]): Promise<Seen> {
  const node = ['--import', 'tsx', '--expose-gc', '--no-warnings', here('./observe.ts'), ...args];
  const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  let output = '';
  let log = '';
  child.stdout?.on('data', (chunk) => (output = `${output}${chunk}`.slice(0, OUTPUT_CHARACTERS)));
  child.stderr?.on('data', (chunk) => (output = `${output}${chunk}`.slice(0, OUTPUT_CHARACTERS)));
  child.stdio[3]?.on('data', (chunk) => (log += chunk));
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const happenings = log
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Happening);
      resolve(new Seen([...happenings, { ms: 0, what: 'exit', detail: { code, signal, output } }]));
    });
  });
}

/** One way of one peer in one case. */
async function judged<Kind extends keyof Kinds>(kind: Kind, one: Case<Kinds[Kind]>, peer: Peer, way: number) {
  const [first, ...further] = one.variants ?? ['only'];
  const seen = (variant: string) => observe([kind, one.name, peer.name, String(way), variant]);
  const main = await seen(first as string);
  const judgement = one.judge(main, ...(await Promise.all(further.map(seen))));
  const exit = main.first('exit')?.detail as { code: number | null; output: string };
  const broke = !main.has('observed') && main.happenings.length === 1;
  return broke
    ? { passed: false, words: `did not run: ${exit.output.trim().split('\n').slice(-12).join(' | ')}` }
    : judgement;
}

/** The first way that passes decides; when it is not the first of all, the result is `option`. */
async function resultOf<Kind extends keyof Kinds>(kind: Kind, one: Case<Kinds[Kind]>, peer: Peer): Promise<Result> {
  const ways = peer[kind] as readonly Way<Kinds[Kind]>[];
  const base = { caseName: one.name, peer: peer.name, remark: peer.remarks?.[one.name] };
  if (peer.absent !== undefined) return { ...base, outcome: 'not applicable', words: peer.absent };
  const reason = ways[0]?.without?.[one.name];
  if (reason !== undefined) return { ...base, outcome: 'not applicable', words: reason };
  const usable = ways.map((way, index) => ({ way, index })).filter(({ way }) => way.for?.includes(one.name) ?? true);
  const tried: { how: string; words: string }[] = [];
  for (const { way, index } of usable) {
    const { passed, words } = await judged(kind, one, peer, index);
    if (passed) {
      const outcome = tried.length === 0 ? 'pass' : 'option';
      return { ...base, outcome, how: way.how, words, tried };
    }
    tried.push({ how: way.how ?? '', words });
  }
  return { ...base, outcome: 'fail', how: tried[0]?.how, words: tried[0]?.words ?? '', tried: tried.slice(1) };
}

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    markdown: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
if (!existsSync(here('../node_modules'))) {
  console.error('The peers are not installed. Run: npm ci --prefix bench/lifecycle');
  process.exit(2);
}
const wanted = (name: string, names: readonly string[]) => {
  const filters = values.only.filter((filter) => names.some((one) => one.includes(filter)));
  return filters.length === 0 || filters.some((filter) => name.includes(filter));
};
const caseNames = kinds.flatMap((kind) => cases[kind].map(({ name }) => name));
const peerNames = peers.map(({ name }) => name);

const waiting: (() => Promise<Result>)[] = [];
for (const kind of kinds) {
  for (const one of cases[kind]) {
    for (const peer of peers) {
      if (peer[kind] === undefined || !wanted(one.name, caseNames) || !wanted(peer.name, peerNames)) continue;
      waiting.push(() => resultOf(kind, one as Case<never>, peer));
    }
  }
}

const results: Result[] = [];
const startedAt = performance.now();
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.push(await next());
      if (process.stderr.isTTY) process.stderr.write(`\r${results.length} done, ${waiting.length} to go `);
    }
  }),
);
const order = (result: Result) => caseNames.indexOf(result.caseName) * peers.length + peerNames.indexOf(result.peer);
results.sort((a, b) => order(a) - order(b));

if (values.json) console.log(JSON.stringify(results, null, 1));
else console.log(terminalTable(results));
console.log(
  `${results.length} observations in ${((performance.now() - startedAt) / 1000).toFixed(0)} s, Node ${process.version}`,
);
if (values.markdown) writeFileSync(here('../../../docs/lifecycle-conformance.md'), markdownTable(results));
process.exitCode = results.some(({ peer, outcome }) => peer === 'watertight' && outcome === 'fail') ? 1 : 0;
