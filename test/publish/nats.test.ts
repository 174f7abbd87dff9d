import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../src/children/processes.fixture.js';
import { ConnectionPool, type EventInput, NatsPublisher, type NatsPublisherOptions } from '../../src/publish/index.js';
import {
  consumeAll,
  createNatsStream,
  FaultProxy,
  freePort,
  NatsBroker,
  type NatsOptions,
  type Received,
  subscribe,
} from '../brokers/index.js';

const SUBJECT = 'watertight.events';
const open: { close?: () => unknown; stop?: () => unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await (thing.close ?? thing.stop)?.call(thing);
});

function kept<T extends { close?: () => unknown; stop?: () => unknown }>(thing: T): T {
  open.push(thing);
  return thing;
}
const started = async (options?: NatsOptions) => kept(await NatsBroker.start(options));
const publisherTo = (place: { port: number } | string, options: Partial<NatsPublisherOptions> = {}) => {
  const url = typeof place === 'string' ? place : `nats://127.0.0.1:${place.port}`;
  return kept(new NatsPublisher({ url, pool: new ConnectionPool(), ...options }));
};
const event = (runId: string, data?: unknown): EventInput => ({ event: 'streaming', eventType: 'update', runId, data });

interface Stored {
  readonly id: string;
  readonly runId: string;
  readonly sequence: number;
}
const bodies = (received: readonly Received[]) => received.map(({ body }) => JSON.parse(body) as Stored);

/** Each run is there from 0 on, in order, without a gap and without a second. */
function expectWholeRuns(stored: readonly Stored[], runs: number, length: number): void {
  const wanted = Array.from({ length }, (_, i) => i);
  for (let run = 0; run < runs; run++) {
    expect(stored.filter(({ runId }) => runId === `run-${run}`).map(({ sequence }) => sequence)).toEqual(wanted);
  }
  expect(stored).toHaveLength(runs * length);
}

const outcomeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => value,
    (error) => ({ code: error.code, outcome: error.details?.outcome, cause: error.cause?.code }),
  );

