import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

const CLI = process.env.WATERTIGHT_CLI ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'wt-heap-'));
const file = (name: string): string => join(folder, name);

/** Snapshots of a program that leaks one Session a step, hostile names included. */
const PROGRAM = `
import { EventEmitter } from 'node:events';
import v8 from 'node:v8';
const ESC = String.fromCharCode(27);
const evil = ESC + '[2J' + ESC + ']0;owned' + String.fromCharCode(7) + '<script>alert(1)</script>\\u202Eevil';
class Holder { constructor() { this[evil] = { [evil]: [evil] }; } }
globalThis[evil] = Array.from({ length: 40 }, () => new Holder());
class Session { constructor(i) { this.user = { name: 'user' + i }; this.self = this; } }
globalThis.sessions = [];
globalThis.bus = new EventEmitter().setMaxListeners(0);
setInterval(function poll() {}, 1e6);
async function forever() { await new Promise(() => {}); }
globalThis.waiting = forever();
globalThis.ref = new WeakRef(sessions);
for (let k = 0; k < 5; k++) {
  for (let i = 0; i < 50; i++) { const s = new Session(i); sessions.push(s); bus.on('message', function onMessage() { return s; }); }
  await new Promise((done) => setImmediate(done));
  v8.writeHeapSnapshot(process.argv[2] + k + '.heapsnapshot');
}
process.exit();
`;

