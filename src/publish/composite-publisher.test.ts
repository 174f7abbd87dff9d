import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { PassThrough, Writable } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { Scope } from '../scope/index.js';
import {
  type CompositeFailure,
  CompositePublisher,
  ConsolePublisher,
  type EventInput,
  RedisPublisher,
} from './index.js';

const event: EventInput = { event: 'node_execution', eventType: 'end', runId: 'run-1' };
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

/** Writes to a stream of its own; `events()` is what has been written. */
function child(name: string, options: { maxEventBytes?: number } = {}) {
  const stream = new PassThrough({ highWaterMark: 2 ** 24 });
  const publisher = new ConsolePublisher({ name, stream, indent: 0, ...options });
  open.push(publisher);
  const events = () =>
    String(stream.read() ?? '')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { publisher, events };
}

function failing(name: string) {
  const stream = new PassThrough();
  stream.end();
  const publisher = new ConsolePublisher({ name, stream });
  open.push(publisher);
  return publisher;
}

/** One whose stream takes nothing until `go()`. */
function slow(name: string) {
  const calls: (() => void)[] = [];
  const stream = new Writable({ write: (_chunk, _encoding, done) => void calls.push(done) });
  const publisher = new ConsolePublisher({ name, stream });
  open.push(publisher);
  const go = () => {
    for (const call of calls.splice(0)) call();
  };
  return { publisher, go, isAsked: () => calls.length > 0 };
}

const turn = () => new Promise(setImmediate);

it('CompositePublisher.publish() gives every child the same event, in the same order', async () => {
  const [a, b] = [child('a'), child('b')];
  const composite = new CompositePublisher({ children: [a.publisher, { publisher: b.publisher }] });
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => composite.publish(event)));
  expect(new Set(outcomes)).toEqual(new Set(['stored']));
  const events = a.events();
  expect(events.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect(new Set(events.map(({ id }) => id)).size).toBe(300);
  expect(b.events()).toEqual(events);
  expect(composite.stats()).toMatchObject({ name: 'composite', accepted: 600, confirmed: 600, state: 'connected' });
  await composite.close();
});

it('CompositePublisher.publish() waits for all required children, and for no other', async () => {
  const [a, required, effort] = [child('a'), slow('required'), slow('effort')];
  const composite = new CompositePublisher({
    children: [a.publisher, required.publisher, { publisher: effort.publisher, policy: 'best-effort' }],
  });
  let outcome: unknown;
  const publishing = composite.publish(event).then((value) => {
    outcome = value;
  });
  while (!required.isAsked() || !effort.isAsked()) await turn();
  await turn();
  expect(outcome).toBeUndefined();
  required.go();
  await publishing;
  expect(outcome).toBe('stored');
  effort.go();
  expect(await composite.close()).toMatchObject({ status: 'completed', confirmed: 3 });
});

it('CompositePublisher.publish() fails with what became of the event at each child', async () => {
  const a = child('a');
  const composite = new CompositePublisher({ children: [failing('first'), a.publisher, failing('last')] });
  const error = await composite.publish({ ...event, id: 'one' }).catch((error) => error);
  expect(error).toMatchObject({
    code: 'WT_PUBLISH_PARTIAL',
    message: 'composite could not publish to 2 of 3 publishers: first, last',
    details: {
      // One has it.
      outcome: 'unknown',
      done: ['a'],
      failed: [
        { name: 'first', code: 'WT_PUBLISH_NOT_SENT', outcome: 'not-sent' },
        { name: 'last', code: 'WT_PUBLISH_NOT_SENT', outcome: 'not-sent' },
      ],
    },
  });
  expect(error.cause).toBeInstanceOf(AggregateError);
  expect(error.cause.errors).toHaveLength(2);
  expect(a.events()).toMatchObject([{ id: 'one' }]);
  composite.remove(a.publisher);
  await expect(composite.publish(event)).rejects.toMatchObject({ details: { outcome: 'not-sent', done: [] } });
  await composite.close();
});

