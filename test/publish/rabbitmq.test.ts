import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Connection } from 'rabbitmq-client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { descriptorCount, until } from '../../src/children/processes.fixture.js';
import { ConnectionPool, RabbitMQPublisher, type RabbitMQPublisherOptions } from '../../src/publish/index.js';
import { consumeAll, FaultProxy, RabbitBroker, type Received } from '../brokers/index.js';
import { controlTimer } from './control-timer.fixture.js';
import { administer, alarm, bind, eventOf } from './rabbitmq.fixture.js';

/** One for all tests: it starts in 5 s. Each test has an exchange and a queue of its own. */
let broker: RabbitBroker;
beforeAll(async () => {
  broker = await RabbitBroker.start();
});
afterAll(() => broker.stop());

const publishers: RabbitMQPublisher[] = [];
afterEach(async () => {
  await Promise.all(publishers.splice(0).map((publisher) => publisher.close({ timeoutMs: 2_000 })));
});

function publisherOf(options: Partial<RabbitMQPublisherOptions> = {}): RabbitMQPublisher {
  const publisher = new RabbitMQPublisher({ url: broker.url, pool: new ConnectionPool(), ...options });
  publishers.push(publisher);
  return publisher;
}

const coded = (code: string, message = /./) =>
  expect.objectContaining({ code: `WT_PUBLISH_${code}`, message: expect.stringMatching(message) });
const outcomeOf = (publishing: Promise<unknown>): Promise<string> =>
  publishing.then(
    () => 'stored',
    (error) => error.details.outcome,
  );
const sequencesOf = (received: readonly Received[], runId: string): number[] =>
  received.map(({ body }) => JSON.parse(body)).flatMap((event) => (event.runId === runId ? [event.sequence] : []));
const count = (length: number) => Array.from({ length }, (_, index) => index);
const addressOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port;

it('publish() stores events in the order of their keys, as persistent messages that another client reads', async () => {
  await bind(broker, 'orders', 'orders');
  const publisher = publisherOf({ exchange: 'orders', maxBatchEvents: 7 });
  const runs = ['a', 'b', 'c', 'd', 'e'];
  const publishing = count(200).flatMap(() => runs.map((run) => publisher.publish(eventOf(run))));
  expect(new Set(await Promise.all(publishing))).toEqual(new Set(['stored']));
  const received = await consumeAll(broker, 'orders');
  for (const run of runs) expect(sequencesOf(received, run)).toEqual(count(200));
  expect(received.map(({ id }) => id)).toEqual(received.map(({ body }) => JSON.parse(body).id));
  expect(received.filter(({ headers }) => Object.keys(headers).length > 0)).toEqual([]);

  const reader = new Connection(broker.url);
  const message = await reader.basicGet('orders');
  await reader.close();
  expect(message).toMatchObject({
    routingKey: 'events',
    messageId: received[0]?.id,
    durable: true,
    contentType: 'application/json',
    body: { event: 'llm_call', runId: 'a', sequence: 0 },
  });
});

it('close() right after 10,000 publishes stores all of them, and settles every promise', async () => {
  await bind(broker, 'burst', 'burst');
  const publisher = publisherOf({ exchange: 'burst' });
  const publishing = count(10_000).map(() => publisher.publish(eventOf('burst')));
  const report = await publisher.close();
  expect(report).toMatchObject({ status: 'completed', accepted: 10_000, confirmed: 10_000, failed: 0, remaining: 0 });
  expect(new Set(await Promise.all(publishing))).toEqual(new Set(['stored']));
  expect(sequencesOf(await consumeAll(broker, 'burst'), 'burst')).toEqual(count(10_000));
});

