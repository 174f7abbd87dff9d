import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { until } from '../../src/children/processes.fixture.js';
import { answerOf } from './answer.js';
import { consumeAll, type Received, RedisBroker, redisCli, subscribe } from './index.js';
import { belongings } from './remains.fixture.js';

const TEXT = 'two\nlines, "quoted", ünïcode \u0001';

/** Long enough for redis-cli to start and connect. */
const QUIET_MS = 200;

let broker: RedisBroker;
afterEach(() => broker.stop());

it('RedisBroker keeps a stream over kill9() and restart(), on the same port', async () => {
  broker = await RedisBroker.start();
  const { port, pid } = broker;
  const id = await redisCli(broker, 'XADD', 'orders', '*', 'body', TEXT, 'type', 'order');
  const stored = [{ id, body: TEXT, headers: { type: 'order' } }];
  expect(await consumeAll(broker, 'orders')).toEqual(stored);
  await broker.kill9();
  expect(await answerOf(port, 'PING\r\n')).toBeUndefined();
  await broker.restart();
  expect(broker.port).toBe(port);
  expect(broker.pid).not.toBe(pid);
  expect(await consumeAll(broker, 'orders')).toEqual(stored);
  expect(await consumeAll(broker, 'nothing')).toEqual([]);
});

it('restart() of a broker that runs ends it in order, and keeps its data', async () => {
  broker = await RedisBroker.start();
  await redisCli(broker, 'XADD', 'orders', '1-1', 'body', 'a');
  await broker.pause();
  await broker.restart();
  expect(await consumeAll(broker, 'orders')).toEqual([{ id: '1-1', body: 'a', headers: {} }]);
});

it('subscribe() on Redis hears what is published from its return until its stop', async () => {
  broker = await RedisBroker.start();
  const heard: Received[] = [];
  await broker.pause();
  let isListening = false;
  const subscribing = subscribe(broker, 'news', (message) => heard.push(message)).finally(() => {
    isListening = true;
  });
  await sleep(QUIET_MS);
  expect(isListening).toBe(false);
  broker.resume();
  const stop = await subscribing;
  expect(await redisCli(broker, 'PUBLISH', 'news', TEXT)).toBe(1);
  await until(() => heard.length === 1);
  expect(heard).toEqual([{ body: TEXT, headers: {} }]);
  await stop();
  await expect.poll(() => redisCli(broker, 'PUBLISH', 'news', 'late')).toBe(0);
  expect(heard).toHaveLength(1);
});

it('subscribe() on a Redis that is dead fails', async () => {
  broker = await RedisBroker.start();
  await broker.kill9();
  await expect(subscribe(broker, 'news', () => {})).rejects.toThrow('Cannot subscribe to news');
});

it('a Redis with a password refuses who does not give it, and its url and tools do', async () => {
  broker = await RedisBroker.start({ password: 'p@ss/word' });
  expect(broker.url).toBe(`redis://:p%40ss%2Fword@127.0.0.1:${broker.port}`);
  expect(await answerOf(broker.port, 'GET a\r\n')).toMatch(/^-NOAUTH/);
  expect(await redisCli(broker, 'SET', 'a', '1')).toBe('OK');
  await broker.kill9();
  await broker.restart();
  expect(await redisCli(broker, 'GET', 'a')).toBe('1');
});

it('pause() leaves connections without an answer, resume() answers', async () => {
  broker = await RedisBroker.start();
  await broker.pause();
  expect(await answerOf(broker.port, 'PING\r\n')).toBeUndefined();
  broker.resume();
  expect(await answerOf(broker.port, 'PING\r\n')).toBe('+PONG\r\n');
});

it('stop() leaves no process and no folder, of one that is paused and listened to as well; again is the same', async () => {
  broker = await RedisBroker.start();
  await subscribe(broker, 'news', () => {});
  const left = belongings(broker);
  expect(left.processes()).toHaveLength(2);
  await broker.pause();
  const stopping = broker.stop();
  expect(broker.stop()).toBe(stopping);
  await stopping;
  expect(left.processes()).toEqual([]);
  expect(left.hasFolder()).toBe(false);
  await expect(broker.restart()).rejects.toThrow('Cannot restart redis as it was stopped');
  expect(() => broker.pid).toThrow(/does not run/);
});