describe('NatsPublisher by JetStream', () => {
  it('makes the stream when there is none, and stores each event once, in the order of its key', async () => {
    const broker = await started();
    const publisher = publisherTo(broker);
    const published: Promise<unknown>[] = [];
    for (let i = 0; i < 500; i++)
      for (let run = 0; run < 8; run++) published.push(publisher.publish(event(`run-${run}`)));
    expect(new Set(await Promise.all(published))).toEqual(new Set(['stored']));
    const received = await consumeAll(broker, SUBJECT);
    expectWholeRuns(bodies(received), 8, 500);
    expect(received.every(({ headers, body }) => headers['Nats-Msg-Id'] === JSON.parse(body).id)).toBe(true);
    expect(await publisher.close()).toMatchObject({
      status: 'completed',
      accepted: 4_000,
      confirmed: 4_000,
      remaining: 0,
    });
    await expect(publisher.publish(event('run-1'))).rejects.toMatchObject({ code: 'WT_PUBLISH_CLOSED' });
  });

  it('publishes MessagePack as it is', async () => {
    const broker = await started();
    const publisher = publisherTo(broker, { encoding: 'msgpack' });
    await publisher.publish({ ...event('run-1'), content: 'häй' });
    const [received] = await consumeAll(broker, SUBJECT);
    expect(received?.body).toContain('häй');
  });

  it('close() right after 10,000 publishes delivers all', async () => {
    const broker = await started();
    const publisher = publisherTo(broker);
    const published = Array.from({ length: 10_000 }, (_, i) => publisher.publish(event(`run-${i % 10}`)));
    expect(await publisher.close()).toMatchObject({ status: 'completed', confirmed: 10_000, remaining: 0, failed: 0 });
    expect(new Set(await Promise.all(published))).toEqual(new Set(['stored']));
    expectWholeRuns(bodies(await consumeAll(broker, SUBJECT)), 10, 1_000);
  });

  it('a stream keeps all that was resolved, once and in order, over a SIGKILL of the server and 3 s without it', async () => {
    const broker = await started();
    const publisher = publisherTo(broker, { publishTimeoutMs: 60_000 });
    const published: Promise<unknown>[] = [];
    let settled = 0;
    const publish = (count: number) => {
      for (let i = 0; i < count; i++) {
        const promise = publisher.publish(event(`run-${published.length % 5}`, 'x'.repeat(200)));
        published.push(promise.finally(() => settled++));
      }
    };
    publish(2_000);
    await until(() => settled > 500);
    await broker.kill9();
    publish(1_000);
    // The outage itself.
    await pause(3_000);
    await broker.restart();
    publish(2_000);
    expect(new Set(await Promise.all(published))).toEqual(new Set(['stored']));
    expectWholeRuns(bodies(await consumeAll(broker, SUBJECT)), 5, 1_000);
    expect(publisher.stats()).toMatchObject({ connects: 2, confirmed: 5_000, unknown: 0, notSent: 0 });
    expect(publisher.stats().redelivered).toBeGreaterThan(0);
  });

  it('acknowledgements that are lost lead to no second event in the stream', async () => {
    const broker = await started();
    const proxy = kept(await FaultProxy.start(broker));
    const publisher = publisherTo(proxy);
    await publisher.publish(event('run-0'));
    proxy.swallowReplies();
    const published = Array.from({ length: 999 }, () => publisher.publish(event('run-0')));
    await until(() => proxy.usage().swallowed > 10_000);
    proxy.drop();
    await proxy.heal();
    expect(new Set(await Promise.all(published))).toEqual(new Set(['stored']));
    expectWholeRuns(bodies(await consumeAll(broker, SUBJECT)), 1, 1_000);
    expect(publisher.stats().redelivered).toBeGreaterThan(0);
  });

  it('answers that never come let an event fail as unknown at its deadline, or be sent again when the connection is new', async () => {
    const broker = await started();
    const proxy = kept(await FaultProxy.start(broker));
    const publisher = publisherTo(proxy, { requestTimeoutMs: 300 });
    await publisher.connect();
    proxy.swallowReplies();
    expect(await outcomeOf(publisher.publish(event('late'), { timeoutMs: 200 }))).toMatchObject({ outcome: 'unknown' });
    const second = publisher.publish(event('run-0'));
    await until(() => publisher.stats().connects === 1 && publisher.stats().state !== 'connected');
    await proxy.heal();
    expect(await second).toBe('stored');
    const stored = bodies(await consumeAll(broker, SUBJECT)).map(({ runId }) => runId);
    expect(stored).toEqual(['late', 'run-0']);
  });

  it('uses a stream that is there, and refuses one that is not, or takes other subjects', async () => {
    const broker = await started();
    const code = (options: Partial<NatsPublisherOptions>) =>
      outcomeOf(publisherTo(broker, options).publish(event('run-0')));
    const missing = { code: 'WT_PUBLISH_NO_DESTINATION', outcome: 'not-sent' };
    expect(await code({ stream: 'ORDERS', declare: false })).toMatchObject(missing);
    expect(await code({ declare: false })).toMatchObject(missing);
    await createNatsStream(broker, 'ORDERS', 'orders.>');
    expect(await code({ stream: 'ORDERS', declare: false, subject: 'orders.new' })).toBe('stored');
    expect(await code({ stream: 'OTHER', subject: 'orders.new' })).toMatchObject(missing);
    expect(await code({ stream: 'ORDERS', subject: 'else' })).toMatchObject(missing);
    expect(await code({ declare: false, subject: 'orders.new' })).toBe('stored');
    expect(await code({ stream: 'MADE', subject: 'else.where' })).toBe('stored');
    expect(bodies(await consumeAll(broker, 'orders.new'))).toHaveLength(2);
  });

  it('a stream that is removed is made again, or its events fail', async () => {
    const broker = await started();
    const made = publisherTo(broker);
    await made.publish(event('run-0'));
    const remove = (name: string) => jetStreamApi(broker, `STREAM.DELETE.${name}`, {});
    await remove('watertight_events');
    expect(await made.publish(event('run-1'))).toBe('stored');
    const bare = publisherTo(broker, { declare: false, stream: 'watertight_events' });
    await bare.connect();
    await remove('watertight_events');
    expect(await outcomeOf(bare.publish(event('run-2')))).toMatchObject({ code: 'WT_PUBLISH_NO_DESTINATION' });
  });

  it('a stream that is full and keeps the old refuses each event by itself', async () => {
    const broker = await started();
    await jetStreamApi(broker, 'STREAM.CREATE.FULL', {
      name: 'FULL',
      subjects: [SUBJECT],
      storage: 'file',
      max_msgs: 2,
      discard: 'new',
    });
    const publisher = publisherTo(broker);
    const outcomes = await Promise.all([0, 1, 2].map(() => outcomeOf(publisher.publish(event('run-0')))));
    const refused = { code: 'WT_PUBLISH_NOT_SENT', outcome: 'not-sent', cause: 'WT_PUBLISH_REFUSED' };
    expect(outcomes).toEqual(['stored', 'stored', refused]);
    expectWholeRuns(bodies(await consumeAll(broker, SUBJECT)), 1, 2);
  });

  it('close() with a dead server is over in time, says what remains, and the process ends', async () => {
    for (const mode of ['jetstream', 'core']) {
      const broker = await started();
      const file = fileURLToPath(new URL('./nats-dead-close.fixture.ts', import.meta.url));
      const child = spawn(process.execPath, ['--import', 'tsx', file, broker.url, mode], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
      await lines.next();
      await broker.pause();
      child.stdin.write('go\n');
      const { report, closeMs, outcomes } = JSON.parse(String((await lines.next()).value));
      expect(report).toMatchObject({ status: 'timeout', accepted: 1_000, confirmed: 0, remaining: 1_000 });
      expect(report.stuck).toContain('nats://127.0.0.1');
      // A batch was on its way, and the rest of its key behind it.
      expect(outcomes).toEqual({ unknown: 500, 'not-sent': 500 });
      // Its 1 s, and what a busy machine adds.
      expect(closeMs).toBeLessThan(3_000);
      const reportedAt = performance.now();
      expect(await exited).toEqual([0, null]);
      // Below the 5 s of the request that has no answer.
      expect(performance.now() - reportedAt).toBeLessThan(4_000);
      broker.resume();
    }
  });
});

describe('NatsPublisher in core mode', () => {
  it('reaches who listens, in order; stored means that the server has read it', async () => {
    const broker = await started();
    const heard: Received[] = [];
    kept({ close: await subscribe(broker, SUBJECT, (message) => heard.push(message)) });
    const publisher = publisherTo(broker, { mode: 'core' });
    const published = Array.from({ length: 2_000 }, (_, i) => publisher.publish(event(`run-${i % 4}`)));
    expect(await publisher.close()).toMatchObject({ status: 'completed', confirmed: 2_000 });
    expect(new Set(await Promise.all(published))).toEqual(new Set(['stored']));
    await until(() => heard.length === 2_000);
    expectWholeRuns(bodies(heard), 4, 500);
    expect(await consumeAll(broker, SUBJECT)).toEqual([]);
  });

  it('needs no JetStream, which the other mode says it needs', async () => {
    const broker = await started({ jetstream: false });
    expect(await publisherTo(broker, { mode: 'core' }).publish(event('run-0'))).toBe('stored');
    const without = publisherTo(broker);
    await expect(without.publish(event('run-0'))).rejects.toMatchObject({
      code: 'WT_PUBLISH_CONNECT_PROTOCOL',
      hint: expect.stringContaining("mode: 'core'"),
    });
  });

  it('publishes again after the connection was cut', async () => {
    const broker = await started();
    const proxy = kept(await FaultProxy.start(broker));
    const publisher = publisherTo(proxy, { mode: 'core' });
    await publisher.connect();
    proxy.swallowReplies();
    const published = publisher.publish(event('run-0'));
    await until(() => publisher.stats().inFlight === 1 && proxy.usage().swallowed > 0);
    proxy.drop();
    await proxy.heal();
    expect(await published).toBe('stored');
    expect(publisher.stats()).toMatchObject({ connects: 2, redelivered: 1 });
  });
});

describe('NatsPublisher and what can be wrong', () => {
  it('says with a code of its own why it cannot connect', async () => {
    const broker = await started({ settings: 'authorization { user: "me", password: "a/b" }' });
    const { port } = broker;
    const code = (url: string, options: Partial<NatsPublisherOptions> = {}) =>
      outcomeOf(publisherTo(url, { connectTimeoutMs: 500, mode: 'core', ...options }).connect()).then(
        (outcome) => (outcome as { code?: string } | undefined)?.code,
      );
    expect(await code(`nats://127.0.0.1:${await freePort()}`)).toBe('WT_PUBLISH_CONNECT_REFUSED');
    expect(await code(`nats://127.0.0.1:${port}`)).toBe('WT_PUBLISH_CONNECT_AUTH');
    expect(await code(`nats://me:wrong@127.0.0.1:${port}`)).toBe('WT_PUBLISH_CONNECT_AUTH');
    expect(await code(`nats://me:a%2Fb@127.0.0.1:${port}`)).toBeUndefined();
    expect(await code(`tls://me:a%2Fb@127.0.0.1:${port}`)).toBe('WT_PUBLISH_CONNECT_TLS');
    expect(await code('nats://no-such-host.invalid')).toBe('WT_PUBLISH_CONNECT_REFUSED');
  });

  it('takes a token from the URL, and shows it to nobody', async () => {
    const { port } = await started({ settings: 'authorization { token: "t0ken" }' });
    const publisher = publisherTo(`nats://t0ken@127.0.0.1:${port}`);
    expect(await publisher.publish(event('run-0'))).toBe('stored');
    expect(publisher.name).toBe(`nats-jetstream nats://127.0.0.1:${port} ${SUBJECT}`);
  });

  it('does not take for NATS what is not, and leaves no socket to who says nothing', async () => {
    const code = (port: number) =>
      outcomeOf(
        publisherTo({ port }, { connectTimeoutMs: 300, retry: { initialMs: 10_000, maxMs: 10_000 } }).connect(),
      );
    const mail = await listening((socket) => socket.write('220 mail ready\r\n'));
    expect(await code(mail.port)).toMatchObject({ code: 'WT_PUBLISH_CONNECT_PROTOCOL' });
    const closing = await listening((socket) => socket.end());
    expect(await code(closing.port)).toMatchObject({ code: 'WT_PUBLISH_CONNECT_REFUSED' });
    const resetting = await listening((socket) => socket.resetAndDestroy());
    expect(await code(resetting.port)).toMatchObject({ code: 'WT_PUBLISH_CONNECT_REFUSED' });
    const silent = await listening(() => {});
    expect(await code(silent.port)).toMatchObject({ code: 'WT_PUBLISH_CONNECT_TIMEOUT' });
    await until(() => silent.sockets.size === 0);
  });

  it('speaks TLS when the server does, and trusts only what it is told to', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'watertight-nats-'));
    kept({ close: () => rmSync(folder, { recursive: true }) });
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
    ];
    execFileSync('openssl', [...request, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-keyout', key, '-out', cert], { stdio: 'ignore' }); // biome-ignore format: one command
    const { port } = await started({ settings: `tls { cert_file: "${cert}", key_file: "${key}" }` });
    const { readFileSync } = await import('node:fs');
    const ca = readFileSync(cert, 'utf8');
    expect(await publisherTo(`tls://localhost:${port}`, { tls: { ca } }).publish(event('run-0'))).toBe('stored');
    expect(await publisherTo(`nats://localhost:${port}`, { tls: { ca } }).publish(event('run-0'))).toBe('stored');
    expect(await outcomeOf(publisherTo(`tls://localhost:${port}`).connect())).toMatchObject({
      code: 'WT_PUBLISH_CONNECT_TLS',
    });
    expect(await outcomeOf(publisherTo(`nats://localhost:${port}`).connect())).toMatchObject({
      code: 'WT_PUBLISH_CONNECT_TLS',
    });
  });

  it('an event that is larger than the server takes fails, and the others do not', async () => {
    const broker = await started({ settings: 'max_payload: 2048' });
    for (const mode of ['jetstream', 'core'] as const) {
      const publisher = publisherTo(broker, { mode });
      const sizes = [10, 5_000, 10];
      const outcomes = await Promise.all(
        sizes.map((size) => outcomeOf(publisher.publish(event('run', 'x'.repeat(size))))),
      );
      const tooLarge = { code: 'WT_PUBLISH_TOO_LARGE', outcome: 'not-sent', cause: undefined };
      expect(outcomes).toEqual(['stored', tooLarge, 'stored']);
    }
  });

  it('a subject that the user may not publish to is refused at once', async () => {
    const settings =
      'authorization { users = [ { user: me, password: pw, permissions: { publish: { deny: ["secret.>"] } } } ] }';
    const { port } = await started({ settings });
    for (const options of [{ declare: false }, { mode: 'core' }] as const) {
      const publisher = publisherTo(`nats://me:pw@127.0.0.1:${port}`, { subject: 'secret.one', ...options });
      expect(await outcomeOf(publisher.publish(event('run-0')))).toMatchObject({
        outcome: 'not-sent',
        cause: 'WT_PUBLISH_REFUSED',
      });
    }
  });

  it('names the option that is wrong', () => {
    const url = 'nats://127.0.0.1:4222';
    const make = (options: object) => () => new NatsPublisher({ url, ...options });
    expect(make({ subjekt: 'a' })).toThrow(/"subjekt"/);
    expect(make({ mode: 'stream' })).toThrow(/mode/);
    for (const subject of ['', 'a b', 'a.*', '>', 'a..b', '.a', '$JS.API', 5])
      expect(make({ subject })).toThrow(/subject/);
    for (const stream of ['', 'a.b', 'a b', '*']) expect(make({ stream })).toThrow(/stream/);
    expect(make({ declare: 'yes' })).toThrow(/declare/);
    expect(make({ pingIntervalMs: 0 })).toThrow(/pingIntervalMs/);
    expect(make({ mode: 'core', stream: 'A' })).toThrow(/stream and declare/);
    expect(make({ url: 'redis://127.0.0.1' })).toThrow(/nats: or tls:/);
    expect(make({ url: 'nats://' })).toThrow(expect.objectContaining({ code: 'WT_PUBLISH_CONNECT_URL' }));
  });
});