beforeAll(async () => {
  writeFileSync(file('program.mjs'), PROGRAM);
  await run('s');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program once more; its five snapshots have names of their own. */
async function run(name: string): Promise<void> {
  const child = spawn(process.execPath, [file('program.mjs'), file(name)], { stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number];
  expect(code).toBe(0);
}

interface End {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function heap(...args: string[]): Promise<End> {
  return new Promise((resolve) => {
    const options = { cwd: folder, maxBuffer: 2 ** 27, env: { ...process.env, CI: '1', FORCE_COLOR: '0' } };
    execFile(process.execPath, [CLI, 'heap', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number((error as { code?: unknown }).code ?? -1) : 0, stdout, stderr });
    });
  });
}

async function json(...args: string[]): Promise<Record<string, never>> {
  const { code, stdout, stderr } = await heap(...args, '--json');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, never>;
}

const ONE = 's0.heapsnapshot';
const OF_ONE_FILE =
  'stats classes largest dominators cycles strings containers closures emitters timers promises weak'.split(' ');

describe('watertight heap, every verb', () => {
  test.for(OF_ONE_FILE)('%s: a page within the width, one meaning first, and the same as JSON', async (verb) => {
    const { code, stdout, stderr } = await heap(verb, ONE);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[1]!.length).toBeGreaterThan(10);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    const data = await heap(verb, ONE, '--json', '-');
    expect(stdout + data.stdout).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(JSON.parse(data.stdout)).toMatchObject({ schema: 1, verb, files: [ONE] });
  });

  test('retainers of a class name what holds it', async () => {
    const { paths } = await json('retainers', ONE, 'Session');
    expect((paths as { text: string; count: number }[])[0]).toMatchObject({ text: 'globalThis.sessions[]', count: 50 });
  });

  test('retainers of an object give several paths, each different', async () => {
    const classes = (await json('retainers', ONE, '--class', 'Session')) as unknown as {
      paths: { exampleId: number }[];
    };
    const found = await json('retainers', ONE, `@${classes.paths[0]!.exampleId}`);
    const texts = (found as unknown as { paths: { text: string }[] }).paths.map(({ text }) => text);
    expect(texts).toContain('globalThis.sessions[]');
    expect(texts.some((text) => text.includes('_events.message'))).toBe(true);
    expect(new Set(texts).size).toBe(texts.length);
  });

  test('diff: exactly the objects that were made between', async () => {
    const { classes } = (await json('diff', ONE, 's1.heapsnapshot', '--top', '1000')) as unknown as {
      classes: { className: string; born: number; gone: number }[];
    };
    expect(classes.find(({ className }) => className === 'Session')).toMatchObject({ born: 50, gone: 0 });
  });

  test('cohorts: a leak is exit code 1, with class, rate and path; three snapshots cannot tell yet', async () => {
    const files = [0, 1, 2, 3, 4].map((k) => `s${k}.heapsnapshot`);
    const { code, stdout } = await heap('cohorts', ...files, '--json');
    const { findings } = JSON.parse(stdout) as { findings: { verdict: string; perSnapshot: number; heldBy: string }[] };
    expect(code).toBe(1);
    const found = findings.find(({ heldBy }) => heldBy.startsWith('globalThis.sessions'));
    expect(found).toMatchObject({ verdict: 'leak', perSnapshot: 50 });
    const short = await heap('cohorts', ...files.slice(0, 3));
    expect(short.code).toBe(3);
    expect(short.stdout).toMatch(/give 4 snapshots or more/);
  });

  test.for(['43210', '03124'])(
    'cohorts: files in the order %s give the verdict of the order of time',
    async (order) => {
      const files = [...order].map((k) => `s${k}.heapsnapshot`);
      const sorted = [...files].sort();
      const data = await heap('cohorts', ...files, '--json');
      const { order: used, findings } = JSON.parse(data.stdout) as { order: string[]; findings: object[] };
      expect(used).toEqual(sorted);
      const right = JSON.parse((await heap('cohorts', ...sorted, '--json')).stdout) as { findings: object[] };
      expect(findings).toEqual(right.findings);
      const page = await heap('cohorts', ...files);
      expect({ data: data.code, page: page.code }).toEqual({ data: 1, page: 1 });
      expect(page.stdout.replace(/\s+/g, ' ')).toContain(`in the order of time: ${sorted.join(', ')}`);
    },
  );

  test('cohorts: no verdict on two processes of one program', async () => {
    await run('other');
    const { code, stdout, stderr } = await heap('cohorts', ONE, 's1.heapsnapshot', 'other2.heapsnapshot');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/from s1\.heapsnapshot to other2\.heapsnapshot as ids mean other objects in it/);
    expect(stderr).toMatch(/WT_HEAP_OTHER_IDS/);
  });

  test('diff: says when the files are of two processes, or the later one comes first', async () => {
    await run('another');
    const facts = async (before: string, after: string) => {
      const { isComparable, isInOrder } = await json('diff', before, after);
      const { stdout } = await heap('diff', before, after);
      return { isComparable, isInOrder, warnings: stdout.match(/ids mean other objects|is the later one/g) };
    };
    const [s1, other] = ['s1.heapsnapshot', 'another1.heapsnapshot'];
    expect(await facts(ONE, s1)).toEqual({ isComparable: true, isInOrder: true, warnings: null });
    expect(await facts(s1, ONE)).toEqual({ isComparable: true, isInOrder: false, warnings: ['is the later one'] });
    const unrelated = { isComparable: false, isInOrder: null, warnings: ['ids mean other objects'] };
    expect(await facts(ONE, other)).toEqual(unrelated);
    expect(await facts(other, ONE)).toEqual(unrelated);
  });

  test('graph: an SVG without script, names escaped', async () => {
    const { code, stdout } = await heap('graph', ONE, '--class', 'Session', '--depth', '2', '--out', 'refs.svg');
    expect(code).toBe(0);
    expect(stdout).toMatch(/not shown: 48 more objects of Session/);
    const svg = readFileSync(file('refs.svg'), 'utf8');
    expect(svg).toMatch(/>Session<\/text>/);
    await heap('graph', ONE, 'Holder', '--out', 'evil.svg');
    expect(readFileSync(file('evil.svg'), 'utf8')).toContain('&lt;script&gt;');
    expect(readFileSync(file('evil.svg'), 'utf8')).not.toMatch(/<script|[\x00-\x08\x0b-\x1f\u202e]/);
  });
});

describe('watertight heap refuses', () => {
  const cases: [name: string, args: string[], message: RegExp][] = [
    ['nothing', [], /no verb after heap/],
    ['an unknown verb', ['explain', ONE], /no verb heap explain/],
    ['a verb of Object', ['constructor', ONE], /no verb heap constructor/],
    ['no file', ['stats'], /needs a snapshot file/],
    ['one file where two are compared', ['diff', ONE], /needs 2 snapshot files/],
    ['one file too many', ['stats', ONE, ONE], /Unexpected argument/],
    ['a missing file', ['stats', 'gone.heapsnapshot'], /there is no such file[\s\S]*WT_HEAP_CANNOT_OPEN/],
    ['a folder', ['stats', '.'], /WT_HEAP_NOT_A_SNAPSHOT/],
    ['a program', ['stats', 'program.mjs'], /WT_HEAP_NOT_A_SNAPSHOT/],
    ['no class', ['retainers', ONE], /needs a class or an @id/],
    ['an unknown class', ['retainers', ONE, 'Sesion'], /did you mean Session/],
    ['an unknown id', ['retainers', ONE, '@4'], /WT_HEAP_UNKNOWN_NODE/],
    ['half a top', ['classes', ONE, '--top', '1.5'], /--top must be a whole number/],
    ['no share', ['dominators', ONE, '--share', '0'], /--share must be a part/],
    ['a picture without place', ['graph', ONE, 'Session', '--out', 'missing/x.svg'], /its folder does not exist/],
    ['no process', ['take', '99999999'], /WT_HEAP_NO_PROCESS/],
    ['neither pid nor URL', ['take', 'localhost'], /neither a process id nor a URL/],
    ['a URL that nobody serves', ['take', 'http://127.0.0.1:1'], /WT_HEAP_NO_INSPECTOR/],
  ];
  test.for(cases)('%s', async ([, args, message]) => {
    const { code, stdout, stderr } = await heap(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/→/);
    expect(stderr).not.toMatch(/internal error/);
  });

  test('a truncated file, saying where it ends', async () => {
    writeFileSync(file('cut.heapsnapshot'), readFileSync(file(ONE)));
    truncateSync(file('cut.heapsnapshot'), 1_000_000);
    const { code, stderr } = await heap('stats', 'cut.heapsnapshot');
    expect(code).toBe(2);
    expect(stderr).toMatch(/WT_HEAP_TRUNCATED/);
    expect(stderr).toMatch(/section \w+, byte \d+/);
  });
});

