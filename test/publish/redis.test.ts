import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RedisPublisher } from '../../src/publish/index.js';
import { consumeAll, type Received, RedisBroker, subscribe } from '../brokers/index.js';
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