it('what publish() resolved before, while and after the broker was killed is there, in order; what is twice has one id', async () => {
  await bind(broker, 'killed', 'killed');
  const publisher = publisherOf({ exchange: 'killed' });
  const stored: { run: string; sequence: number }[] = [];
  let isBack = false;
  const work = async (run: string) => {
    for (let sequence = 0; !isBack || sequence < 20; sequence++) {
      await publisher.publish(eventOf(run));
      stored.push({ run, sequence });
    }
  };
  const runs = count(40).map((run) => `run-${run}`);
  const working = runs.map(work);
  await until(() => stored.length > 1_000);
  await broker.kill9();
  // Some 5 s.
  await broker.restart();
  isBack = true;
  await Promise.all(working);
  expect(publisher.stats()).toMatchObject({ connects: 2, notSent: 0, unknown: 0 });

  const received = await consumeAll(broker, 'killed');
  const first = [...new Map(received.toReversed().map((message) => [message.id, message])).values()].toReversed();
  for (const run of runs) {
    const count = stored.filter((event) => event.run === run).length;
    expect(sequencesOf(first, run)).toEqual(Array.from({ length: count }, (_, index) => index));
  }
  expect(received.length - first.length).toBeLessThanOrEqual(runs.length);
});

it('events whose confirmations were lost are sent again with the same id, marked as redelivered', async () => {
  await bind(broker, 'unheard', 'unheard');
  await using proxy = await FaultProxy.start(broker);
  const publisher = publisherOf({ url: `amqp://127.0.0.1:${proxy.port}`, exchange: 'unheard' });
  await publisher.connect();
  proxy.swallowReplies();
  const publishing = count(500).map(() => publisher.publish(eventOf('run')));
  await until(() => proxy.usage().swallowed > 0);
  await expect.poll(async () => (await consumeAll(broker, 'unheard')).length, { interval: 50 }).toBe(500);
  await proxy.heal();
  proxy.drop();
  expect(new Set(await Promise.all(publishing))).toEqual(new Set(['stored']));
  expect(publisher.stats()).toMatchObject({ confirmed: 500, redelivered: 500, connects: 2 });
  const received = await consumeAll(broker, 'unheard');
  expect(sequencesOf(received, 'run')).toEqual([...count(500), ...count(500)]);
  expect(received.slice(500).map(({ id }) => id)).toEqual(received.slice(0, 500).map(({ id }) => id));
  const marks = received.map(({ headers }) => headers.redelivered);
  expect([new Set(marks.slice(0, 500)), new Set(marks.slice(500))]).toEqual([new Set([undefined]), new Set(['1'])]);
});

it('an event whose confirmation does not come in its time has failed as unknown, and may be stored', async () => {
  await bind(broker, 'ghost', 'ghost');
  await using proxy = await FaultProxy.start(broker);
  const publisher = publisherOf({ url: `amqp://127.0.0.1:${proxy.port}`, exchange: 'ghost' });
  await publisher.connect();
  proxy.swallowReplies();
  await expect(publisher.publish(eventOf('run'), { timeoutMs: 300 })).rejects.toEqual(coded('UNKNOWN'));
  expect(await consumeAll(broker, 'ghost')).toHaveLength(1);
});

it('a connection that does not answer within requestTimeoutMs is made anew', async () => {
  await bind(broker, 'silent', 'silent');
  await using proxy = await FaultProxy.start(broker);
  const url = `amqp://127.0.0.1:${proxy.port}`;
  const publisher = publisherOf({ url, exchange: 'silent', requestTimeoutMs: 3_000 });
  await publisher.publish(eventOf('run'));
  proxy.stall();
  const publishing = publisher.publish(eventOf('run'));
  await until(() => publisher.stats().state !== 'connected');
  await proxy.heal();
  expect(await publishing).toBe('stored');
  expect(publisher.stats()).toMatchObject({ connects: 2, confirmed: 2 });
});

