import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { Channel } from './channel.js';

const open: { destroy?: () => void; close?: () => void }[] = [];
afterEach(() => {
  for (const thing of open.splice(0)) (thing.destroy ?? thing.close)?.call(thing);
});

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as { port: number }).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [Socket];
  open.push(client, accepted, server);
  return [client, accepted];
}

test('Channel delivers messages whole and in order, however they are cut', async () => {
  const [client, accepted] = await pair();
  const received: unknown[] = [];
  const done = new Promise<void>((resolve) => {
    new Channel<object, object>(
      accepted,
      (message) => {
        received.push(message);
        if (received.length === 3) resolve();
      },
      () => {},
    );
  });
  const bytes = Buffer.from('{"a":"ä"}\nno json\n7\n{"b":2}\n{"c":3}\n');
  for (const byte of bytes) {
    client.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await done;
  expect(received).toEqual([{ a: 'ä' }, { b: 2 }, { c: 3 }]);
});

test('Channel tells when the other side is gone, and sending then does nothing', async () => {
  const [client, accepted] = await pair();
  const closed = new Promise<Channel<object, object>>((resolve) => {
    const channel: Channel<object, object> = new Channel<object, object>(
      accepted,
      () => {},
      () => resolve(channel),
    );
  });
  client.destroy();
  const channel = await closed;
  expect(() => channel.send({ late: true })).not.toThrow();
});
