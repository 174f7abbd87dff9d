import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Channel } from './channel.js';

let server: Server;
let near: Socket;
let far: Socket;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  near = connect((server.address() as { port: number }).port, '127.0.0.1');
  [far] = (await once(server, 'connection')) as [Socket];
});

afterEach(() => {
  near.destroy();
  far.destroy();
  server.close();
});

/** What arrives on the near side until the far side closes. */
async function received(send: (socket: Socket) => void): Promise<object[]> {
  const messages: object[] = [];
  const closed = new Promise<void>((resolve) => {
    new Channel<object, object>(near, (message) => messages.push(message), resolve);
  });
  send(far);
  far.end();
  await closed;
  return messages;
}

describe('Channel with a peer that may send anything', () => {
  test('puts messages together however they are cut, also within a character', async () => {
    const bytes = Buffer.from('{"a":"ü€😀"}\n{"b":1}\n\n{"c":2}');
    far.setNoDelay(true);
    const messages = await received((socket) => {
      for (const byte of bytes) socket.write(Buffer.of(byte));
    });
    // The last line has no end: it is not a message yet.
    expect(messages).toEqual([{ a: 'ü€😀' }, { b: 1 }]);
  });

  test('drops what is not an object in JSON', async () => {
    const messages = await received((socket) => socket.write('nonsense\n1\nnull\n"text"\n{"a":\n{"ok":true}\n'));
    expect(messages).toEqual([{ ok: true }]);
  });

  test('takes a line of 16 MB in well under a second of work', async () => {
    const start = process.cpuUsage();
    const text = 'x'.repeat(16 * 2 ** 20);
    const [message] = await received((socket) => socket.write(`${JSON.stringify({ text })}\n`));
    expect((message as { text: string }).text.length).toBe(text.length);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  });

  test('closes on a line that never ends', async () => {
    near.on('error', () => {});
    far.on('error', () => {});
    const closed = new Promise<void>((resolve) => {
      new Channel<object, object>(near, () => {}, resolve);
    });
    const part = Buffer.alloc(2 ** 20, 'x');
    const more = (): void => {
      while (!far.destroyed && far.write(part));
    };
    far.on('drain', more);
    more();
    await closed;
    expect(near.destroyed).toBe(true);
  });
});