it('while the broker is short of memory events wait, are told why, and go out when it is over', async () => {
  await bind(broker, 'alarm', 'alarm');
  const publisher = publisherOf({ exchange: 'alarm', requestTimeoutMs: 3_000 });
  await publisher.publish(eventOf('run'));
  await alarm.raise(broker);
  try {
    // The broker tells who publishes.
    const early: Promise<unknown>[] = [];
    await until(() => {
      early.push(publisher.publish(eventOf('run')));
      return publisher.stats().lastError?.includes('low on memory');
    });
    const late = publisher.publish(eventOf('other'), { timeoutMs: 4_000 });
    await expect(late).rejects.toEqual(coded('NOT_SENT', /takes no messages for now: low on memory/));
    // More than one requestTimeoutMs later.
    expect(publisher.stats()).toMatchObject({ state: 'connected', connects: 1 });
    await alarm.clear(broker);
    expect(new Set(await Promise.all(early))).toEqual(new Set(['stored']));
    expect(sequencesOf(await consumeAll(broker, 'alarm'), 'run')).toEqual(count(early.length + 1));
  } finally {
    await alarm.clear(broker);
  }
});

it('close() during an alarm ends at its deadline, settles every promise and names what hangs', async () => {
  await bind(broker, 'stuck', 'stuck');
  const pool = new ConnectionPool();
  const publisher = publisherOf({ exchange: 'stuck', pool });
  await publisher.publish(eventOf('run'));
  const descriptors = descriptorCount();
  await alarm.raise(broker);
  try {
    const publishing: Promise<unknown>[] = [];
    await until(() => {
      publishing.push(publisher.publish(eventOf('run')));
      return publisher.stats().lastError?.includes('low on memory');
    });
    const deadline = controlTimer(1_000);
    const { durationMs, ...report } = await publisher.close({ timeoutMs: 1_000 });
    expect(durationMs).toBeLessThanOrEqual(deadline() + 50);
    expect(report).toMatchObject({ status: 'timeout', stuck: expect.stringContaining('stuck') });
    expect(report.remaining).toBeGreaterThan(0);
    const outcomes = await Promise.all(publishing.map(outcomeOf));
    expect(outcomes.filter((outcome) => outcome !== 'stored')).toHaveLength(report.remaining);
    expect(pool.usage()).toEqual([]);
    await until(() => descriptorCount() < descriptors);
  } finally {
    await alarm.clear(broker);
  }
});

for (const [what, fault] of [
  ['is stopped', () => broker.pause()],
  ['was killed', () => broker.kill9()],
] as const) {
  it(`a program whose broker ${what} closes its publisher in time, and ends`, async () => {
    const fixture = fileURLToPath(new URL('./rabbitmq-close.fixture.ts', import.meta.url));
    const child = broker.children.start(process.execPath, ['--import', 'tsx', fixture, broker.url, 'dead']);
    try {
      const lines: string[] = [];
      for await (const line of child.lines('stdout')) {
        lines.push(line);
        if (line !== 'connected') continue;
        await fault();
        process.kill(child.pid, 'SIGUSR2');
      }
      const { code, stderr } = await child.ended;
      expect([code, stderr.text]).toEqual([0, '']);
      const report = JSON.parse(lines[1] as string);
      expect(report).toMatchObject({ status: 'timeout', accepted: 101, confirmed: 1, remaining: 100, isInTime: true });
      expect(report.outcomes).not.toContain('stored');
      expect('stuck' in report).toBe(what === 'is stopped');
    } finally {
      await child.end({ graceMs: 0 });
      broker.resume();
      if (what === 'was killed') await broker.restart();
    }
  });
}

it('an event that no queue takes has failed; with mandatory: false it is counted', async () => {
  const strict = publisherOf({ exchange: 'nowhere' });
  const same = { ...eventOf('run'), id: 'one' };
  // Returned in a row, and confirmed together.
  const outcomes = await Promise.all(count(300).map(() => outcomeOf(strict.publish(same))));
  expect(new Set(outcomes)).toEqual(new Set(['not-sent']));
  await expect(strict.publish(eventOf('run'))).rejects.toEqual(
    coded('NO_DESTINATION', /there is no queue bound for the routing key events/),
  );
  const lenient = publisherOf({ exchange: 'nowhere', mandatory: false });
  expect(await lenient.publish(eventOf('run'))).toBe('stored');
  expect([lenient.stats().unheard, lenient.stats().confirmed]).toEqual([1, 1]);
});

