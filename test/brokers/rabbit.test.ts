import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../src/children/processes.fixture.js';
import { answerOf } from './answer.js';
import { consumeAll, produceToRabbit, RabbitBroker, type Received, subscribe } from './index.js';
import { belongings } from './remains.fixture.js';

const PROTOCOL_HEADER = 'AMQP\x00\x00\x09\x01';

/** Each is a rabbitmqctl of 0.5 s. */
const LOOKS = { timeout: 30_000, interval: 100 };

/** One for all tests, in their order: it starts in 5 s. The last one stops it. */
let broker: RabbitBroker;
beforeAll(async () => {
  broker = await RabbitBroker.start();
});
afterAll(() => broker.stop());

it('pause() leaves connections without an answer, resume() answers', async () => {
  await broker.pause();
  expect(await answerOf(broker.port, PROTOCOL_HEADER)).toBeUndefined();
  broker.resume();
  expect(await answerOf(broker.port, PROTOCOL_HEADER)).toMatch(/RabbitMQ/);
});

it('subscribe() on RabbitMQ takes what comes to a queue', async () => {
  const heard: Received[] = [];
  await produceToRabbit(broker, 'news', 'a', { messageId: 'one', headers: { type: 'order' } });
  const stop = await subscribe(broker, 'news', (message) => heard.push(message));
  await produceToRabbit(broker, 'news', 'b');
  await until(() => heard.length === 2);
  await stop();
  expect(heard).toEqual([
    { id: 'one', body: 'a', headers: { type: 'order' } },
    { body: 'b', headers: {} },
  ]);
  expect(await consumeAll(broker, 'news')).toEqual([]);
});

it('a queue that there is not fails the reader', async () => {
  await expect(consumeAll(broker, 'nothing')).rejects.toThrow(/NOT_FOUND/);
  await expect(subscribe(broker, 'nothing', () => {})).rejects.toThrow(/NOT_FOUND/);
});

it('ctl() raises the memory alarm and ends it', async () => {
  await broker.ctl('set_vm_memory_high_watermark', 'absolute', '1MB');
  const alarms = () => broker.ctl('eval', 'rabbit_alarm:get_alarms().');
  await expect.poll(alarms, LOOKS).toContain('memory');
  await broker.ctl('set_vm_memory_high_watermark', '0.4');
  await expect.poll(alarms, LOOKS).not.toContain('memory');
  await expect(broker.ctl('nonsense')).rejects.toThrow(/nonsense/);
});

it('RabbitBroker keeps a durable queue over kill9() and restart(), on the same port', async () => {
  const { port, pid } = broker;
  await produceToRabbit(broker, 'orders', 'first', { messageId: 'one', headers: { type: 'order' } });
  await produceToRabbit(broker, 'orders', 'second');
  const stored = [
    { id: 'one', body: 'first', headers: { type: 'order' } },
    { body: 'second', headers: {} },
  ];
  expect(await consumeAll(broker, 'orders')).toEqual(stored);
  await broker.kill9();
  expect(await answerOf(port, PROTOCOL_HEADER)).toBeUndefined();
  await broker.restart();
  expect([broker.port, broker.pid === pid]).toEqual([port, false]);
  expect(await consumeAll(broker, 'orders')).toEqual(stored);
  expect(await broker.ctl('list_queues', 'name', 'messages')).toMatch(/orders\s+2\n/);
});

it('stop() leaves no process and no folder, of one that is paused as well', async () => {
  const left = belongings(broker);
  // epmd, the shell, the Erlang machine and its helpers.
  expect(left.processes().length).toBeGreaterThanOrEqual(4);
  expect(left.processes()).toContain(broker.pid);
  await broker.pause();
  const from = performance.now();
  await broker.stop();
  // In order, before the 20 s after which it is killed.
  expect(performance.now() - from).toBeLessThan(19_000);
  expect([left.processes(), left.hasFolder()]).toEqual([[], false]);
});
