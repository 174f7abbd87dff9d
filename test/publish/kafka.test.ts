import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../src/children/processes.fixture.js';
import {
  ConnectionPool,
  type EventInput,
  KafkaPublisher,
  type KafkaPublisherOptions,
  type PublisherCloseReport,
} from '../../src/publish/index.js';
import { consumeAll, freePort, KafkaBroker, type Received, subscribe } from '../brokers/index.js';
import { programPath } from '../brokers/programs.mjs';
import { runTool } from '../brokers/run-tool.js';
import { startSaslRefusal } from './kafka-sasl.fixture.js';

const PRODUCE = 0;
const UNKNOWN_TOPIC = 3;
const NOT_LEADER = 6;
const MESSAGE_TOO_LARGE = 10;
const TOPIC_AUTHORIZATION_FAILED = 29;
const DEAD = fileURLToPath(new URL('./kafka-dead.fixture.ts', import.meta.url));
const isNode22 = Number.parseInt(process.versions.node, 10) >= 22;
const CLIENTS = isNode22 ? (['kafkajs', 'platformatic'] as const) : (['kafkajs'] as const);

const event = (fields: Partial<EventInput> = {}): EventInput => ({
  event: 'llm_call',
  eventType: 'update',
  ...fields,
});
const bodies = (received: readonly Received[]) => received.map(({ body }) => JSON.parse(body));
/** Sequences by run, in the order of arrival. */
function sequences(received: readonly Received[]): Map<string, number[]> {
  const runs = new Map<string, number[]>();
  for (const { runId, sequence } of bodies(received)) {
    const run = runs.get(runId);
    if (run) run.push(sequence);
    else runs.set(runId, [sequence]);
  }
  return runs;
}
/** By this process, to files and sockets: proc(5), `io`. */
const writtenBytes = () => Number(/wchar: (\d+)/.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => `resolved with ${value}`,
    (error) => error.code,
  );

let broker: KafkaBroker;
const open: AsyncDisposable[] = [];
let topics = 0;
/** A topic of its own for each test, with 4 partitions. */
let topic: string;

beforeAll(async () => {
  broker = await KafkaBroker.start();
});
afterAll(() => broker.stop());
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]();
});

async function newTopic(partitions = 4, on = broker): Promise<string> {
  topic = `topic-${++topics}`;
  await on.createTopic(topic, partitions);
  return topic;
}

const own = <Thing extends AsyncDisposable>(thing: Thing): Thing => {
  open.push(thing);
  return thing;
};