it('an event that a full queue refuses is tried again until there is room', async () => {
  await bind(broker, 'full', 'full', { 'x-max-length': 1, 'x-overflow': 'reject-publish' });
  const publisher = publisherOf({ exchange: 'full' });
  expect(await publisher.publish(eventOf('run'))).toBe('stored');
  const refused = publisher.publish(eventOf('other'), { timeoutMs: 400 });
  await expect(refused).rejects.toEqual(coded('NOT_SENT'));
  const waiting = publisher.publish(eventOf('run'));
  await until(() => publisher.stats().redelivered > 2);
  await administer(broker, (channel) => channel.purgeQueue('full'));
  expect(await waiting).toBe('stored');
  expect(publisher.stats().connects).toBe(1);
});

it('an event above the limit of the broker fails alone', async () => {
  await bind(broker, 'large', 'large');
  const limit = (bytes: number) => broker.ctl('eval', `application:set_env(rabbit, max_message_size, ${bytes}).`);
  const before = (
    await broker.ctl('eval', '{ok, Bytes} = application:get_env(rabbit, max_message_size), Bytes.')
  ).trim();
  await limit(2_000);
  try {
    const publisher = publisherOf({ exchange: 'large' });
    const sizes = [10, 10, 3_000, 10, 10];
    const publishing = sizes.map((size) => publisher.publish(eventOf('run', 'x'.repeat(size))));
    await expect(publishing[2]).rejects.toEqual(coded('TOO_LARGE', /limit is 2000/));
    const others = await Promise.all(publishing.toSpliced(2, 1));
    expect(new Set(others)).toEqual(new Set(['stored']));
    const ids = new Set((await consumeAll(broker, 'large')).map(({ id }) => id));
    expect(ids.size).toBe(4);
    await limit(Number(before));
    const whole = publisherOf({ exchange: 'large' });
    await whole.publish(eventOf('whole', 'y'.repeat(900_000)));
    expect((await consumeAll(broker, 'large')).at(-1)?.body).toContain('y'.repeat(900_000));
  } finally {
    await limit(Number(before));
  }
});

it('publishers to one URL share a connection; whose exchange goes loses its channel, and not the others', async () => {
  await bind(broker, 'kept', 'kept');
  await bind(broker, 'gone', 'gone');
  const pool = new ConnectionPool();
  const kept = publisherOf({ exchange: 'kept', pool });
  const gone = publisherOf({ exchange: 'gone', pool, declare: false });
  await Promise.all([kept.publish(eventOf('run')), gone.publish(eventOf('run'))]);
  expect(pool.usage()).toMatchObject([{ holders: 2, state: 'open' }]);
  await administer(broker, (channel) => channel.deleteExchange('gone'));
  await expect(gone.publish(eventOf('run'), { timeoutMs: 5_000 })).rejects.toMatchObject({
    message: expect.stringMatching(/there is no exchange gone/),
  });
  expect(await kept.publish(eventOf('run'))).toBe('stored');
  expect(kept.stats()).toMatchObject({ connects: 1, state: 'connected' });
  await bind(broker, 'gone', 'gone');
  expect(await gone.publish(eventOf('run'))).toBe('stored');
  await gone.close();
  expect(pool.usage()).toMatchObject([{ holders: 1 }]);
  expect(await kept.publish(eventOf('run'))).toBe('stored');
  await kept.close();
  expect(pool.usage()).toEqual([]);
});

it('publishers that are opened and closed leave no descriptor', async () => {
  await bind(broker, 'cycles', 'cycles');
  const cycle = async () => {
    const publisher = publisherOf({ exchange: 'cycles' });
    await publisher.publish(eventOf('run'));
    await publisher.close();
  };
  await cycle();
  const before = descriptorCount();
  for (let i = 0; i < 50; i++) await cycle();
  await until(() => descriptorCount() <= before);
});

