import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = resolve('.');
const SUBPATHS = [
  '',
  ...['/scope', '/bounded', '/pool', '/tasks', '/weak', '/startup', '/threads', '/connections'],
  ...['/heap', '/monitor', '/leaks', '/soak'],
];
const SCENARIO = `const orders = [];
export default function iteration(n) {
  orders.push({ n, at: Date.now() });
}
`;
const TYPED = `import { Scope, WatertightError } from 'watertight';
import { type SoakOutcome, type SoakResult, soak } from 'watertight/soak';
const run = (): Promise<SoakOutcome> => soak({ target: { scenario: 'a.mjs' }, budgetMs: 30_000, warmup: 'auto', seed: 1 });
const verdict = (result: SoakResult): 'leak' | 'clean' | 'undecided' => result.verdict;
export { run, Scope, verdict, WatertightError };
`;

let folder = '';
let app = '';

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs in the empty application's folder. */
function run(command: string, ...args: string[]): Promise<Run> {
  return new Promise((done) => {
    const options = { cwd: app, maxBuffer: 2 ** 26, env: { ...process.env, NODE_OPTIONS: '' } };
    execFile(command, args, options, (error, stdout, stderr) => {
      done({ code: error ? Number((error as { code?: unknown }).code ?? -1) : 0, stdout, stderr });
    });
  });
}

/** Packs what the build left in dist, and installs it as a stranger would. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'watertight-tarball-'));
  app = join(folder, 'app');
  mkdirSync(app);
  const packed = await run('npm', 'pack', root, '--ignore-scripts', '--json', '--pack-destination', folder);
  expect(packed.code, packed.stderr).toBe(0);
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }\n');
  writeFileSync(join(app, 'orders.mjs'), SCENARIO);
  const options = ['--prefer-offline', '--no-audit', '--no-fund'];
  const installed = await run('npm', 'install', ...options, join(folder, filename));
  expect(installed.code, installed.stderr).toBe(0);
}, 180_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('the installed command tells its version', async () => {
  const { version } = (await import('../../package.json', { with: { type: 'json' } })).default;
  expect(await run('npx', 'watertight', '--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
});

it('the installed command finds a leak in a five-line scenario', async () => {
  const { code, stdout, stderr } = await run(
    'npx',
    'watertight',
    'soak',
    'orders.mjs',
    '--budget',
    '30s',
    '--json',
    '-',
  );
  expect(code, stderr).toBe(1);
  const { verdict, leaks } = JSON.parse(stdout) as { verdict: string; leaks: { pathText: string }[] };
  expect(verdict).toBe('leak');
  expect(leaks[0]?.pathText).toBe('orders[]');
});

it('every subpath can be imported and exports something', async () => {
  const names = SUBPATHS.map((path) => `watertight${path}`);
  const code = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0)`;
  const { stdout, stderr } = await run(process.execPath, '--input-type=module', '-e', code);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual(names.map((name) => `${name} true`));
});

it('the shipped types resolve under strict NodeNext', async () => {
  writeFileSync(join(app, 'typed.ts'), TYPED);
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
  const options = [
    '--noEmit',
    '--strict',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2023,esnext.disposable',
  ];
  const { code, stdout } = await run(process.execPath, compiler, ...options, ...types, 'typed.ts');
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

it('the tarball holds the build and the papers, no tests and no sources of development', async () => {
  const { stdout } = await run('npm', 'pack', root, '--ignore-scripts', '--dry-run', '--json');
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/cli/main.js']));
  expect(paths.filter((path) => /\.(test|fixture)\.|^(src|test|scripts|examples|bench)\//.test(path))).toEqual([]);
});
