import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/index.js';
import { bundleProgram } from '../../src/leases/owner-process.fixture.js';
import { type PublishFailure, RedisPublisher, type RedisPublisherOptions } from '../../src/publish/index.js';
import { consumeAll, FaultProxy, type Received, RedisBroker, redisCli } from '../brokers/index.js';

const KILLS = process.env.WATERTIGHT_STRESS ? 20 : 5;
/** Of the calls that change a file, each so many one is a place to die; in the stress run each. */
const STRIDE = process.env.WATERTIGHT_STRESS ? 1 : 6;
const seed = Number(process.env.WATERTIGHT_SEED ?? Date.now() % 1e6);
const random = seededRandom(seed);

let broker: RedisBroker;
let program: string;
const folders: string[] = [];
const mounts: string[] = [];
const publishers: RedisPublisher[] = [];

beforeAll(async () => {
  console.log(`seed: WATERTIGHT_SEED=${seed}`);
  program = await bundleProgram(new URL('./outbox-program.ts', import.meta.url), ['ioredis']);
  broker = await RedisBroker.start();
});
afterEach(async () => {
  await Promise.all(publishers.splice(0).map((one) => one.close({ timeoutMs: 0 })));
  for (const folder of mounts.splice(0)) execFileSync('umount', [folder]);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});
afterAll(async () => {
  rmSync(program);
  await broker.stop();
});

function newFolder(): string {
  const folder = mkdtempSync(`${tmpdir()}/wt-outbox-`);
  folders.push(folder);
  return folder;
}

let streams = 0;
const newStream = () => `stream-${process.pid}-${streams++}`;

function open(folder: string, stream: string, options: Partial<RedisPublisherOptions> = {}): RedisPublisher {
  const { outbox, ...others } = options;
  const publisher = new RedisPublisher({
    url: broker.url,
    stream,
    delivery: 'outbox',
    outbox: { folder, ...outbox },
    retry: { initialMs: 10, maxMs: 50 },
    ...others,
  });
  publishers.push(publisher);
  return publisher;
}

const put = (publisher: RedisPublisher, id: string, data: unknown = id) =>
  publisher.publish({ id, event: 'streaming', eventType: 'update', data }, { key: id.split('.').at(-2) ?? 'k' });

const ids = (received: readonly Received[]) => received.map(({ headers }) => headers.id as string);

/** Everything that was promised is there; first arrivals of a key are in order; what came again is marked, and the same. */
function check(received: readonly Received[], accepted: readonly string[]): void {
  const bodies = new Map<string, string>();
  const lastOf = new Map<string, number>();
  for (const { body, headers } of received) {
    const { id = '', redelivered } = headers;
    const known = bodies.get(id);
    if (known !== undefined) {
      expect(redelivered, id).toBe('1');
      expect(body).toBe(known);
      continue;
    }
    bodies.set(id, body);
    expect(JSON.parse(body).id).toBe(id);
    const [round, key, n] = id.split('.') as [string, string, string];
    expect(Number(n), `${id} came late`).toBeGreaterThan(lastOf.get(`${round}.${key}`) ?? -1);
    lastOf.set(`${round}.${key}`, Number(n));
  }
  expect(accepted.filter((id) => !bodies.has(id))).toEqual([]);
}

const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(0, -1) : []);