describe.each(CLIENTS)('KafkaPublisher with %s', (client) => {
  const publisherOf = (options: Partial<KafkaPublisherOptions> = {}) =>
    own(new KafkaPublisher({ brokers: broker.bootstrap, topic, client, pool: new ConnectionPool(), ...options }));

  it.each(client === 'platformatic' ? ['none', 'gzip', 'snappy', 'lz4', 'zstd'] : ['none', 'gzip'])(
    'publish() stores events in order per key with compression %s',
    async (compression) => {
      await newTopic();
      const publisher = publisherOf({ compression: compression as 'none' });
      await publisher.connect();
      const before = writtenBytes();
      const content = 'x'.repeat(500);
      const publishing = upTo(2_000).map((i) => publisher.publish(event({ runId: `run-${i % 10}`, content })));
      expect(new Set(await Promise.all(publishing))).toEqual(new Set(['stored']));
      // 1 MB of one letter, and some 150 bytes an event that differ.
      const written = writtenBytes() - before;
      if (compression === 'none') expect(written).toBeGreaterThan(1_000_000);
      else expect(written).toBeLessThan(500_000);
      const received = await consumeAll(broker, topic);
      expect(sequences(received)).toEqual(new Map([...sequences(received).keys()].map((run) => [run, upTo(200)])));
      expect(sequences(received).size).toBe(10);
      for (const { body, headers } of received) expect(headers).toEqual({ id: JSON.parse(body).id });
      expect(publisher.stats()).toMatchObject({ confirmed: 2_000, redelivered: 0, connects: 1 });
    },
  );

  it('a key leads to the partition to which librdkafka brings it', async () => {
    await newTopic(7);
    const publisher = publisherOf();
    const keys = ['', 'a', 'ab', 'abc', 'abcd', 'ünïcode', ...upTo(200).map((i) => `run-${i * i}`)];
    await Promise.all(keys.map((key) => publisher.publish(event({ data: key }), { key })));
    const ours = new Map(
      (await consumeAll(broker, topic)).map(({ id, body }) => [JSON.parse(body).data, id!.split(':')[0]]),
    );
    await newTopic(7);
    const args = ['-P', '-b', broker.bootstrap, '-t', topic, '-X', 'topic.partitioner=murmur2', '-K', '\\t'];
    // kcat has no empty key.
    const named = keys.filter(Boolean);
    await runTool(broker, programPath('kcat'), args, { input: named.map((key) => `${key}\t${key}\n`).join('') });
    const theirs = new Map((await consumeAll(broker, topic)).map(({ id, body }) => [body, id!.split(':')[0]]));
    expect(new Map(named.map((key) => [key, ours.get(key)]))).toEqual(
      new Map(named.map((key) => [key, theirs.get(key)])),
    );
    expect(new Set(theirs.values()).size).toBe(7);
  });

  it('an outage of 3 s loses nothing of what resolved, keeps the order and marks what is sent again', async () => {
    await newTopic(8);
    const received: Received[] = [];
    const stop = await subscribe(broker, topic, (message) => received.push(message));
    open.push({ [Symbol.asyncDispose]: stop });
    const publisher = publisherOf({ maxBufferedEvents: 50_000 });
    const stored = new Set<string>();
    const publishing: Promise<unknown>[] = [];
    const publishSome = () => {
      for (let i = 0; i < 10; i++) {
        const id = `e-${publishing.length}`;
        publishing.push(
          publisher.publish(event({ id, runId: `run-${publishing.length % 20}` })).then(() => stored.add(id)),
        );
      }
    };
    await publisher.publish(event({ id: 'first', runId: 'other' }));
    const producing = setInterval(publishSome, 5);
    await until(() => stored.size > 500);
    await broker.outage(3_000);
    const before = stored.size;
    await until(() => stored.size > before + 1_000);
    clearInterval(producing);
    await Promise.all(publishing);
    expect(stored.size).toBe(publishing.length);
    await until(() => new Set(received.map(({ headers }) => headers.id)).size === publishing.length + 1);
    const seen = new Set<string>();
    const firsts = received.filter(({ headers }) => !seen.has(headers.id!) && seen.add(headers.id!));
    const again = received.filter((message) => !firsts.includes(message));
    expect(again.filter(({ headers }) => headers.redelivered !== '1')).toEqual([]);
    for (const [, run] of sequences(firsts)) expect(run).toEqual(upTo(run.length));
    expect(publisher.stats().connects).toBeGreaterThan(1);
    expect(again.length).toBeLessThanOrEqual(publisher.stats().redelivered);
  });

  it('an answer that is lost is waited for until requestTimeoutMs, and the event sent again', async () => {
    await newTopic(1);
    const publisher = publisherOf({ requestTimeoutMs: 300 });
    await publisher.publish(event({ id: 'before' }));
    await broker.pause();
    const publishing = publisher.publish(event({ id: 'late' }));
    await until(() => publisher.stats().redelivered > 0);
    broker.resume();
    expect(await publishing).toBe('stored');
    const received = await consumeAll(broker, topic);
    expect(new Set(received.map(({ headers }) => headers.id))).toEqual(new Set(['before', 'late']));
    expect(received.at(-1)?.headers).toEqual({ id: 'late', redelivered: '1' });
  });

  it('close() stores a burst of 10,000 that nobody awaited', async () => {
    await newTopic();
    const publisher = publisherOf();
    const publishing = upTo(10_000).map((i) => publisher.publish(event({ runId: `run-${i % 100}` })));
    const report = await publisher.close();
    expect(report).toMatchObject({ status: 'completed', accepted: 10_000, confirmed: 10_000, remaining: 0 });
    const ends = await Promise.allSettled(publishing);
    expect(ends.filter(({ status }) => status === 'rejected')).toEqual([]);
    const received = await consumeAll(broker, topic);
    expect(received.length).toBe(10_000);
    expect([...sequences(received).values()]).toEqual(upTo(100).map(() => upTo(100)));
  });

  it.each([
    ['refuses', (one: KafkaBroker) => one.down()],
    ['is silent', (one: KafkaBroker) => one.pause()],
  ])('close() ends at its deadline when the broker %s, and the process with it', async (_, die) => {
    const mine = own(await KafkaBroker.start());
    await newTopic(4, mine);
    const child = fork(DEAD, [mine.bootstrap, client, '1000'], { execArgv: ['--import', 'tsx'] });
    const exited = once(child, 'exit');
    expect(await once(child, 'message')).toEqual(['ready', undefined]);
    await die(mine);
    child.send('close');
    const [said] = (await once(child, 'message')) as [
      { report: PublisherCloseReport; settled: object; lateMs: number; endedAt: number },
    ];
    expect(await exited).toEqual([0, null]);
    expect(Date.now() - said.endedAt).toBeLessThan(1_000);
    expect(said.lateMs).toBeLessThan(50);
    expect(said.report).toMatchObject({ status: 'timeout', accepted: 1_001, confirmed: 1, remaining: 1_000 });
    expect(said.settled).toEqual({ stored: 0, failed: 1_000 });
  });

  it('one partition that is refused is no matter of the others', async () => {
    await newTopic();
    const publisher = publisherOf();
    await publisher.publish(event());
    await broker.pushErrors(PRODUCE, NOT_LEADER);
    const publishing = upTo(40).map((i) => publisher.publish(event({ runId: `run-${i % 8}` })));
    expect(new Set(await Promise.all(publishing))).toEqual(new Set(['stored']));
    const received = await consumeAll(broker, topic);
    const seen = new Set<string>();
    const firsts = received.filter(({ headers }) => !seen.has(headers.id!) && seen.add(headers.id!));
    for (const [run, all] of sequences(firsts)) if (run !== 'none') expect(all).toEqual(upTo(5));
    expect(publisher.stats().redelivered).toBeGreaterThan(0);
  });

  it('what one partition refuses is refused, and what was sent with it to another is stored', async () => {
    await newTopic(2);
    const publisher = publisherOf({ maxInFlightBatches: 1 });
    const keys = upTo(20).map((i) => `key-${i}`);
    await Promise.all(keys.map((key) => publisher.publish(event({ data: key }), { key })));
    const received = await consumeAll(broker, topic);
    const keyIn = (partition: number) =>
      JSON.parse(received.find(({ id }) => id!.startsWith(`${partition}:`))!.body).data as string;
    // For both together, of which nobody knows more, and then for whichever comes first by itself.
    await broker.pushErrors(PRODUCE, MESSAGE_TOO_LARGE, MESSAGE_TOO_LARGE);
    const publishing = [0, 1].map((i) => publisher.publish(event({ id: `e-${i}` }), { key: keyIn(i) }));
    const ends = await Promise.allSettled(publishing);
    const refused = ends.findIndex(({ status }) => status === 'rejected');
    expect(ends[1 - refused]).toEqual({ status: 'fulfilled', value: 'stored' });
    expect((ends[refused] as PromiseRejectedResult).reason.cause).toMatchObject({ code: 'WT_PUBLISH_REFUSED' });
    const ids = (await consumeAll(broker, topic)).map(({ headers }) => headers.id);
    expect(ids.filter((id) => id!.startsWith('e-'))).toEqual([`e-${1 - refused}`]);
  });

  it('what is too large for the broker is refused by itself, and what was sent with it is stored', async () => {
    await newTopic(2);
    const publisher = publisherOf({ maxInFlightBatches: 1 });
    await publisher.publish(event({ runId: 'other' }));
    // For 8 events, 4, 2 and 1.
    await broker.pushErrors(PRODUCE, ...upTo(4).map(() => MESSAGE_TOO_LARGE));
    const publishing = upTo(8).map((i) => publisher.publish(event({ id: `e-${i}`, runId: 'run' })));
    const ends = await Promise.allSettled(publishing);
    expect(ends.map(({ status }) => status)).toEqual(['rejected', ...upTo(7).map(() => 'fulfilled')]);
    const { reason } = ends[0] as PromiseRejectedResult;
    expect(reason).toMatchObject({ code: 'WT_PUBLISH_NOT_SENT', cause: { code: 'WT_PUBLISH_REFUSED' } });
    const received = (await consumeAll(broker, topic)).filter(({ body }) => JSON.parse(body).runId === 'run');
    expect(received.map(({ headers }) => headers.id)).toEqual(upTo(7).map((i) => `e-${i + 1}`));
  });

  it('a topic that is not there is WT_PUBLISH_NO_DESTINATION, within the time to connect', async () => {
    // Of its own: there are more errors than requests.
    const mine = own(await KafkaBroker.start());
    await newTopic(4, mine);
    const publisher = publisherOf({ brokers: mine.bootstrap, connectTimeoutMs: 1_000 });
    await publisher.connect();
    await mine.pushErrors(PRODUCE, ...upTo(60).map(() => UNKNOWN_TOPIC));
    const from = performance.now();
    const publishing = upTo(3).map(() => publisher.publish(event()));
    for (const promise of publishing) {
      await expect(promise).rejects.toMatchObject({
        code: 'WT_PUBLISH_NO_DESTINATION',
        details: { kind: 'topic', name: topic, outcome: 'not-sent' },
      });
    }
    expect(performance.now() - from).toBeLessThan(2_000);
    expect(publisher.stats()).toMatchObject({ notSent: 3, unknown: 0, connects: 1 });
  });

  it('a topic that is there a moment later is waited for', async () => {
    topic = `topic-${++topics}`;
    const publisher = publisherOf();
    await publisher.connect();
    await broker.pushErrors(PRODUCE, UNKNOWN_TOPIC, UNKNOWN_TOPIC);
    expect(await publisher.publish(event())).toBe('stored');
    expect((await consumeAll(broker, topic)).length).toBe(1);
  });

  it('a topic that is not for this user is refused at once', async () => {
    await newTopic(1);
    const publisher = publisherOf();
    await publisher.publish(event());
    await broker.pushErrors(PRODUCE, TOPIC_AUTHORIZATION_FAILED);
    const error = await publisher.publish(event()).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'WT_PUBLISH_NOT_SENT', cause: { code: 'WT_PUBLISH_REFUSED' } });
    expect(await publisher.publish(event())).toBe('stored');
  });

  it('a connection that fails says why, within connectTimeoutMs', async () => {
    topic = 'anything';
    const nobody = `127.0.0.1:${await freePort()}`;
    const alert = Buffer.from([21, 3, 3, 0, 2, 2, 70]);
    const servers = {
      silent: createServer(() => {}),
      tls: createTlsServer({}),
      // RFC 8446, section 6: fatal, protocol version.
      alerting: createServer((socket) => socket.once('data', () => socket.end(alert)).on('error', () => {})),
      refusing: await startSaslRefusal(),
    };
    const at = async (server: Server) => {
      if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
      return `127.0.0.1:${(server.address() as { port: number }).port}`;
    };
    const sasl = { mechanism: 'plain', username: 'me', password: 'wrong' } as const;
    const connecting = (options: Partial<KafkaPublisherOptions>) =>
      codeOf(publisherOf({ connectTimeoutMs: 3_000, ...options }).connect());
    // What is loaded is not what is measured.
    await connecting({});
    const from = performance.now();
    expect({
      nobody: await connecting({ brokers: nobody }),
      noHost: await connecting({ brokers: 'no-such-host.invalid:9092' }),
      silent: await connecting({ brokers: await at(servers.silent), connectTimeoutMs: 300 }),
      alert: await connecting({ brokers: await at(servers.alerting) }),
      plainToTls: await connecting({ brokers: await at(servers.tls) }),
      tlsToPlain: await connecting({ tls: true }),
      tlsRefused: await connecting({ brokers: await at(servers.tls), tls: true }),
      password: await connecting({ brokers: await at(servers.refusing), sasl }),
      noSasl: await connecting({ sasl }),
      oneOfTwo: await connecting({ brokers: [nobody, broker.bootstrap] }),
    }).toEqual({
      nobody: 'WT_PUBLISH_CONNECT_REFUSED',
      noHost: 'WT_PUBLISH_CONNECT_REFUSED',
      silent: 'WT_PUBLISH_CONNECT_TIMEOUT',
      alert: 'WT_PUBLISH_CONNECT_TLS',
      plainToTls: 'WT_PUBLISH_CONNECT_REFUSED',
      // The mock takes the greeting for the length of a request, and waits for the rest or does not.
      tlsToPlain: expect.stringMatching(/_(REFUSED|TIMEOUT)$/),
      tlsRefused: 'WT_PUBLISH_CONNECT_TLS',
      password: 'WT_PUBLISH_CONNECT_AUTH',
      // To the other client, the broker has only ended the connection.
      noSasl: client === 'kafkajs' ? 'WT_PUBLISH_CONNECT_AUTH' : 'WT_PUBLISH_CONNECT_REFUSED',
      oneOfTwo: 'resolved with undefined',
    });
    expect(performance.now() - from).toBeLessThan(6_000);
    for (const server of Object.values(servers)) server.close();
  });

  it('a broker that ends connections while they are made, as one that starts does, loses nothing', async () => {
    await newTopic();
    let refused = 0;
    const starting = createServer((socket) => {
      refused++;
      socket.destroy();
    });
    await once(starting.listen(0, '127.0.0.1'), 'listening');
    const { port } = starting.address() as { port: number };
    const publisher = publisherOf({ brokers: `127.0.0.1:${port}`, retry: { initialMs: 10, maxMs: 20 } });
    const publishing = publisher.publish(event());
    await until(() => refused > 3);
    const closed = once(starting, 'close');
    starting.close();
    await closed;
    const proxy = createServer((socket) => {
      const server = connect(broker.port, '127.0.0.1').on('error', () => socket.destroy());
      socket
        .on('error', () => server.destroy())
        .pipe(server)
        .pipe(socket);
    });
    await once(proxy.listen(port, '127.0.0.1'), 'listening');
    expect(await publishing).toBe('stored');
    await publisher.close();
    proxy.close();
  });

  it('publishers of one cluster share a connection, which ends with the last of them', async () => {
    await newTopic();
    const pool = new ConnectionPool();
    const first = publisherOf({ pool });
    const second = publisherOf({ pool, topic: 'other', compression: 'gzip' });
    await Promise.all([first.publish(event()), second.publish(event())]);
    expect(pool.usage()).toMatchObject([{ holders: 2, state: 'open' }]);
    await first.close();
    expect(await second.publish(event())).toBe('stored');
    await second.close();
    expect(pool.usage()).toEqual([]);
  });

  it('an idle connection is asked whether it lives, and one that ended is noticed', async () => {
    const mine = own(await KafkaBroker.start());
    topic = 'orders';
    const pool = new ConnectionPool({ healthCheckIntervalMs: 20 });
    const publisher = publisherOf({ brokers: mine.bootstrap, pool });
    await publisher.publish(event());
    await until(() => pool.usage()[0]!.checks > 2);
    expect(publisher.stats()).toMatchObject({ state: 'connected', connects: 1 });
    const unasked = publisherOf({ brokers: mine.bootstrap, pool: new ConnectionPool({ healthCheckIntervalMs: 0 }) });
    await unasked.publish(event());
    await mine.down();
    await until(() => publisher.stats().state !== 'connected' && unasked.stats().state !== 'connected');
    await mine.up();
    expect(await publisher.publish(event())).toBe('stored');
  });
});

