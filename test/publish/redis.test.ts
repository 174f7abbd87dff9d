import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RedisPublisher } from '../../src/publish/index.js';
import { Scope } from '../../src/scope/index.js';
import { consumeAll, type Received, RedisBroker, redisCli, subscribe } from '../brokers/index.js';
import { bodyOf } from './arrivals.js';
import { anEvent, describeConformance } from './conformance.js';

async function outage(broker: RedisBroker, ms: number): Promise<void> {
  await broker.kill9();
  await new Promise((resolve) => setTimeout(resolve, ms));
  await broker.restart();
}

describeConformance<RedisBroker>({
  kind: 'redis-stream',
  keeps: true,
  start: () => RedisBroker.start(),
  open: (port, stream, options) => new RedisPublisher({ url: `redis://127.0.0.1:${port}`, stream, ...options }),
  prepare: async (broker, stream) => ({
    received: async () => (await consumeAll(broker, stream)).map(toBody),
  }),
  outage,
});

describeConformance<RedisBroker>({
  kind: 'redis-pubsub',
  keeps: false,
  start: () => RedisBroker.start(),
  open: (port, channel, options) =>
    new RedisPublisher({ url: `redis://127.0.0.1:${port}`, mode: 'pubsub', channel, ...options }),
  prepare: async (broker, channel) => {
    const messages: Received[] = [];
    const stop = await subscribe(broker, channel, (message) => messages.push(message));
    return { received: async () => messages, close: stop };
  },
  outage,
});

/** An entry of a stream is its fields; the event is one of them. */
function toBody(message: Received): Received {
  return message.headers.body === undefined ? message : { ...message, body: message.headers.body };
}

