import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

const root = resolve('.');
const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
/** Rooms with nothing in them: a package in order, for one wrong arrow each time. */
const ROOMS = ['core', 'scope', 'heap', 'monitor', 'leaks', 'soak', 'agent', 'cli'];

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'watertight-layers-'));
  for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) cpSync(file, join(folder, file));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const room of ROOMS) write(`src/${room}/index.ts`, 'export const door = 1;');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  mkdirSync(join(folder, dirname(path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
}

/** Names of the rules that the package breaks, once each. */
function brokenRules(): string[] {
  const args = [cruiser, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', 'src'];
  const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });
  const { summary } = JSON.parse(stdout) as { summary: { violations: { rule: { name: string } }[] } };
  return [...new Set(summary.violations.map(({ rule }) => rule.name))].sort();
}

const wrongArrows: [rule: string, path: string, text: string][] = [
  ['heap-imports-down', 'src/heap/up.ts', "export { door } from '../monitor/index.js';"],
  ['soak-imports-down', 'src/soak/beside.ts', "export { door } from '../agent/index.js';"],
  ['heap-imports-down', 'src/heap/beside.ts', "export { door } from '../scope/index.js';"],
  [
    'leaks-imports-down',
    'src/leaks/up.ts',
    "import type { door } from '../cli/index.js';\nexport type T = typeof door;",
  ],
  ['rooms-are-known', 'src/attic/index.ts', "export { door } from '../core/index.js';"],
  ['nobody-imports-the-root', 'src/leaks/root.ts', "export { all } from '../root.js';"],
  ['no-test-code', 'src/soak/own.ts', "export { door } from './case.test.js';"],
  ['no-development-packages', 'src/soak/dev.ts', "export { expect } from 'vitest';"],
  ['terminal-only-in-cli', 'src/soak/ask.ts', "export { isatty } from 'node:tty';"],
  ['everything-resolves', 'src/soak/nowhere.ts', "export { gone } from './gone.js';"],
];

it('the layers hold for a package in order', () => {
  write('src/cli/main.ts', "export { door } from '../soak/index.js';");
  expect(brokenRules()).toEqual([]);
});

it.each(wrongArrows)('the layers refuse %s (%s)', (rule, path, text) => {
  write('src/root.ts', 'export const all = 1;');
  write('src/soak/case.test.ts', 'export const door = 1;');
  write(path, text);
  expect(brokenRules()).toEqual([rule]);
});

it('the layers refuse a side entrance', () => {
  write('src/core/clock.ts', 'export const now = 1;');
  write('src/heap/side.ts', "export { now } from '../core/clock.js';");
  expect(brokenRules()).toEqual(['one-door']);
});

it('the layers refuse a cycle, but not a type that names its owner', () => {
  write('src/core/a.ts', "import type { b } from './b.js';\nexport type A = typeof b;\nexport const a = 1;");
  write('src/core/b.ts', "import { a } from './a.js';\nexport const b = a;");
  expect(brokenRules()).toEqual([]);
  write('src/core/a.ts', "import { b } from './b.js';\nexport const a = (): number => b;");
  expect(brokenRules()).toEqual(['no-cycles']);
});

/**
 * `main()` owns the end of its process: nobody is left to give its report to (docs/decisions.md). A publisher to the console
 * prints what it is told to publish.
 */
const PRINTS_TOO = ['publish/console-publisher.ts', 'scope/supervisor.ts'];

it('only the command line and main() print', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$|^cli\//.test(file))
    .map((file) => ({ file, code: withoutComments(readFileSync(join('src', file), 'utf8')) }));
  expect(files.length).toBeGreaterThan(50);
  // Streams of a child, and how much of our own is unwritten, are looked at in other rooms.
  const printing = files.filter(({ code }) =>
    /\bconsole\.\w+\(|(?<![.\w])process\.std(out|err)\b(?!\.writableLength|;)/.test(code),
  );
  expect(printing.map(({ file }) => file)).toEqual(PRINTS_TOO);
});

const withoutComments = (code: string): string => code.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