describe('KafkaPublisher', () => {
  it('refuses wrong options by name', () => {
    const make = (options: object) => () => new KafkaPublisher(options as KafkaPublisherOptions);
    expect(make({ brokers: 'localhost' })).toThrow(/localhost: it is not host:port/);
    expect(make({ brokers: ['kafka://a:1'] })).toThrow(/Cannot connect to kafka:\/\/a:1/);
    expect(make({ brokers: [] })).toThrow(/brokers must be/);
    expect(make({ brokers: 'a:70000' })).toThrow(/not host:port/);
    expect(make({ topic: 'a b' })).toThrow(/topic must be/);
    expect(make({ topic: '..' })).toThrow(/topic must be/);
    expect(make({ acks: 0 })).toThrow(/acks must be -1 or 1, not/);
    expect(make({ compression: 'brotli' })).toThrow(/compression must be one of none, gzip, snappy, lz4, zstd/);
    expect(make({ client: 'kafkajs', compression: 'zstd' })).toThrow(/compression zstd needs client 'platformatic'/);
    expect(make({ client: 'rdkafka' })).toThrow(/client must be one of auto, platformatic, kafkajs/);
    expect(make({ tls: 'yes' })).toThrow(/tls must be/);
    expect(make({ sasl: { mechanism: 'gssapi', username: '', password: '' } })).toThrow(/sasl.mechanism must be one/);
    expect(make({ sasl: { mechanism: 'plain', username: 'me' } })).toThrow(/sasl.password must be a text/);
    expect(make({ bootstrapServers: 'a:1' })).toThrow(/bootstrapServers/);
  });

  it.runIf(!isNode22)('says which Node.js @platformatic/kafka needs', async () => {
    for (const options of [{ client: 'platformatic' }, { compression: 'zstd' }] as const) {
      const publisher = own(new KafkaPublisher({ brokers: broker.bootstrap, ...options }));
      await expect(publisher.publish(event())).rejects.toThrow(/@platformatic\/kafka needs Node.js 22 or later/);
      expect(await codeOf(publisher.connect())).toBe('WT_PUBLISH_NO_CLIENT');
    }
  });
});
