// npm run test:matrix [-- arguments of the corpus]: unit tests and corpus on each supported line of Node.js, which come
// as the npm package `node` into .cache. `-- --seeds 1 --only objects` shortens it; `-- --nodes 22,24` takes some lines.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBrokers } from './brokers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const LINES = ['20', '22', '24', '26'];

/** The binary of one line, installed on first use: some 50 MB to fetch, 120 MB on disk each. */
function nodeOf(line) {
  const prefix = join(root, '.cache', `node${line}`);
  const installed = findBinary(prefix);
  if (installed) return installed;
  mkdirSync(prefix, { recursive: true });
  // A folder with a package.json of its own: npm would else install into the next one above.
  writeFileSync(join(prefix, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }\n');
  const args = [
    'install',
    '--no-save',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
    '--prefix',
    prefix,
    `node@${line}`,
  ];
  spawnSync('npm', args, { cwd: prefix, stdio: 'inherit' });
  return findBinary(prefix);
}

/** The package links the binary when its install script may run; the platform's own package has it in any case. */
function findBinary(prefix) {
  const platform = `node-${process.platform}-${process.arch}`;
  const places = ['node/bin/node', `node/node_modules/${platform}/bin/node`, `${platform}/bin/node`];
  return places.map((place) => join(prefix, 'node_modules', place)).find(existsSync) ?? null;
}

function step(node, args) {
  const from = performance.now();
  const { status } = spawnSync(node, args, { cwd: root, stdio: 'inherit' });
  return { isOk: status === 0, seconds: (performance.now() - from) / 1000 };
}

function parse(argv) {
  const at = argv.indexOf('--nodes');
  if (at < 0) return { lines: LINES, corpus: argv };
  return { lines: argv[at + 1].split(','), corpus: argv.toSpliced(at, 2) };
}

await ensureBrokers();
const { lines, corpus } = parse(process.argv.slice(2));
const rows = [];
for (const line of lines) {
  const node = nodeOf(line);
  if (!node) {
    rows.push({ line, version: 'not installed', unit: null, corpus: null });
    continue;
  }
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n── Node.js ${version}`);
  const unit = step(node, ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit']);
  rows.push({ line, version, unit, corpus: step(node, ['test/soak-corpus/run.mjs', ...corpus]) });
}

const cell = (result) => (result ? `${result.isOk ? '✓' : '✗'} ${result.seconds.toFixed(0)} s` : '✗ –').padEnd(11);
console.log(`\n${'node'.padEnd(14)} ${'unit tests'.padEnd(11)} corpus`);
for (const { version, line, unit, corpus } of rows) {
  console.log(
    `${(version === 'not installed' ? `${line} missing` : version).padEnd(14)} ${cell(unit)} ${cell(corpus)}`,
  );
}
process.exitCode = rows.every(({ unit, corpus }) => unit?.isOk && corpus?.isOk) ? 0 : 1;
