import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = resolve('.');
const SUBPATHS = [
  '',
  ...['/scope', '/bounded', '/pool', '/tasks', '/weak', '/startup', '/threads', '/connections'],
  ...['/leases', '/shm', '/children', '/blocks', '/warm', '/publish'],
  ...['/heap', '/monitor', '/leaks', '/soak'],
];
const SCENARIO = `const orders = [];
export default function iteration(n) {
  orders.push({ n, at: Date.now() });
}
`;
const TYPED = `import { Scope, WatertightError } from 'watertight';
import { BlockPool } from 'watertight/blocks';
import { type PublishOutcome, RedisPublisher } from 'watertight/publish';
import { type ChildReport, Children } from 'watertight/children';
import { lease, type ReclaimReport, reclaim } from 'watertight/leases';
import { Segment, Signal } from 'watertight/shm';
import { type SoakOutcome, type SoakResult, soak } from 'watertight/soak';
const run = (): Promise<SoakOutcome> => soak({ target: { scenario: 'a.mjs' }, budgetMs: 30_000, warmup: 'auto', seed: 1 });
const verdict = (result: SoakResult): 'leak' | 'clean' | 'undecided' => result.verdict;
const sweep = (): Promise<ReclaimReport> => reclaim({ dryRun: true });
const end = (scope: Scope): Promise<ChildReport> => new Children({ scope }).start('true').ended;
const sent = (url: string): Promise<PublishOutcome> =>
  new RedisPublisher({ url }).publish({ event: 'llm_call', eventType: 'end' });
const folder: string = lease.folder({ label: undefined }).path;
using segment = Segment.create({ bytes: 4096 });
const words: Int32Array = new Int32Array(segment.buffer, 0, new Signal(segment).count);
const blocks: number[] = new BlockPool({ totalBlocks: 1, blockBytes: 1, layers: 1 }).allocate(1, 0, 'a');
export { blocks, end, folder, run, Scope, sweep, verdict, WatertightError, words };
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

it('without koffi, which is optional, rooms say what they cannot do and do the rest', async () => {
  const source = `
    import { BlockPool } from 'watertight/blocks';
    import { lease } from 'watertight/leases';
    import { Segment } from 'watertight/shm';
    const segment = Segment.create({ bytes: 4096 });
    const pool = new BlockPool({ totalBlocks: 4, blockBytes: 64, layers: 1 });
    const failure = await lease.lock('one').catch(({ code, hint }) => [code, hint]);
    const folder = lease.folder();
    console.log(JSON.stringify([segment.isAcrossProcesses, pool.allocate(4, 0, 'a').length, failure]));
    folder.release();`;
  rmSync(join(app, 'node_modules/koffi'), { recursive: true });
  // Above the application another one may have it.
  const isElsewhere = (await run(process.execPath, '-p', 'require("koffi") && 1')).code === 0;
  const choice = isElsewhere || process.versions.node.startsWith('26') ? 'process.env.WATERTIGHT_NATIVE = "none";' : '';
  const { code, stdout, stderr } = await run(process.execPath, '--input-type=module', '-e', `${choice}${source}`);
  expect(code, stderr).toBe(0);
  expect(JSON.parse(stdout)).toEqual([false, 4, ['WT_NATIVE_UNAVAILABLE', 'on Linux: npm install koffi']]);
  expect(stderr).toMatch(/\[WT_SHM_LOCAL\] WatertightWarning: shared memory reaches the threads of this process only/);
});

it("without the brokers' clients, which are optional, publishers say what to install", async () => {
  const source = `
    import * as publish from 'watertight/publish';
    const { RedisPublisher, KafkaPublisher, RabbitMQPublisher, NatsPublisher } = publish;
    const publishers = [
      new RedisPublisher({ url: 'redis://127.0.0.1:1' }),
      new KafkaPublisher({ brokers: '127.0.0.1:1' }),
      new RabbitMQPublisher({ url: 'amqp://127.0.0.1:1' }),
      new NatsPublisher({ url: 'nats://127.0.0.1:1' }),
    ];
    for (const publisher of publishers) {
      const { code, hint } = await publisher.publish({ event: 'llm_call', eventType: 'end' }).catch((error) => error);
      console.log(code, hint);
      await publisher.close();
    }`;
  const { stdout, stderr } = await run(process.execPath, '--input-type=module', '-e', source);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    'WT_PUBLISH_NO_CLIENT npm install ioredis',
    expect.stringMatching(/^WT_PUBLISH_NO_CLIENT npm install .*kafka/),
    'WT_PUBLISH_NO_CLIENT npm install amqplib',
    'WT_PUBLISH_NO_CLIENT npm install @nats-io/transport-node',
  ]);
});

it('the tarball holds the build and the papers, no tests and no sources of development', async () => {
  const { stdout } = await run('npm', 'pack', root, '--ignore-scripts', '--dry-run', '--json');
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
  const paths = files.map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'CHANGELOG.md', 'dist/cli/main.js']));
  expect(paths.filter((path) => /\.(test|fixture)\.|^(src|test|scripts|examples|bench)\//.test(path))).toEqual([]);
});