it('CompositePublisher counts and tells what a best-effort child does not take', async () => {
  const told: CompositeFailure[] = [];
  const a = child('a');
  const effort = failing('effort');
  const composite = new CompositePublisher({
    children: [{ publisher: effort, policy: 'best-effort' }, a.publisher],
    onFailure: (failure) => told.push(failure),
  });
  expect(await composite.publish({ ...event, id: 'one' })).toBe('stored');
  expect(composite.stats().bestEffortFailures).toBe(1);
  expect(told).toMatchObject([{ publisher: 'effort', eventId: 'one', error: { code: 'WT_PUBLISH_NOT_SENT' } }]);
  composite.remove(a.publisher);
  expect(await composite.publish(event)).toBe('accepted');
  await composite.close();
});

it('CompositePublisher.publish() tells of a fault of the event as each child does', async () => {
  const composite = new CompositePublisher({ children: [child('a').publisher, child('b').publisher] });
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  await expect(composite.publish({ ...event, data: circle })).rejects.toMatchObject({
    code: 'WT_PUBLISH_NOT_ENCODABLE',
  });
  await expect(composite.publish({ ...event, data: 1n })).rejects.toMatchObject({ code: 'WT_PUBLISH_NOT_ENCODABLE' });
  await expect(composite.publish({} as EventInput)).rejects.toMatchObject({ code: 'WT_PUBLISH_INVALID_EVENT' });
  composite.add(child('small', { maxEventBytes: 10 }).publisher);
  await expect(composite.publish(event)).rejects.toMatchObject({
    code: 'WT_PUBLISH_PARTIAL',
    details: { failed: [{ name: 'small', code: 'WT_PUBLISH_TOO_LARGE', outcome: 'not-sent' }] },
  });
  await composite.close();
});

it('CompositePublisher takes and gives back children at run time', async () => {
  const [a, b] = [child('a'), child('b')];
  const composite = new CompositePublisher();
  await expect(composite.publish(event)).rejects.toMatchObject({ code: 'WT_PUBLISH_NOT_SENT' });
  composite.add(a.publisher);
  composite.add(b.publisher);
  expect(() => composite.add(a.publisher)).toThrow(RangeError);
  expect(() => composite.add(composite)).toThrow(RangeError);
  expect(() => composite.add({} as never)).toThrow(TypeError);
  expect(() => composite.add(child('c').publisher, 'maybe' as never)).toThrow(/policy/);
  await composite.publish(event);
  expect([composite.remove(b.publisher), composite.remove(b.publisher)]).toEqual([true, false]);
  await composite.publish(event);
  expect([a.events().length, b.events().length]).toEqual([2, 1]);
  await composite.close();
  expect([a.publisher.isClosed, b.publisher.isClosed]).toEqual([true, false]);
});

it('CompositePublisher.close() sums and lists what its children say, and is closed for good', async () => {
  const composite = new CompositePublisher({ name: 'all', children: [child('a').publisher, failing('b')] });
  composite.publish(event).catch(() => {});
  const closing = composite.close();
  await expect(composite.publish(event)).rejects.toMatchObject({ code: 'WT_PUBLISH_CLOSED' });
  await expect(composite.connect()).rejects.toMatchObject({ code: 'WT_PUBLISH_CLOSED' });
  expect(() => composite.add(child('c').publisher)).toThrow(/closed/);
  const report = await closing;
  expect(report).toMatchObject({
    status: 'completed',
    accepted: 2,
    confirmed: 1,
    failed: 1,
    remaining: 0,
    children: [
      { name: 'a', report: { accepted: 1, confirmed: 1 } },
      { name: 'b', report: { accepted: 1, failed: 1 } },
    ],
  });
  expect(await composite.close()).toBe(report);
  expect([composite.isClosed, composite.stats().state]).toEqual([true, 'closed']);
});

it('CompositePublisher.close() and flush() are over at one deadline for all children, and name who is late', async () => {
  const [a, b, c] = [slow('a'), slow('b'), child('c')];
  const composite = new CompositePublisher({ children: [a.publisher, b.publisher, c.publisher] });
  const published = composite.publish(event).catch((error) => error);
  const flushedAt = performance.now();
  await expect(composite.flush({ timeoutMs: 100 })).rejects.toMatchObject({
    code: 'WT_PUBLISH_PARTIAL',
    details: {
      failed: [
        { name: 'a', code: 'WT_PUBLISH_FLUSH_TIMEOUT' },
        { name: 'b', code: 'WT_PUBLISH_FLUSH_TIMEOUT' },
      ],
      done: ['c'],
    },
  });
  expect(performance.now() - flushedAt).toBeLessThan(1_000);
  const report = await composite.close({ timeoutMs: 100 });
  expect(report).toMatchObject({ status: 'timeout', accepted: 3, confirmed: 1, remaining: 2 });
  expect(report.durationMs).toBeLessThan(1_000);
  expect(await published).toMatchObject({ code: 'WT_PUBLISH_PARTIAL', details: { outcome: 'unknown' } });
});

