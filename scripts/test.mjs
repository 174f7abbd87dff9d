// npm test: builds, checks, tests, and soaks eight programs whose truth is known. Installs the brokers of the tests first, when
// they are missing. Goes on after a failed step; the last line says `N passed, N failed`. A few minutes on 2 cores.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBrokers } from './brokers.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (...path) => join(root, 'node_modules', ...path);

/** Short ones of different kinds: objects, listeners, numbers, files, private fields; and three that only look leaky. */
const CORPUS = [
  'objects.leaky',
  'emitter-listeners.leaky',
  'array-ints.leaky',
  'temp-files.leaky',
  'private-field.leaky',
  'emitter-listeners.clean',
  'cache-early.clean',
  'sawtooth.clean',
];

/** Runs Node with these arguments; shows the output as it comes, and gives it back. */
function run(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-100_000);
      process.stdout.write(text);
    });
    child.on('close', (code) => resolve({ isOk: code === 0, output }));
  });
}

/** A step that passes or fails as a whole. */
const check =
  (...args) =>
  async () => {
    const { isOk } = await run(args);
    return { passed: isOk ? 1 : 0, failed: isOk ? 0 : 1 };
  };

async function unitAndEndToEnd() {
  const folder = mkdtempSync(join(tmpdir(), 'watertight-test-'));
  const report = join(folder, 'vitest.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  try {
    const { isOk } = await run([bin('vitest', 'vitest.mjs'), 'run', ...reporters]);
    const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
    // A file that cannot be loaded fails without having tests.
    const broken = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    return { passed: numPassedTests, failed: Math.max(numFailedTests + broken, isOk ? 0 : 1) };
  } catch (error) {
    console.log(`The test runner left no report: ${error.message}`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function shortCorpus() {
  const { isOk, output } = await run(['test/soak-corpus/run.mjs', '--only', CORPUS.join(',')]);
  const [, passed, failed] = /(\d+) passed, (\d+) failed\s*$/.exec(output) ?? [null, 0, 1];
  const ran = Number(passed) + Number(failed);
  if (ran !== CORPUS.length) console.log(`The corpus ran ${ran} of ${CORPUS.length} programs`);
  return { passed: Number(passed), failed: Math.max(Number(failed), isOk && ran === CORPUS.length ? 0 : 1) };
}

const steps = [
  ['build', check('scripts/build.mjs')],
  ['lint and format', check(bin('@biomejs', 'biome', 'bin', 'biome'), 'check', '.')],
  [
    'layers',
    check(bin('dependency-cruiser', 'bin', 'dependency-cruise.mjs'), '--config', '.dependency-cruiser.cjs', 'src'),
  ],
  ['types', check(bin('typescript', 'bin', 'tsc'), '-p', 'tsconfig.json', '--noEmit')],
  ['tests', unitAndEndToEnd],
  ['corpus', shortCorpus],
];

try {
  const installed = await ensureBrokers();
  if (installed.length > 0) console.log(`installed ${installed.join(', ')}`);
} catch (error) {
  // Now, not after the minutes of the other steps.
  console.error(`${error.message}\n0 passed, 1 failed`);
  process.exit(1);
}

const started = performance.now();
const seconds = (from) => `${((performance.now() - from) / 1000).toFixed(1)} s`;
const total = { passed: 0, failed: 0 };
const lines = [];
for (const [name, step] of steps) {
  console.log(`\n── ${name}`);
  const from = performance.now();
  const { passed, failed } = await step();
  total.passed += passed;
  total.failed += failed;
  lines.push(`${failed === 0 ? '✓' : '✗'} ${name}: ${passed} passed, ${failed} failed in ${seconds(from)}`);
  console.log(lines.at(-1));
}
console.log(`\n${lines.join('\n')}\nin ${seconds(started)}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;
