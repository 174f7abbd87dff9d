import { PassThrough } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { ConsolePublisher, createPublisher, NatsPublisher, type Publisher, RedisPublisher } from './index.js';

const made: Publisher[] = [];
afterEach(async () => {
  await Promise.all(made.splice(0).map((publisher) => publisher.close()));
});
const make = (...args: Parameters<typeof createPublisher>) => {
  const publisher = createPublisher(...args);
  made.push(publisher);
  return publisher;
};

it('createPublisher() chooses by scheme, and takes options from the URL', () => {
  const cases = [
    ['redis://127.0.0.1:6379', RedisPublisher, 'redis-stream redis://127.0.0.1:6379 watertight.events'],
    ['rediss://u:p@host/2?stream=orders', RedisPublisher, 'redis-stream rediss://u@host/2 orders'],
    ['REDIS://host?mode=pubsub&channel=news', RedisPublisher, 'redis-pubsub redis://host news'],
    ['nats://host:4222?subject=a.b&stream=S&declare=false', NatsPublisher, 'nats-jetstream nats://host:4222 a.b'],
    ['tls://token@host?mode=core', NatsPublisher, 'nats-core tls://host watertight.events'],
    ['console:', ConsolePublisher, 'console stdout'],
    ['console:?format=text&indent=0&includeTimestamp=false', ConsolePublisher, 'console stdout'],
    ['console://', ConsolePublisher, 'console stdout'],
  ] as const;
  for (const [url, type, name] of cases) {
    const publisher = make(url);
    expect([publisher, publisher.name]).toEqual([expect.any(type), name]);
  }
});

it('createPublisher() gives options on, which count for more than the URL', async () => {
  expect(make('redis://host?stream=a', { name: 'mine' }).name).toBe('mine');
  expect(make('redis://host?stream=a', { stream: 'b' }).name).toBe('redis-stream redis://host b');
  const stream = new PassThrough();
  const publisher = make('console:?format=text&includeTimestamp=false', { stream });
  await publisher.publish({ event: 'streaming', eventType: 'start', runId: 'r' });
  expect(String(stream.read())).toBe('streaming/start r#0\n');
});

it('createPublisher() refuses what it does not know, and shows no password', () => {
  const code = 'WT_PUBLISH_CONNECT_URL';
  for (const url of [
    '',
    'redis',
    'http://host',
    'constructor:',
    '://host',
    5,
    undefined,
    'redis://host#a',
    'nats://?subject=a',
  ]) {
    expect(() => createPublisher(url as string), String(url)).toThrow(expect.objectContaining({ code }));
  }
  expect(() => createPublisher('http://host')).toThrow(/http:.*scheme/);
  expect(() => createPublisher('redis://host?sream=a')).toThrow(/sream/);
  expect(() => createPublisher('redis://host?toString=a')).toThrow(/toString/);
  expect(() => createPublisher('redis://host?maxlen=many')).toThrow(/maxlen/);
  expect(() => createPublisher('nats://host?declare=1')).toThrow(/declare/);
  expect(() => createPublisher('console:?format=xml')).toThrow(/format/);
  expect(() => createPublisher('redis://host', { subject: 'a' })).toThrow(/"subject"/);
  expect(() => createPublisher('redis://:se?cret@host')).toThrow(
    expect.not.objectContaining({ message: expect.stringContaining('cret') }),
  );
});
