// What every publisher has to do, asked of each in the same words, with a real broker behind it.
import { readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { EventInput, Publisher, PublisherOptions } from '../../src/publish/index.js';
import { type Broker, FaultProxy, type Received } from '../brokers/index.js';
import { Arrivals, bodyOf } from './arrivals.js';

/** One kind of publisher and its broker. */
export interface Subject<B extends Broker = Broker> {
  readonly kind: string;
  start(): Promise<B>;
  /** A publisher to `destination` of whatever listens on `port`. */
  open(port: number, destination: string, options: PublisherOptions): Publisher;
  /** Makes a destination that a publisher does not make by itself, and looks at it. */
  prepare(broker: B, destination: string): Promise<Inbox>;
  /** Stops and starts serving on the same port and with the same data; SIGKILL where the broker survives that. */
  outage?(broker: B, ms: number): Promise<void>;
  /** The broker answers all clients on its own address: a proxy in front of it is left after the first answer. */
  readonly isBehindNoProxy?: boolean;
  /** The broker keeps what nobody has read yet; else what is published during an outage of the reader is gone. */
  readonly keeps: boolean;
}

export interface Inbox {
  /** What arrived, in order of arrival. */
  received(): Promise<readonly Received[]>;
  close?(): Promise<void>;
}

const BURST = 10_000;
/** What a close may take beyond its deadline. */
const MARGIN_MS = 50;

export function describeConformance<B extends Broker>(subject: Subject<B>): void {
  describe(subject.kind, () => {
    let broker: B;
    let proxy: FaultProxy;
    const open = new Set<Publisher>();
    const inboxes: Inbox[] = [];
    let destinations = 0;

    beforeAll(async () => {
      broker = await subject.start();
      proxy = await FaultProxy.start(broker);
    });
    afterEach(async () => {
      proxy.heal();
      await proxy.accept();
      await Promise.all([...open].map((publisher) => publisher.close({ timeoutMs: 1_000 })));
      open.clear();
      for (const inbox of inboxes.splice(0)) await inbox.close?.();
    });
    afterAll(async () => {
      await proxy.close();
      await broker.stop();
    });

    async function setUp(options: PublisherOptions = {}, port = broker.port) {
      const destination = `wt.test.${process.pid}.${destinations++}`;
      const inbox = await subject.prepare(broker, destination);
      inboxes.push(inbox);
      const publisher = openAt(port, destination, options);
      return { publisher, inbox, destination };
    }

    function openAt(port: number, destination: string, options: PublisherOptions = {}): Publisher {
      const publisher = subject.open(port, destination, options);
      open.add(publisher);
      return publisher;
    }

    it('publishes what it is given, completed: id, version, time, run, number in the run', async () => {
      const { publisher, inbox } = await setUp();
      const before = Date.now();
      expect(
        await publisher.publish(anEvent({ runId: 'r1', nodeName: 'plan', data: { text: 'naïve 🙂', n: 1.5 } })),
      ).toBe('stored');
      await sleep(2);
      await publisher.publish(anEvent({ runId: 'r1', eventType: 'end' }));
      await publisher.publish(anEvent({ runId: 'r2', id: 'given-1', sequence: 7, timestamp: 1 }));
      const [first, second, third] = (await eventually(inbox, 3)).map(bodyOf);
      expect(first).toMatchObject({
        id: expect.stringMatching(/^[\w-]+$/),
        version: 1,
        event: 'node_execution',
        eventType: 'progress',
        sequence: 0,
        runId: 'r1',
        nodeName: 'plan',
        data: { text: 'naïve 🙂', n: 1.5 },
      });
      expect(first.timestamp).toBeGreaterThanOrEqual(before);
      expect(second).toMatchObject({ eventType: 'end', sequence: 1, runId: 'r1' });
      expect(second.timestamp).toBeGreaterThan(first.timestamp);
      expect(third).toMatchObject({ id: 'given-1', sequence: 7, timestamp: 1, runId: 'r2' });
    });

    it('keeps the order of each key, whatever is published beside it', async () => {
      const { publisher, inbox } = await setUp({ maxBatchEvents: 50 });
      const publishes = Array.from({ length: 3_000 }, (_, n) => publisher.publish(anEvent({ runId: `run-${n % 7}` })));
      await Promise.all(publishes);
      new Arrivals(await eventually(inbox, 3_000)).expectAll(3_000);
    });

    it(`a burst of ${BURST} that nobody awaits, then close(): all stored, every promise settled`, async () => {
      const { publisher, inbox } = await setUp({ maxBufferedEvents: 1_000 });
      const publishes = Array.from({ length: BURST }, (_, n) => publisher.publish(anEvent({ runId: `run-${n % 16}` })));
      const report = await publisher.close({ timeoutMs: 30_000 });
      expect(report).toMatchObject({
        status: 'completed',
        accepted: BURST,
        confirmed: BURST,
        dropped: 0,
        remaining: 0,
      });
      expect(await outcomesOf(publishes)).toEqual({ stored: BURST });
      new Arrivals(await eventually(inbox, BURST)).expectAll(BURST);
    });

    it('closing twice is closing once; a closed publisher refuses', async () => {
      const { publisher } = await setUp();
      await publisher.publish(anEvent());
      const [one, two] = await Promise.all([publisher.close(), publisher.close()]);
      expect(one).toBe(two);
      expect(await publisher.close()).toBe(one);
      await expect(publisher.publish(anEvent())).rejects.toMatchObject({ code: 'WT_PUBLISH_CLOSED' });
      await expect(publisher.connect()).rejects.toMatchObject({ code: 'WT_PUBLISH_CLOSED' });
    });

    it('one that is closed before its first use never connects', async () => {
      const before = proxy.usage().accepted;
      const publisher = openAt(proxy.port, 'unused');
      expect(await publisher.close()).toMatchObject({ status: 'completed', accepted: 0 });
      await expect(publisher.publish(anEvent())).rejects.toMatchObject({ code: 'WT_PUBLISH_CLOSED' });
      expect(proxy.usage().accepted).toBe(before);
    });

    it('what is no event is refused by the name of its fault, and nothing of it arrives', async () => {
      const { publisher, inbox } = await setUp({ maxEventBytes: 2_000 });
      const circle: Record<string, unknown> = {};
      circle.self = circle;
      const wrong: [unknown, string, RegExp][] = [
        [null, 'WT_PUBLISH_INVALID_EVENT', /must be an object/],
        [{ ...anEvent(), event: 'nonsense' }, 'WT_PUBLISH_INVALID_EVENT', /event must be one of graph_execution/],
        [{ ...anEvent(), colour: 'red' }, 'WT_PUBLISH_INVALID_EVENT', /colour is no field/],
        [anEvent({ id: 'a b' }), 'WT_PUBLISH_INVALID_EVENT', /id must be/],
        [anEvent({ traceparent: 'x' }), 'WT_PUBLISH_INVALID_EVENT', /traceparent/],
        [anEvent({ data: { deep: [circle] } }), 'WT_PUBLISH_NOT_ENCODABLE', /data\.deep\[0\]\.self is .*circle/],
        [anEvent({ data: { n: 1n } }), 'WT_PUBLISH_NOT_ENCODABLE', /data\.n is a bigint/],
        [anEvent({ data: [1, undefined] }), 'WT_PUBLISH_NOT_ENCODABLE', /data\[1\] is undefined/],
        [anEvent({ data: Number.NaN }), 'WT_PUBLISH_NOT_ENCODABLE', /data is NaN/],
        [anEvent({ data: () => {} }), 'WT_PUBLISH_NOT_ENCODABLE', /data is a function/],
        [anEvent({ data: new Map() }), 'WT_PUBLISH_NOT_ENCODABLE', /data is an instance of Map/],
        [anEvent({ content: 'x'.repeat(2_000) }), 'WT_PUBLISH_TOO_LARGE', /limit is 2000/],
      ];
      for (const [event, code, message] of wrong) {
        await expect(publisher.publish(event as EventInput), code).rejects.toMatchObject({
          code,
          message: expect.stringMatching(message),
          details: { outcome: 'not-sent' },
        });
      }
      await publisher.publish(anEvent({ id: 'right' }));
      expect((await eventually(inbox, 1)).map((message) => bodyOf(message).id)).toEqual(['right']);
    });

    it('an option that there is not is refused by its name', () => {
      const options = { maxBufferEvents: 5 } as PublisherOptions;
      expect(() => subject.open(broker.port, 'x', options)).toThrow(/maxBufferEvents/);
      expect(() => subject.open(broker.port, 'x', { maxBufferedEvents: 0 })).toThrow(/maxBufferedEvents/);
      expect(() => subject.open(broker.port, 'x', { overflow: 'explode' as never })).toThrow(/overflow/);
    });

    it('flush() resolves when all is settled, and says how many are not', async () => {
      const { publisher } = await setUp();
      const publishes = Array.from({ length: 100 }, () => publisher.publish(anEvent()));
      await publisher.flush();
      expect(publisher.stats()).toMatchObject({ confirmed: 100, buffered: 0 });
      await Promise.all(publishes);
    });

    it('a place where nobody listens is told within the time to connect, by connect() and publish()', async () => {
      await proxy.refuse();
      const { publisher } = await setUp({ connectTimeoutMs: 1_500 }, proxy.port);
      const started = performance.now();
      await expect(publisher.connect()).rejects.toMatchObject({
        code: 'WT_PUBLISH_CONNECT_REFUSED',
        hint: expect.stringMatching(/host and port/),
      });
      await expect(publisher.publish(anEvent())).rejects.toMatchObject({
        code: 'WT_PUBLISH_NOT_SENT',
        cause: { code: 'WT_PUBLISH_CONNECT_REFUSED' },
      });
      expect(performance.now() - started).toBeLessThan(2 * 1_500);
    });

    it('a socket that is silent from the beginning is given up when the time to connect is over', async () => {
      proxy.stall();
      const { publisher } = await setUp({ connectTimeoutMs: 400 }, proxy.port);
      const started = performance.now();
      await expect(publisher.connect()).rejects.toMatchObject({ code: 'WT_PUBLISH_CONNECT_TIMEOUT' });
      expect(performance.now() - started).toBeLessThan(1_500);
    });

    it('one that is closed while it connects leaves no socket behind', async () => {
      const sockets = new Set<Socket>();
      const silent = createServer((socket) => {
        sockets.add(socket.resume().on('error', () => {}));
        socket.on('close', () => sockets.delete(socket));
      }).listen(0, '127.0.0.1');
      await new Promise((resolve) => silent.once('listening', resolve));
      const { port } = silent.address() as AddressInfo;
      const publisher = openAt(port, 'unused', { connectTimeoutMs: 50_000 });
      const publishing = publisher.publish(anEvent());
      await until(() => sockets.size > 0);
      expect(await publisher.close({ timeoutMs: 200 })).toMatchObject({ remaining: 1 });
      expect(await outcomesOf([publishing])).toEqual({ 'not-sent': 1 });
      await until(() => sockets.size === 0);
      await new Promise((resolve) => silent.close(resolve));
    }, 20_000);

    it('a broker that is away at close(): over at the deadline, every promise settled, the rest counted', async () => {
      await proxy.refuse();
      const { publisher } = await setUp({ connectTimeoutMs: 20_000 }, proxy.port);
      const publishes = Array.from({ length: 1_000 }, () => publisher.publish(anEvent()));
      const started = performance.now();
      const report = await publisher.close({ timeoutMs: 600 });
      expect(performance.now() - started).toBeLessThan(600 + MARGIN_MS);
      expect(report).toMatchObject({ status: 'timeout', accepted: 1_000, confirmed: 0, remaining: 1_000 });
      expect(await outcomesOf(publishes)).toEqual({ 'not-sent': 1_000 });
    });

    const faultsBetween = () => {
      it('a connection that falls silent: unknown at the deadline of the event, over at the deadline of close()', async () => {
        const { publisher } = await setUp({}, proxy.port);
        await publisher.publish(anEvent());
        proxy.stall();
        await expect(publisher.publish(anEvent(), { timeoutMs: 200 })).rejects.toMatchObject({
          code: 'WT_PUBLISH_UNKNOWN',
          details: { outcome: 'unknown' },
        });
        const started = performance.now();
        const publishes = Array.from({ length: 100 }, () => publisher.publish(anEvent()));
        const report = await publisher.close({ timeoutMs: 500 });
        expect(performance.now() - started).toBeLessThan(500 + MARGIN_MS);
        expect(report).toMatchObject({ status: 'timeout', remaining: 100, stuck: expect.any(String) });
        const { unknown = 0, 'not-sent': notSent = 0 } = await outcomesOf(publishes);
        expect(unknown + notSent).toBe(100);
      });

      it('answers that get lost: what resolved is there, in order, and what is there twice has one id', async () => {
        const { publisher, inbox } = await setUp({ maxBatchEvents: 20 }, proxy.port);
        await publisher.publish(anEvent({ runId: 'run-0' }));
        const publishes: Promise<unknown>[] = [];
        for (let n = 0; n < 100; n++) {
          if (n === 20) proxy.swallowReplies();
          if (n === 50) {
            proxy.drop();
            proxy.heal();
          }
          for (let i = 0; i < 10; i++) publishes.push(publisher.publish(anEvent({ runId: `run-${i % 3}` })));
          await sleep(5);
        }
        expect(await outcomesOf(publishes)).toEqual({ stored: 1_000 });
        const received = await eventually(inbox, 1_001);
        new Arrivals(received).expectAll(1_001);
        // On their way at most: a batch of each lane.
        expect(received.length).toBeLessThanOrEqual(1_001 + 4 * 20 * 2);
      });

      it.each(['block', 'reject', 'drop-newest', 'drop-oldest'] as const)(
        'a full buffer keeps its limit: %s',
        async (overflow) => {
          const { publisher, inbox } = await setUp(
            { maxBufferedEvents: 100, maxBatchEvents: 10, maxInFlightBatches: 1, overflow },
            proxy.port,
          );
          await publisher.connect();
          proxy.stall();
          const publishes = Array.from({ length: 250 }, () => publisher.publish(anEvent()));
          await sleep(50);
          expect(publisher.stats()).toMatchObject({ buffered: 100, waiting: overflow === 'block' ? 150 : 0 });
          proxy.heal();
          await publisher.flush();
          const outcomes = await outcomesOf(publishes);
          if (overflow === 'block') expect(outcomes).toEqual({ stored: 250 });
          else expect(outcomes).toEqual({ stored: 100, 'not-sent': 150 });
          const sequences = (await eventually(inbox, outcomes.stored as number)).map((one) => bodyOf(one).sequence);
          if (overflow === 'drop-oldest') {
            // What was on its way already could not be dropped.
            expect(sequences.slice(-90)).toEqual(Array.from({ length: 90 }, (_, n) => 160 + n));
            expect(publisher.stats()).toMatchObject({ dropped: 150 });
          } else expect(sequences).toEqual(Array.from({ length: overflow === 'block' ? 250 : 100 }, (_, n) => n));
        },
      );

      it('publishers of one place share one connection, until the last has closed', async () => {
        const before = proxy.usage();
        const { publisher, destination } = await setUp({}, proxy.port);
        const other = openAt(proxy.port, destination);
        await Promise.all([publisher.publish(anEvent()), other.publish(anEvent())]);
        expect(proxy.usage().accepted - before.accepted).toBe(1);
        await publisher.close();
        expect(await other.publish(anEvent())).toBe('stored');
        expect(proxy.usage().accepted - before.accepted).toBe(1);
        await other.close();
        await until(() => proxy.usage().open === before.open);
      });
    };
    if (!subject.isBehindNoProxy) describe('between it and the broker', faultsBetween);

    const rideOut = async (outage: NonNullable<Subject<B>['outage']>) => {
      const { publisher, inbox } = await setUp({ maxBufferedEvents: 500 });
      const publishes: Promise<unknown>[] = [];
      let isOver = false;
      const publishing = (async () => {
        for (let n = 0; !isOver || n < 400; n++) {
          for (let i = 0; i < 5; i++) publishes.push(publisher.publish(anEvent({ runId: `run-${i}` })));
          await sleep(5);
        }
      })();
      await until(() => publisher.stats().confirmed > 100);
      await outage(broker, 500);
      isOver = true;
      await publishing;
      expect(await outcomesOf(publishes)).toEqual({ stored: publishes.length });
      expect(publisher.stats().connects).toBeGreaterThan(1);
      if (subject.keeps) new Arrivals(await eventually(inbox, publishes.length)).expectAll(publishes.length);
    };
    const { outage } = subject;
    if (outage) {
      it('an outage: what resolved is there, in order, and the program never notices', () => rideOut(outage));
    }

    it('a hundred of them, opened, used and closed, leave nothing open', async () => {
      const destination = (await setUp()).destination;
      const cycle = async () => {
        const publisher = subject.open(broker.port, destination, {});
        await publisher.publish(anEvent());
        await publisher.close();
      };
      for (let n = 0; n < 5; n++) await cycle();
      const before = held();
      for (let n = 0; n < 100; n++) await cycle();
      await until(() => held() <= before);
    });
  });
}

export function anEvent(fields: Partial<EventInput> = {}): EventInput {
  return { event: 'node_execution', eventType: 'progress', runId: 'run-0', ...fields };
}

/** Waits until so many different events have arrived. */
async function eventually(inbox: Inbox, count: number): Promise<readonly Received[]> {
  for (;;) {
    const received = await inbox.received();
    if (new Set(received.map((message) => bodyOf(message).id)).size >= count) return received;
    await sleep(20);
  }
}

export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5);
}

/** How many ended in which way; a promise that never settles fails the test by its time. */
export async function outcomesOf(publishes: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const note = (outcome: string) => {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  };
  await Promise.all(
    publishes.map((publish) =>
      publish.then(
        (outcome) => note(String(outcome)),
        (error) => note(error.details?.outcome ?? String(error)),
      ),
    ),
  );
  return counts;
}

/** Descriptors and timers of this process. */
function held(): number {
  const timers = process.getActiveResourcesInfo().filter((name) => /Timeout|TCP/.test(name)).length;
  return readdirSync('/proc/self/fd').length + timers;
}