describe('RedisPublisher', () => {
  it('tells a wrong password, TLS where there is none, and another protocol', async () => {
    const broker = await RedisBroker.start({ password: 'secret' });
    const codeOf = async (url: string) => {
      const publisher = new RedisPublisher({ url, connectTimeoutMs: 2_000 });
      const code = await publisher.connect().catch((error) => error.code);
      const published = await publisher.publish(anEvent()).catch((error) => error.code);
      await publisher.close();
      expect(published).toBe(code);
      return code;
    };
    const { port } = broker;
    expect(await codeOf(`redis://:wrong@127.0.0.1:${port}`)).toBe('WT_PUBLISH_CONNECT_AUTH');
    expect(await codeOf(`redis://127.0.0.1:${port}`)).toBe('WT_PUBLISH_CONNECT_AUTH');
    expect(await codeOf(`rediss://:secret@127.0.0.1:${port}`)).toBe('WT_PUBLISH_CONNECT_TLS');
    for (const url of ['nonsense', 'http://127.0.0.1', 'redis://', '', 5 as never]) {
      expect(() => new RedisPublisher({ url })).toThrow(expect.objectContaining({ code: 'WT_PUBLISH_CONNECT_URL' }));
    }
    const right = new RedisPublisher({ url: `redis://:secret@127.0.0.1:${port}` });
    expect(right.name).not.toContain('secret');
    expect(await right.publish(anEvent())).toBe('stored');
    await right.close();
    await broker.stop();
  });

  it('onFailure that throws holds up nothing, and is warned of', async () => {
    const warnings: string[] = [];
    const onWarning = (warning: Error & { code?: string }) => warnings.push(`${warning.code} ${warning.message}`);
    process.on('warning', onWarning);
    const publisher = new RedisPublisher({
      url: 'redis://127.0.0.1:1',
      name: 'audit',
      delivery: 'memory',
      publishTimeoutMs: 50,
      onFailure: () => {
        throw new Error('full');
      },
    });
    await Promise.all([publisher.publish(anEvent()), publisher.publish(anEvent())]);
    await publisher.flush();
    expect(await publisher.close()).toMatchObject({ accepted: 2, failed: 2, remaining: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', onWarning);
    expect(warnings).toEqual(Array(2).fill('WT_PUBLISH_LISTENER_FAILED onFailure of audit has thrown: full'));
  });

  it('trims the stream, counts who heard nobody, encodes as MessagePack', async () => {
    const broker = await RedisBroker.start();
    const trimmed = new RedisPublisher({ url: broker.url, stream: 'short', maxlen: 100 });
    await Promise.all(Array.from({ length: 2_000 }, () => trimmed.publish(anEvent())));
    expect((await consumeAll(broker, 'short')).length).toBeLessThan(1_000);
    const unheard = new RedisPublisher({ url: broker.url, mode: 'pubsub', channel: 'nobody' });
    expect(await unheard.publish(anEvent())).toBe('stored');
    expect(unheard.stats()).toMatchObject({ unheard: 1, confirmed: 1 });
    await Promise.all([trimmed.close(), unheard.close()]);
    expect(bodyOf(toBody((await consumeAll(broker, 'short'))[0] as Received)).runId).toBe('run-0');
    await broker.stop();
  });

  it('a program whose Redis hangs at close() ends right after it', async () => {
    await using broker = await RedisBroker.start();
    const file = fileURLToPath(new URL('./redis-dead-close.fixture.ts', import.meta.url));
    const child = spawn(process.execPath, ['--import', 'tsx', file, broker.url], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    await lines.next();
    await broker.pause();
    child.stdin.write('go\n');
    expect((await lines.next()).value).toBe('timeout unknown');
    const closedAt = performance.now();
    expect(await exited).toEqual([0, null]);
    // Below the 2 s for which ioredis' own timer would keep it.
    expect(performance.now() - closedAt).toBeLessThan(1_500);
  });
});

describe('what a newcomer met', () => {
  const codeOf = (promise: Promise<unknown>) => promise.catch((error) => error.code);

  it('a database that is not there, or is no number, is told, and nothing lands in another', async () => {
    const broker = await RedisBroker.start();
    const nowhere = new RedisPublisher({ url: `${broker.url}/99`, stream: 'lost' });
    expect(await codeOf(nowhere.publish(anEvent()))).toBe('WT_PUBLISH_NO_DESTINATION');
    await nowhere.close();
    expect(() => new RedisPublisher({ url: `${broker.url}/abc` })).toThrow(/no number of a database/);
    const third = new RedisPublisher({ url: `${broker.url}/3`, stream: 'third' });
    expect(await third.publish(anEvent())).toBe('stored');
    await third.close();
    expect(await consumeAll(broker, 'lost')).toEqual([]);
    expect(await consumeAll(broker, 'third')).toEqual([]);
    await broker.stop();
  });

  it('a password is in no error, however deep', async () => {
    const broker = await RedisBroker.start({ password: 'other' });
    const publisher = new RedisPublisher({ url: `redis://me:sekret@127.0.0.1:${broker.port}` });
    const error = await publisher.publish(anEvent()).catch((thrown) => thrown);
    expect(error.code).toBe('WT_PUBLISH_CONNECT_AUTH');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('sekret');
    await publisher.close();
    await broker.stop();
  });

  it('what Redis refuses for now is told by stats() and by the error', async () => {
    const broker = await RedisBroker.start();
    await redisCli(broker, 'config', 'set', 'maxmemory', '1');
    const publisher = new RedisPublisher({ url: broker.url });
    const failure = await publisher.publish(anEvent(), { timeoutMs: 300 }).catch((error) => error);
    expect(failure).toMatchObject({ code: 'WT_PUBLISH_NOT_SENT', cause: { code: 'WT_PUBLISH_REFUSED' } });
    expect(publisher.stats().lastError).toMatch(/OOM/);
    await redisCli(broker, 'config', 'set', 'maxmemory', '0');
    expect(await publisher.publish(anEvent())).toBe('stored');
    expect(publisher.stats().lastError).toBeUndefined();
    await publisher.close();
    await broker.stop();
  });

  it('a loop that was blocked for longer than the time to connect fails nothing', async () => {
    const broker = await RedisBroker.start();
    const publisher = new RedisPublisher({ url: broker.url, connectTimeoutMs: 200 });
    const publishing = publisher.publish(anEvent());
    await new Promise((resolve) => setTimeout(resolve, 1));
    const until = performance.now() + 500;
    while (performance.now() < until);
    expect(await publishing).toBe('stored');
    await publisher.close();
    await broker.stop();
  });

  it('what is refused before it is accepted uses up no number; wrong options are named; a getter is told', async () => {
    const broker = await RedisBroker.start();
    const publisher = new RedisPublisher({ url: broker.url, stream: 'numbers' });
    await publisher.publish(anEvent());
    expect(await codeOf(publisher.publish(anEvent({ data: 1n })))).toBe('WT_PUBLISH_NOT_ENCODABLE');
    const thrower = {
      ...anEvent(),
      get content(): string {
        throw null;
      },
    };
    expect(await codeOf(publisher.publish(thrower))).toBe('WT_PUBLISH_NOT_ENCODABLE');
    await publisher.publish(anEvent());
    expect((await consumeAll(broker, 'numbers')).map((one) => bodyOf(toBody(one)).sequence)).toEqual([0, 1]);
    await expect(publisher.publish(anEvent(), { timout: 5 } as never)).rejects.toThrow(/no option "timout"/);
    expect(() => publisher.close({ tmo: 1 } as never)).toThrow(/no option "tmo"/);
    expect(() => new RedisPublisher({ url: broker.url, pool: {} as never })).toThrow(/pool must be a ConnectionPool/);
    await publisher.close();
    await broker.stop();
  });

  it('a scope that closes gives its publishers what it has, and hears what remains', async () => {
    const scope = new Scope('app', { closeTimeoutMs: 1_000 });
    const publisher = new RedisPublisher({ url: 'redis://127.0.0.1:1', delivery: 'memory', scope });
    await publisher.publish(anEvent());
    const report = await scope.close();
    expect(report.failures[0]).toMatchObject({ error: { code: 'WT_PUBLISH_FLUSH_TIMEOUT' } });
    expect(report.durationMs).toBeLessThan(1_050);
    expect(publisher.stats()).toMatchObject({ buffered: 0, notSent: 1 });
  });
});