describe('watertight heap take', () => {
  const SERVER = `
    const { createServer } = require('node:http');
    class Kept {} globalThis.kept = Array.from({ length: 30 }, () => new Kept());
    class Visit {} globalThis.visits = [];
    createServer((request, response) => { visits.push(new Visit()); response.end('alive'); }).listen(0, '127.0.0.1', function () {
      console.log('port ' + this.address().port);
    });`;

  interface Server {
    readonly child: ChildProcess;
    readonly port: number;
  }

  async function serve(...nodeOptions: string[]): Promise<Server & { stderr: () => string }> {
    const child = spawn(process.execPath, [...nodeOptions, '-e', SERVER], { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    });
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [text] = (await once(child.stdout!.setEncoding('utf8'), 'data')) as [string];
    return { child, port: Number(/port (\d+)/.exec(text)![1]), stderr: () => stderr };
  }

  const answer = (port: number): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = get({ port, host: '127.0.0.1', agent: false }, (response) => {
        response.setEncoding('utf8').once('data', resolve);
      });
      request.on('error', reject);
    });

  /** TCP sockets of a process that accept connections. */
  const listening = (pid: number): number => openPorts(pid).length;

  function openPorts(pid: number): number[] {
    const own = readdirSync(`/proc/${pid}/fd`).map((fd) => linkAt(`/proc/${pid}/fd/${fd}`));
    const rows = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1);
    return rows
      .map((row) => row.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && own.includes(`socket:[${inode}]`))
      .map(([, local]) => Number.parseInt(local!.split(':')[1]!, 16));
  }

  function linkAt(path: string): string {
    try {
      return readlinkSync(path);
    } catch {
      return '';
    }
  }

  test('of a process without inspector: a private file; the process goes on and its inspector is closed', async () => {
    const { child, port, stderr } = await serve();
    const end = await heap('take', String(child.pid), '--out', 'taken.heapsnapshot', '--json');
    expect(end.stderr).toBe('');
    expect(JSON.parse(end.stdout)).toMatchObject({ out: 'taken.heapsnapshot', isInspectorOpen: false });
    expect(statSync(file('taken.heapsnapshot')).mode & 0o777).toBe(0o600);
    expect(await answer(port)).toBe('alive');
    expect(stderr()).toMatch(/Debugger listening/);
    expect(listening(child.pid!)).toBe(1);
    const { paths } = await json('retainers', 'taken.heapsnapshot', 'Kept');
    expect((paths as { text: string; count: number }[])[0]).toMatchObject({ text: 'globalThis.kept[]', count: 30 });
    // A second one does not replace the first.
    const again = await heap('take', String(child.pid), '--out', 'taken.heapsnapshot');
    expect(again).toMatchObject({ code: 2, stderr: expect.stringMatching(/it is there already/) });
  });

  test('several of one session can be compared; two of two sessions are refused', async () => {
    const { child, port } = await serve();
    const visits = setInterval(() => void answer(port).catch(() => {}), 10);
    onTestFinished(() => clearInterval(visits));
    const end = await heap(
      'take',
      String(child.pid),
      '--count',
      '4',
      '--every',
      '1s',
      '--out',
      'run.heapsnapshot',
      '--json',
    );
    const files = [1, 2, 3, 4].map((n) => `run-${n}.heapsnapshot`);
    expect(end.stderr).toBe('');
    expect(JSON.parse(end.stdout)).toMatchObject({ out: files[0], files, isInspectorOpen: false });
    // Three pauses of a second lie between four snapshots.
    expect((JSON.parse(end.stdout) as { durationMs: number }).durationMs).toBeGreaterThan(3_000);
    const diff = await json('diff', files[0]!, files[3]!);
    expect(diff).toMatchObject({ isComparable: true, isInOrder: true });
    const visit = (diff.classes as { className: string; born: number; gone: number }[]).find(
      ({ className }) => className === 'Visit',
    );
    expect(visit?.born).toBeGreaterThan(20);
    expect(visit?.gone).toBe(0);
    const cohorts = await heap('cohorts', ...files);
    expect(cohorts.stdout).toMatch(/Visit/);
    expect(existsSync(file('run-1.heapsnapshot'))).toBe(true);
    clearInterval(visits);
    await heap('take', String(child.pid), '--out', 'later.heapsnapshot');
    expect(await heap('cohorts', ...files.slice(0, 3), 'later.heapsnapshot')).toMatchObject({ code: 2 });
  });

  test('stopped between two: what was taken is kept, the rest leaves nothing', async () => {
    const { child, port } = await serve();
    const args = [
      CLI,
      'heap',
      'take',
      String(child.pid),
      '--count',
      '3',
      '--every',
      '60',
      '--out',
      'halfway.heapsnapshot',
    ];
    const command = spawn(process.execPath, args, { cwd: file('.'), stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    command.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    while (!existsSync(file('halfway-1.heapsnapshot'))) await pause(20);
    command.kill('SIGINT');
    const [code] = (await once(command, 'exit')) as [number];
    expect([code, stderr]).toEqual([2, expect.stringMatching(/those taken before are kept: 1/)]);
    expect(readdirSync(file('.')).filter((name) => name.startsWith('halfway'))).toEqual(['halfway-1.heapsnapshot']);
    expect(await answer(port)).toBe('alive');
    expect(listening(child.pid!)).toBe(1);
  });

  test('by URL and by pid of a process with an inspector, which stays open', async () => {
    const { child, stderr } = await serve('--inspect=127.0.0.1:0');
    const url = /ws:\/\/\S+/.exec(stderr())![0];
    const host = new URL(url).host;
    for (const [index, target] of [url, `http://${host}`, String(child.pid)].entries()) {
      const end = await heap('take', target, '--out', `by-${index}.heapsnapshot`);
      expect(end.stderr).toBe('');
      expect(end.code).toBe(0);
    }
    expect(listening(child.pid!)).toBe(2);
    expect(await json('stats', 'by-1.heapsnapshot')).toMatchObject({ verb: 'stats' });
  });

  test('leaves a program alone that is not Node: SIGUSR1 would end it', async () => {
    const child = spawn('sleep', ['60']);
    onTestFinished(() => void child.kill('SIGKILL'));
    const { code, stderr } = await heap('take', String(child.pid));
    expect(code).toBe(2);
    expect(stderr).toMatch(/it runs sleep[\s\S]*WT_HEAP_NOT_NODE/);
    expect(child.exitCode ?? child.signalCode).toBeNull();
  });

  test('refuses when memory is short, before it touches the heap; --force takes it', async () => {
    const tight =
      'process.availableMemory = () => 1; require("node:os").freemem = () => 1; globalThis.big = Array(4e6).fill(0.5);';
    writeFileSync(file('tight.cjs'), tight);
    const { child, port } = await serve('--require', file('tight.cjs'));
    const refused = await heap('take', String(child.pid), '--out', 'tight.heapsnapshot');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/V8 needs up to .*B more memory[\s\S]*--force[\s\S]*WT_HEAP_LOW_MEMORY/);
    expect(existsSync(file('tight.heapsnapshot'))).toBe(false);
    const forced = await heap('take', String(child.pid), '--out', 'tight.heapsnapshot', '--force');
    expect(forced.code).toBe(0);
    expect(await answer(port)).toBe('alive');
  });

  test('a process that dies meanwhile leaves an error and no file', async () => {
    writeFileSync(file('dying.cjs'), 'process.availableMemory = () => process.kill(process.pid, "SIGKILL");');
    const { child } = await serve('--require', file('dying.cjs'));
    const { code, stderr } = await heap('take', String(child.pid), '--out', 'dead.heapsnapshot');
    expect(code).toBe(2);
    expect(stderr).toMatch(/WT_HEAP_TARGET_GONE/);
    expect(readdirSync(folder).filter((name) => name.startsWith('dead'))).toEqual([]);
  });

  test('memory that buffers hold is of no use to V8: fifteen heaps are too little', async () => {
    const free = 'process.availableMemory = () => process.memoryUsage().heapUsed * 15;';
    writeFileSync(file('buffers.cjs'), `globalThis.buffer = Buffer.alloc(3e8, 1); ${free}`);
    const { child } = await serve('--inspect-port=0', '--require', file('buffers.cjs'));
    const { code, stderr } = await heap('take', String(child.pid), '--out', 'buffers.heapsnapshot');
    expect(code).toBe(2);
    expect(stderr).toMatch(/V8 needs up to [1-9][\s\S]*WT_HEAP_LOW_MEMORY/);
  });

  /** A take of a large heap that gets one signal when it stands still and another for each time that it says "again". */
  async function stopTake(child: ChildProcess, out: string, ...signals: NodeJS.Signals[]): Promise<End> {
    const args = [CLI, 'heap', 'take', String(child.pid), '--out', out];
    const taking = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    let stdout = '';
    taking.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    taking.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      if (/stands still|again to leave at once/.test(text)) taking.kill(signals.shift() ?? 0);
    });
    const [code] = (await once(taking, 'close')) as [number];
    return { code, stdout, stderr };
  }

  async function serveLarge(): Promise<Server> {
    writeFileSync(
      file('large.cjs'),
      'globalThis.large = Array.from({ length: 2e5 }, (_, i) => ({ i, text: "t" + i }));',
    );
    return serve('--inspect-port=0', '--require', file('large.cjs'));
  }

  test.for(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'stopped half-way by %s: no file, the inspector closed, the process goes on',
    async (signal) => {
      const { child, port } = await serveLarge();
      const { code, stderr } = await stopTake(child, 'stopped.heapsnapshot', signal);
      expect(code).toBe(2);
      expect(stderr).toMatch(/WT_HEAP_STOPPED/);
      expect(readdirSync(folder).filter((name) => name.startsWith('stopped'))).toEqual([]);
      expect(listening(child.pid!)).toBe(1);
      expect(await answer(port)).toBe('alive');
    },
  );

  test('stopped twice: leaves at once without a file, and says which inspector stays open', async () => {
    const { child } = await serveLarge();
    const { code, stderr } = await stopTake(child, 'twice.heapsnapshot', 'SIGINT', 'SIGINT');
    expect(code).toBe(130);
    const [, port] = /inspector of process \d+ at 127\.0\.0\.1:(\d+) stays open/.exec(stderr)!;
    expect(openPorts(child.pid!)).toContain(Number(port));
    expect(readdirSync(folder).filter((name) => name.startsWith('twice'))).toEqual([]);
  });

  test('a stopped process gets no signal: it would open its inspector later, for nobody', async () => {
    const { child, port, stderr } = await serve('--inspect-port=0');
    child.kill('SIGSTOP');
    await expect.poll(() => readFileSync(`/proc/${child.pid}/status`, 'utf8')).toMatch(/^State:\s*T/m);
    const end = await heap('take', String(child.pid), '--out', 'halted.heapsnapshot');
    expect(end).toMatchObject({ code: 2, stderr: expect.stringMatching(/it is stopped[\s\S]*WT_HEAP_NOT_ANSWERING/) });
    child.kill('SIGCONT');
    expect(await answer(port)).toBe('alive');
    expect(stderr()).toBe('');
    expect(listening(child.pid!)).toBe(1);
  });

  test.for(['', '127.0.0.1:'])('names who holds the port of the inspector (--inspect-port=%sN)', async (host) => {
    const holder = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void holder.close());
    await once(holder, 'listening');
    const { port: held } = holder.address() as AddressInfo;
    const { child, port, stderr } = await serve(`--inspect-port=${host}${held}`);
    const end = await heap('take', String(child.pid), '--out', 'held.heapsnapshot');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(`port ${held}, where it would open one, is in use by process ${process.pid}`);
    expect(await answer(port)).toBe('alive');
    expect(stderr()).toBe('');
  });

  test('says before anything else that a link is in the way', async () => {
    const { child, stderr } = await serve('--inspect-port=0');
    symlinkSync('nowhere', file('link.heapsnapshot'));
    const end = await heap('take', String(child.pid), '--out', 'link.heapsnapshot');
    expect(end).toMatchObject({ code: 2, stderr: expect.stringMatching(/it is there already/) });
    expect(stderr()).toBe('');
  });

  test('says before anything else that the file has no place', async () => {
    const { child, stderr } = await serve();
    const end = await heap('take', String(child.pid), '--out', 'missing/x.heapsnapshot');
    expect(end).toMatchObject({ code: 2, stderr: expect.stringMatching(/its folder does not exist/) });
    expect(stderr()).toBe('');
  });
});