it('CompositePublisher.close() leaves children open that are not its own, and waits for what they got from it', async () => {
  const [a, b] = [child('a'), slow('b')];
  const composite = new CompositePublisher({ children: [a.publisher, b.publisher], ownsChildren: false });
  await a.publisher.publish(event);
  const published = composite.publish(event).catch((error) => error);
  expect(await composite.close({ timeoutMs: 50 })).toMatchObject({
    status: 'timeout',
    accepted: 2,
    confirmed: 1,
    remaining: 1,
    children: [
      { name: 'a', report: { status: 'completed' } },
      { name: 'b', report: { status: 'timeout' } },
    ],
  });
  b.go();
  expect(await published).toBe('stored');
  expect(await a.publisher.publish(event)).toBe('stored');
});

it('CompositePublisher outlives a child that throws, rejects and hangs', async () => {
  const rude = {
    name: 'rude',
    isClosed: false,
    publish: () => {
      throw new Error('not today');
    },
    flush: () => new Promise<never>(() => {}),
    connect: () => Promise.reject(new Error('no')),
    close: () => Promise.reject(new Error('nor this')),
    stats: () => child('stats').publisher.stats(),
    [Symbol.asyncDispose]: async () => {},
  };
  const hung = { ...rude, name: 'hung', close: () => new Promise<never>(() => {}) };
  const a = child('a');
  const composite = new CompositePublisher({ children: [rude, a.publisher, hung] });
  await expect(composite.publish(event)).rejects.toMatchObject({ code: 'WT_PUBLISH_PARTIAL' });
  await expect(composite.connect()).rejects.toMatchObject({ details: { done: ['a'] } });
  await expect(composite.flush({ timeoutMs: 50 })).rejects.toMatchObject({ details: { done: ['a'] } });
  const report = await composite.close({ timeoutMs: 50 });
  expect(report).toMatchObject({ status: 'timeout', accepted: 1, confirmed: 1, stuck: 'rude, hung' });
  expect(report.children.map(({ name, error }) => [name, error?.message.slice(0, 8)])).toEqual([
    ['rude', 'nor this'],
    ['a', undefined],
    ['hung', 'hung has'],
  ]);
});

it('CompositePublisher connects all, is closed by its scope, and fails by name at a broker that does not answer', async () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const redis = new RedisPublisher({ url: `redis://127.0.0.1:${port}`, name: 'redis', connectTimeoutMs: 100 });
  const a = child('a');
  const scope = new Scope('test');
  const composite = new CompositePublisher({ children: [a.publisher, redis], scope });
  await expect(composite.connect()).rejects.toMatchObject({
    details: { failed: [{ name: 'redis', code: 'WT_PUBLISH_CONNECT_TIMEOUT' }], done: ['a'] },
  });
  await scope.close();
  expect([composite.isClosed, redis.isClosed, a.publisher.isClosed]).toEqual([true, true, true]);
  for (const socket of sockets) socket.destroy();
  server.close();
});

it('CompositePublisher names the option that is wrong', () => {
  const make = (options: object) => () => new CompositePublisher(options as never);
  expect(make({ publishers: [] })).toThrow(/"publishers"/);
  expect(make({ children: 1 })).toThrow(/children/);
  expect(make({ children: [{}] })).toThrow(/Publisher/);
  expect(make({ children: [{ publisher: child('a').publisher, polícy: 'required' }] })).toThrow(/polícy/);
  expect(make({ ownsChildren: 1 })).toThrow(/ownsChildren/);
  expect(make({ onFailure: 1 })).toThrow(/onFailure/);
  expect(make({ name: '' })).toThrow(/name/);
});