it('who may not connect, declare or publish is told, and so is who names what there is not', async () => {
  const at = `127.0.0.1:${broker.port}`;
  await broker.ctl('add_user', 'poor', 'poor');
  await broker.ctl('set_permissions', 'poor', '^$', '^$', '.*');
  await bind(broker, 'rich', 'rich');
  const cases: [string, Partial<RabbitMQPublisherOptions>, unknown][] = [
    ['password', { url: `amqp://guest:wrong@${at}` }, coded('CONNECT_AUTH', /Login was refused/)],
    [
      'virtual host',
      { url: `amqp://guest:guest@${at}/none` },
      coded('CONNECT_REFUSED', /virtual host none is refused/),
    ],
    ['exchange', { exchange: 'none', declare: false }, coded('NO_DESTINATION', /there is no exchange none/)],
    ['type', { exchange: 'rich', exchangeType: 'fanout' }, coded('NO_DESTINATION', /no durable fanout exchange rich/)],
    ['unknown type', { exchange: 'x', exchangeType: 'none' }, coded('NO_DESTINATION', /no durable none exchange x/)],
    ['may not declare', { url: `amqp://poor:poor@${at}`, exchange: 'new' }, coded('CONNECT_AUTH', /exchange 'new'/)],
    ['scheme', { url: `amqps://guest:guest@${at}` }, coded('CONNECT_TLS')],
  ];
  for (const [what, options, error] of cases) {
    await expect(publisherOf(options).connect(), what).rejects.toEqual(error);
  }
  const poor = publisherOf({ url: `amqp://poor:poor@${at}`, exchange: 'rich', declare: false });
  await poor.connect();
  await expect(poor.publish(eventOf('run'))).rejects.toEqual(coded('CONNECT_AUTH', /exchange 'rich'/));
});

it('who leads to another server, to nobody or to a silent one is told by connectTimeoutMs', async () => {
  const web: Server = createServer().listen(0, '127.0.0.1');
  const silent = createTcpServer().listen(0, '127.0.0.1');
  try {
    await until(() => web.listening && silent.listening);
    const connect = (port: number) => publisherOf({ url: `amqp://127.0.0.1:${port}`, connectTimeoutMs: 300 }).connect();
    await expect(connect(addressOf(web))).rejects.toEqual(coded('CONNECT_PROTOCOL'));
    await expect(connect(addressOf(silent))).rejects.toEqual(coded('CONNECT_TIMEOUT', /300 ms/));
    await expect(connect(9)).rejects.toEqual(coded('CONNECT_REFUSED', /nobody listens/));
  } finally {
    web.close();
    silent.close();
  }
});

it('without amqplib it says what to install', async () => {
  const fixture = fileURLToPath(new URL('./no-amqplib.fixture.ts', import.meta.url));
  const { stdout } = await broker.children.start(process.execPath, ['--import', 'tsx', fixture]).ended;
  expect(JSON.parse(stdout.text)).toEqual({ code: 'WT_PUBLISH_NO_CLIENT', hint: 'npm install amqplib' });
});

it('new RabbitMQPublisher() refuses what it does not know, naming it', () => {
  const make = (options: object) => () => new RabbitMQPublisher({ url: broker.url, ...options });
  expect(make({ exchnage: 'x' })).toThrow(/exchnage/);
  expect(make({ exchange: 7 })).toThrow(/exchange must be a text/);
  expect(make({ routingKey: 'k'.repeat(256) })).toThrow(/routingKey must have at most 255 bytes, not 256/);
  expect(make({ durable: 'yes' })).toThrow(/durable must be a boolean/);
  expect(make({ heartbeatS: -1 })).toThrow(/heartbeatS must be a whole number/);
  expect(make({ url: 'http://127.0.0.1' })).toThrow(expect.objectContaining({ code: 'WT_PUBLISH_CONNECT_URL' }));
});
