import { afterEach, expect, it } from 'vitest';
import { until } from '../../src/children/processes.fixture.js';
import { answerOf } from './answer.js';
import {
  consumeAll,
  createNatsStream,
  NatsBroker,
  produceToNats,
  publishToNats,
  type Received,
  subscribe,
} from './index.js';
import { belongings } from './remains.fixture.js';

const TEXT = 'two\r\nlines, ünïcode';

let broker: NatsBroker;
afterEach(() => broker.stop());

it('NatsBroker keeps a stream over kill9() and restart(), on the same port', async () => {
  broker = await NatsBroker.start();
  const { port, pid } = broker;
  await createNatsStream(broker, 'ORDERS', 'orders.*');
  await produceToNats(broker, 'orders.new', TEXT, { 'Nats-Msg-Id': 'a', type: 'order: new' });
  await produceToNats(broker, 'orders.new', TEXT, { 'Nats-Msg-Id': 'a' });
  await produceToNats(broker, 'orders.old', 'other');
  const stored = [{ id: '1', body: TEXT, headers: { 'Nats-Msg-Id': 'a', type: 'order: new' } }];
  expect(await consumeAll(broker, 'orders.new')).toEqual(stored);
  await broker.kill9();
  expect(await answerOf(port, '')).toBeUndefined();
  await broker.restart();
  expect([broker.port, broker.pid === pid]).toEqual([port, false]);
  expect(await consumeAll(broker, 'orders.new')).toEqual(stored);
  expect(await consumeAll(broker, 'orders.*')).toHaveLength(2);
  expect(await consumeAll(broker, 'nothing')).toEqual([]);
});

it('consumeAll() on NATS reads more than one batch, in order', async () => {
  broker = await NatsBroker.start();
  await createNatsStream(broker, 'ALL', 'all');
  // Published without waiting, stored in the order of one connection.
  await publishToNats(broker, 'all', ...Array.from({ length: 2_000 }, (_, i) => String(i)));
  await produceToNats(broker, 'all', '2000');
  expect((await consumeAll(broker, 'all')).map(({ body }) => Number(body))).toEqual(
    Array.from({ length: 2_001 }, (_, i) => i),
  );
});

it('subscribe() on NATS hears what is published from its return until its stop', async () => {
  broker = await NatsBroker.start();
  const heard: Received[] = [];
  const stop = await subscribe(broker, 'news.*', (message) => heard.push(message));
  await publishToNats(broker, 'news.today', TEXT);
  await until(() => heard.length === 1);
  expect(heard).toEqual([{ body: TEXT, headers: {} }]);
  await stop();
  await publishToNats(broker, 'news.today', 'late');
  expect(heard).toHaveLength(1);
});

it('produceToNats() fails where no stream stores the subject', async () => {
  broker = await NatsBroker.start();
  await expect(produceToNats(broker, 'nobody', 'a')).rejects.toThrow(/no stream has that subject/);
});

it('pause() leaves connections without an answer; stop() leaves no process and no folder', async () => {
  broker = await NatsBroker.start();
  const left = belongings(broker);
  await broker.pause();
  expect(await answerOf(broker.port, '')).toBeUndefined();
  broker.resume();
  expect(await answerOf(broker.port, '')).toMatch(/^INFO/);
  expect([left.processes(), left.hasFolder()]).toEqual([[broker.pid], true]);
  await broker.stop();
  expect([left.processes(), left.hasFolder()]).toEqual([[], false]);
});