it('publishers to one URL share a connection, and the last ends it', async () => {
  const broker = await started();
  const proxy = kept(await FaultProxy.start(broker));
  const pool = new ConnectionPool();
  const publishers = ['a', 'b', 'c'].map((subject) => publisherTo(proxy, { subject, pool }));
  await Promise.all(publishers.map((publisher, i) => publisher.publish(event(`run-${i}`))));
  expect(proxy.usage()).toMatchObject({ open: 1, accepted: 1 });
  expect(pool.usage()).toMatchObject([{ holders: 3, state: 'open' }]);
  await publishers[0]!.close();
  expect(await publishers[1]!.publish(event('run-1'))).toBe('stored');
  await Promise.all(publishers.map((publisher) => publisher.close()));
  expect(pool.usage()).toEqual([]);
  await until(() => proxy.usage().open === 0);
});

/** One request to JetStream over a plain socket. */
async function jetStreamApi(broker: NatsBroker, command: string, request: object): Promise<void> {
  const socket = connect(broker.port, '127.0.0.1');
  const body = JSON.stringify(request);
  let said = '';
  socket.on('data', (bytes) => {
    said += bytes;
  });
  socket.write('CONNECT {"verbose":false,"pedantic":false}\r\nSUB reply 1\r\n');
  socket.write(`PUB $JS.API.${command} reply ${Buffer.byteLength(body)}\r\n${body}\r\n`);
  await until(() => /MSG reply .*\r\n.*\r\n/.test(said));
  socket.destroy();
  if (said.includes('"error"')) throw new Error(`JetStream refuses ${command}: ${said}`);
}

async function listening(onSocket: (socket: Socket) => void): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  kept({ close: () => server.close() });
  return { port: (server.address() as { port: number }).port, sockets };
}