function run(env: Record<string, string>) {
  const child = fork(program, {
    env: { ...process.env, URL: broker.url, ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  // Only the way in: a channel that is open would keep it alive.
  child.channel?.unref();
  return { child, exited };
}

it(`SIGKILL at ${KILLS} random moments: everything accepted arrives after a restart, in order per key, duplicates marked`, async () => {
  const folder = newFolder();
  const stream = newStream();
  const log = `${newFolder()}/log`;
  for (let round = 0; round < KILLS; round++) {
    const { child, exited } = run({ FOLDER: folder, STREAM: stream, LOG: log, ROUND: String(round) });
    await expect.poll(() => linesOf(log).at(-1)?.startsWith(`${round}.`), { timeout: 30_000 }).toBe(true);
    // The moment itself, not a wait for something.
    await new Promise((resolve) => setTimeout(resolve, random() * 150));
    child.kill('SIGKILL');
    expect((await exited)[1]).toBe('SIGKILL');
  }
  const publisher = open(folder, stream);
  await publisher.flush({ timeoutMs: 60_000 });
  expect(publisher.stats()).toMatchObject({ outboxEvents: 0, outboxDamaged: 0 });
  await publisher.close();
  expect(readdirSync(folder)).toEqual(['lock']);
  const accepted = linesOf(log);
  expect(new Set(accepted.map((id) => id.split('.')[0])).size).toBe(KILLS);
  check(await consumeAll(broker, stream), accepted);
});

it('SIGKILL before any call that changes a file: nothing accepted is lost, and the next start is a whole one', async () => {
  const first = Math.floor(random() * STRIDE);
  let killed = 0;
  for (let at = first; ; at += STRIDE) {
    const folder = newFolder();
    const stream = newStream();
    const log = `${newFolder()}/log`;
    // Left by an earlier process: to be read, acknowledged and removed.
    const before = open(folder, stream, { url: 'redis://127.0.0.1:1', outbox: { folder, segmentBytes: 4096 } });
    const left = Array.from({ length: 30 }, (_, n) => `left.k${n % 2}.${n}`);
    await Promise.all(left.map((id) => put(before, id, 'y'.repeat(200))));
    await before.close({ timeoutMs: 0 });
    const { exited } = run({ FOLDER: folder, STREAM: stream, LOG: log, ROUND: '0', COUNT: '60', KILL_AT: String(at) });
    const [code, signal] = await exited;
    const after = open(folder, stream);
    await after.flush({ timeoutMs: 60_000 });
    expect(after.stats(), `killed at ${at}`).toMatchObject({ outboxDamaged: 0, outboxEvents: 0 });
    await after.close();
    expect(readdirSync(folder)).toEqual(['lock']);
    check(await consumeAll(broker, stream), [...left, ...linesOf(log)]);
    if (signal === null) {
      expect(code).toBe(0);
      break;
    }
    killed++;
  }
  expect(killed).toBeGreaterThan(30 / STRIDE);
});

it('the folder of a process that lives is refused by its pid; when it was killed the next has it at once', async () => {
  const folder = newFolder();
  const stream = newStream();
  const log = `${newFolder()}/log`;
  const { child, exited } = run({ FOLDER: folder, STREAM: stream, LOG: log, ROUND: '0' });
  await expect.poll(() => linesOf(log).length, { timeout: 30_000 }).toBeGreaterThan(0);
  expect(() => open(folder, stream)).toThrow(
    expect.objectContaining({ code: 'WT_PUBLISH_OUTBOX_BUSY', message: expect.stringContaining(String(child.pid)) }),
  );
  child.kill('SIGKILL');
  await exited;
  open(folder, stream);
});

it('5 times the buffer while the broker is away: memory keeps its limit, and all arrives in order when it is back', async () => {
  const proxy = await FaultProxy.start(broker);
  try {
    const stream = newStream();
    const publisher = open(newFolder(), stream, {
      url: `redis://127.0.0.1:${proxy.port}`,
      maxBufferedEvents: 200,
      outbox: { folder: newFolder(), segmentBytes: 32 * 1024 },
    });
    await put(publisher, 'first.k.0');
    await publisher.flush();
    proxy.refuse();
    proxy.drop();
    const accepted = Array.from({ length: 1_000 }, (_, n) => `away.k${n % 5}.${n}`);
    for (let n = 0; n < accepted.length; n += 100) {
      await Promise.all(accepted.slice(n, n + 100).map((id) => put(publisher, id)));
      expect(publisher.stats().buffered).toBeLessThanOrEqual(200);
    }
    expect(publisher.stats()).toMatchObject({ outboxEvents: 1_000, buffered: 200, refused: 0 });
    await proxy.heal();
    await publisher.flush();
    const received = await consumeAll(broker, stream);
    check(received, accepted);
    expect(received).toHaveLength(1_001);
    expect(publisher.stats()).toMatchObject({ outboxEvents: 0, confirmed: 1_001, accepted: 1_001 });
  } finally {
    await proxy.close();
  }
});

it('close() with the broker down ends at its deadline, says what remains, and the next publisher sends it, marked', async () => {
  const folder = newFolder();
  const stream = newStream();
  const failures: PublishFailure[] = [];
  const publisher = open(folder, stream, {
    url: 'redis://127.0.0.1:1',
    onFailure: (failure) => failures.push(failure),
  });
  const puts = Array.from({ length: 50 }, (_, n) => put(publisher, `a.k.${n}`));
  const report = await publisher.close({ timeoutMs: 200 });
  expect(await Promise.all(puts)).toEqual(new Array(50).fill('accepted'));
  expect(report).toMatchObject({
    status: 'timeout',
    accepted: 50,
    confirmed: 0,
    failed: 0,
    remaining: 50,
    replayed: 0,
  });
  expect(report.durationMs).toBeLessThan(250);
  expect(failures).toEqual([]);
  const next = open(folder, stream);
  await put(next, 'b.k.50');
  await next.flush();
  expect(next.stats()).toMatchObject({ replayed: 50, accepted: 1, confirmed: 51 });
  expect(await next.close()).toMatchObject({ status: 'completed', remaining: 0, replayed: 50, outboxBytes: 0 });
  const received = await consumeAll(broker, stream);
  expect(ids(received)).toEqual([...Array.from({ length: 50 }, (_, n) => `a.k.${n}`), 'b.k.50']);
  expect(received.map(({ headers }) => headers.redelivered)).toEqual([...new Array(50).fill('1'), undefined]);
});

it('a wrong password and deadlines discard nothing; what the broker refuses is told with its body, and leaves', async () => {
  const guarded = await RedisBroker.start({ password: 'right' });
  try {
    const folder = newFolder();
    const failures: PublishFailure[] = [];
    const options = { publishTimeoutMs: 50, onFailure: (failure: PublishFailure) => failures.push(failure) };
    const wrong = open(folder, 's', { ...options, url: guarded.url.replace('right', 'wrong') });
    await put(wrong, 'a.k.1');
    await expect.poll(() => wrong.stats().lastError).toMatch(/password/);
    // Longer than its time.
    await expect(wrong.flush({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'WT_PUBLISH_FLUSH_TIMEOUT' });
    expect(await wrong.close({ timeoutMs: 0 })).toMatchObject({ remaining: 1, failed: 0 });
    expect(failures).toEqual([]);
    await redisCli(guarded, 'SET', 's', 'no stream');
    const right = open(folder, 's', { ...options, url: guarded.url });
    await right.flush();
    expect(failures).toMatchObject([{ eventId: 'a.k.1', error: { code: 'WT_PUBLISH_UNKNOWN' } }]);
    expect(JSON.parse(failures[0]!.body.toString())).toMatchObject({ id: 'a.k.1', data: 'a.k.1' });
    expect(await right.close()).toMatchObject({ status: 'completed', remaining: 0, failed: 1 });
    expect(readdirSync(folder)).toEqual(['lock']);
  } finally {
    await guarded.stop();
  }
});

it.each([300, 40_000])('a disk that is full of events of %i bytes: each is delivered or refused', async (bytes) => {
  const folder = newFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder]);
  mounts.push(folder);
  const stream = newStream();
  const proxy = await FaultProxy.start(broker);
  try {
    proxy.refuse();
    const url = `redis://127.0.0.1:${proxy.port}`;
    const publisher = open(folder, stream, { url, outbox: { folder, segmentBytes: 128 * 1024 } });
    const accepted: string[] = [];
    const refused: { code: string; details: { outcome: string } }[] = [];
    for (let n = 0; refused.length < 20; n++) {
      const id = `full.k${n % 3}.${n}`;
      await put(publisher, id, 'x'.repeat(bytes)).then(
        () => accepted.push(id),
        (error) => refused.push(error),
      );
    }
    for (const { code, details } of refused) {
      expect([code, details.outcome]).toEqual(['WT_PUBLISH_OUTBOX_FULL', 'not-sent']);
    }
    expect(publisher.stats()).toMatchObject({ accepted: accepted.length, refused: 20, outboxEvents: accepted.length });
    await proxy.heal();
    await publisher.flush();
    await put(publisher, 'full.k0.100000', 'x'.repeat(bytes));
    await publisher.flush();
    const received = await consumeAll(broker, stream);
    expect(ids(received).sort()).toEqual([...accepted, 'full.k0.100000'].sort());
    check(received, accepted);
  } finally {
    await proxy.close();
  }
});

it('a disk that another fills: refused, and accepted again when there is room; what was half-written is gone', async () => {
  const folder = newFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]);
  mounts.push(folder);
  const stream = newStream();
  const publisher = open(folder, stream, { url: 'redis://127.0.0.1:1' });
  const accepted = ['a.k.1', 'a.k.2'];
  for (const id of accepted) await put(publisher, id);
  expect(() => writeFileSync(`${folder}/other`, Buffer.alloc(300_000))).toThrow(/ENOSPC/);
  for (const n of [3, 4, 5])
    await expect(put(publisher, `a.k.${n}`, 'x'.repeat(20_000))).rejects.toMatchObject({
      code: 'WT_PUBLISH_OUTBOX_FULL',
    });
  rmSync(`${folder}/other`);
  await put(publisher, 'a.k.6', 'x'.repeat(20_000));
  await publisher.close({ timeoutMs: 0 });
  const next = open(folder, stream);
  await next.flush();
  expect(next.stats()).toMatchObject({ outboxDamaged: 0, replayed: 3 });
  expect(ids(await consumeAll(broker, stream))).toEqual([...accepted, 'a.k.6']);
});

it('a read-only folder is refused at the opening, with the next thing to do', () => {
  const folder = newFolder();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'tmpfs', folder]);
  mounts.push(folder);
  expect(() => open(folder, newStream())).toThrow(
    expect.objectContaining({ code: 'WT_PUBLISH_OUTBOX_FAILED', hint: expect.stringContaining('may write') }),
  );
});
