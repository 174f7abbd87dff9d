import { afterEach, expect, it } from 'vitest';
import { until } from '../../src/children/processes.fixture.js';
import { answerOf } from './answer.js';
import { consumeAll, KafkaBroker, produceToKafka, type Received, subscribe } from './index.js';
import { belongings } from './remains.fixture.js';

/** Version 0 of ApiVersions, numbered 7, from a client without a name. */
const API_VERSIONS = '\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff';
const ANSWER = /^.{4}\x00\x00\x00\x07/s;
const PRODUCE = 0;
const NOT_LEADER = 6;
const MESSAGE_TOO_LARGE = 10;

let broker: KafkaBroker;
afterEach(() => broker.stop());

it('KafkaBroker keeps a topic and its port over an outage, in which nobody can connect', async () => {
  broker = await KafkaBroker.start();
  const { port, pid } = broker;
  await broker.createTopic('orders', 1);
  await produceToKafka(broker, 'orders', 'two\nlines, ünïcode', { type: 'order' });
  const stored = [{ id: '0:0', body: 'two\nlines, ünïcode', headers: { type: 'order' } }];
  expect(await consumeAll(broker, 'orders')).toEqual(stored);
  await broker.down();
  expect(await answerOf(port, API_VERSIONS)).toBeUndefined();
  await broker.up();
  expect(await answerOf(port, API_VERSIONS)).toMatch(ANSWER);
  await broker.restart();
  await broker.outage(10);
  expect([broker.port, broker.pid]).toEqual([port, pid]);
  expect(await consumeAll(broker, 'orders')).toEqual(stored);
});

it('a topic has the partitions that it was made with, on all brokers', async () => {
  broker = await KafkaBroker.start({ brokers: 3 });
  expect(broker.bootstrap.split(',')).toHaveLength(3);
  await broker.createTopic('wide', 3);
  for (let i = 0; i < 20; i++) await produceToKafka(broker, 'wide', String(i));
  const records = await consumeAll(broker, 'wide');
  expect(records.map(({ body }) => Number(body)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => i),
  );
  expect(new Set(records.map(({ id }) => id!.split(':')[0])).size).toBeGreaterThan(1);
  await expect(broker.createTopic('wide', 3)).rejects.toThrow(/cannot do createTopic\(wide, 3\)/);
});

it('subscribe() on Kafka gets each record once, also those that came before it and after an outage', async () => {
  broker = await KafkaBroker.start();
  const heard: Received[] = [];
  await produceToKafka(broker, 'orders', 'before');
  const stop = await subscribe(broker, 'orders', (message) => heard.push(message));
  await until(() => heard.length === 1);
  await broker.outage(50);
  await produceToKafka(broker, 'orders', 'after');
  await until(() => heard.length === 2);
  await stop();
  expect(heard.map(({ body }) => body)).toEqual(['before', 'after']);
});

it('pushErrors() fails the next requests of a kind: one that can be tried again, one that cannot', async () => {
  broker = await KafkaBroker.start();
  await broker.createTopic('orders', 1);
  await broker.pushErrors(PRODUCE, NOT_LEADER);
  await produceToKafka(broker, 'orders', 'again');
  await broker.pushErrors(PRODUCE, MESSAGE_TOO_LARGE);
  await expect(produceToKafka(broker, 'orders', 'never')).rejects.toThrow(/Message size too large/);
  expect((await consumeAll(broker, 'orders')).map(({ body }) => body)).toEqual(['again']);
});

it('setRtt() makes answers late', async () => {
  broker = await KafkaBroker.start();
  await broker.setRtt(300);
  const from = performance.now();
  expect(await answerOf(broker.port, API_VERSIONS)).toMatch(ANSWER);
  expect(performance.now() - from).toBeGreaterThan(250);
});

it('pause() leaves connections without an answer, resume() answers', async () => {
  broker = await KafkaBroker.start();
  await broker.pause();
  expect(await answerOf(broker.port, API_VERSIONS)).toBeUndefined();
  broker.resume();
  expect(await answerOf(broker.port, API_VERSIONS)).toMatch(ANSWER);
});

it('kill9() takes everything: no restart; stop() leaves no process and no folder', async () => {
  broker = await KafkaBroker.start();
  const left = belongings(broker);
  await broker.kill9();
  await expect(broker.restart()).rejects.toThrow(/does not run/);
  await expect(broker.down()).rejects.toThrow(/does not run/);
  expect(left.hasFolder()).toBe(true);
  await broker.stop();
  expect([left.processes(), left.hasFolder()]).toEqual([[], false]);
});

it('a command to a mock that is killed meanwhile fails', async () => {
  broker = await KafkaBroker.start();
  await broker.pause();
  const answer = expect(broker.setRtt(1)).rejects.toThrow(/its process has ended/);
  await broker.kill9();
  await answer;
});
