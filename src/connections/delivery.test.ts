import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionRegistryOptions } from './index.js';
import { nothing, TestServer } from './server.fixture.js';

let server: TestServer;
const start = async (options: ConnectionRegistryOptions<unknown> = {}, compress = false) => {
  server = await TestServer.start(options, undefined, compress);
  return server.registry;
};
beforeEach(() => {
  server = undefined as never;
});
afterEach(() => server?.close());

const MIB = 2 ** 20;
const big = (letter: string) => letter.repeat(MIB);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `${from + i}`);

/** Sends until the kernel takes no more and the connection is over its limit. */
function clog(registry: TestServer['registry'], user: string): number {
  for (let sent = 0; ; sent++) if (registry.send(user, big('c')) !== 'sent') return sent;
}

/** A promise of the client having read everything that was sent before `mark`. */
async function readUpTo(client: Awaited<ReturnType<TestServer['connect']>>, mark: string): Promise<string[]> {
  while (client.client.received.at(-1) !== mark) await once(client.socket, 'message');
  return client.client.received.map((text) => text.slice(0, 10));
}

describe('what is kept for a user', () => {
  test('comes in order, before anything new, once', async () => {
    const registry = await start();
    for (const text of numbers(0, 60)) registry.send('ada', text);
    expect(registry.kept('ada').length).toBe(50);
    expect(registry.stats().totals.dropped.overflow).toBe(10);
    server.onAttach = () => {};
    const client = server.client('ada');
    await client.opened;
    await client.messages(1);
    registry.send('ada', 'new');
    expect(await client.messages(51)).toEqual([...numbers(10, 60), 'new']);
    expect(registry.stats()).toMatchObject({
      held: { kept: 0, keptBytes: 0 },
      totals: { replayed: 50, delivered: 51 },
    });
    client.socket.close();
    await once(server.sockets[0]!, 'close');
    const again = await server.connect('ada');
    registry.send('ada', 'mark');
    expect(await again.messages(1)).toEqual(['mark']);
    expect(again.connection.waiting).toBe(0);
  });

  test('of one user never reaches another', async () => {
    const registry = await start();
    for (let i = 0; i < 10; i++) for (const user of ['ada', 'bob', 'eve']) registry.send(user, `${user} ${i}`);
    const clients = [await server.connect('eve'), await server.connect('bob'), await server.connect('ada')];
    for (const [i, user] of ['eve', 'bob', 'ada'].entries()) {
      expect(await clients[i]!.messages(10)).toEqual(Array.from({ length: 10 }, (_, n) => `${user} ${n}`));
    }
    expect(registry.stats().held).toMatchObject({ kept: 0, keptUsers: 0, keptBytes: 0 });
  });

  test('goes back in order when the client does not read it, with its attempts, and comes later once', async () => {
    const registry = await start({
      recovery: { replayMessageMs: 1000, totalBytes: 64 * MIB },
      maxMessageBytes: 2 * MIB,
      closeTimeoutMs: 30,
    });
    const texts = Array.from({ length: 30 }, (_, i) => `${i} ${big('r')}`);
    for (const text of texts) registry.send('ada', text);
    const { connection } = await server.mute('ada');
    // New ones meanwhile: behind those.
    registry.send('ada', 'new');
    await connection.ended;
    expect(registry.stats().totals.cut).toMatchObject({ replay: 1, handshake: 0 });
    const kept = registry.kept('ada');
    const order = kept.map(({ message }) => Number.parseInt(String(message), 10));
    // What the kernel had taken is delivered as far as anybody here can know; the rest is whole and in order.
    expect(order.at(-1)).toBe(Number.NaN);
    expect(order.slice(0, -1)).toEqual(Array.from({ length: kept.length - 1 }, (_, i) => 31 - kept.length + i));
    expect(kept.length).toBeGreaterThan(2);
    for (const { attempts, reason } of kept.slice(0, -1)) {
      expect(attempts).toBe(1);
      expect(reason).toMatch(/too slow|the connection ended|the connection broke/);
    }
    const client = await server.connect('ada');
    const received = await client.messages(kept.length);
    expect(received.map((text) => Number.parseInt(text, 10))).toEqual(order);
    registry.send('ada', 'mark');
    await readUpTo(client, 'mark');
    expect(client.client.received.length).toBe(kept.length + 1);
  });

  test('is taken over from a connection that is half open: nothing is lost, doubled or out of order on the new one', async () => {
    const registry = await start({ recovery: { totalBytes: 64 * MIB, perUser: 100 } });
    const old = await server.mute('ada');
    let sent = 0;
    while (registry.send('ada', `${sent} ${'h'.repeat(65_536)}`) === 'sent') sent++;
    for (let i = 1; i < 20; i++) registry.send('ada', `${sent + i} tail`);
    const { connection, messages, client } = await server.connect('ada').then((c) => ({
      connection: c.connection,
      client: c.client,
      messages: (count: number) => c.messages(count),
    }));
    registry.send('ada', 'after');
    const first = Number.parseInt((await messages(1))[0]!, 10);
    const rest = sent + 20 - first;
    const received = await messages(rest + 1);
    expect(received.map((text) => text.split(' ')[0])).toEqual([...numbers(first, first + rest), 'after']);
    old.connection.terminate();
    await old.connection.ended;
    expect(registry.stats()).toMatchObject({ held: { kept: 0, inLine: 0, keptBytes: 0 } });
    connection.send('mark');
    await messages(rest + 2);
    expect(client.received.length).toBe(rest + 2);
  });

  test('is cut for standing still, not for taking long', async () => {
    const registry = await start({
      recovery: { replayMessageMs: 1000, replayMs: 60_000, totalBytes: 64 * MIB },
      maxMessageBytes: 2 * MIB,
    });
    for (let i = 0; i < 30; i++) registry.send('ada', big('r'));
    const { socket, connection } = await server.mute('ada');
    // A client that reads 1.5 MiB ten times a second, so that all of it takes twice the time for one message.
    let bytes = 0;
    let pauseAt = 0;
    await new Promise<void>((resolve) => {
      socket.on('data', (chunk) => {
        bytes += chunk.length;
        if (bytes >= 30 * MIB) resolve();
        else if (bytes >= pauseAt) {
          pauseAt = bytes + 1.5 * MIB;
          socket.pause();
          setTimeout(() => socket.resume(), 100);
        }
      });
      socket.on('close', () => resolve());
      socket.resume();
    });
    expect(bytes).toBeGreaterThanOrEqual(30 * MIB);
    expect(connection.state).toBe('open');
    expect(registry.stats().totals).toMatchObject({ replayed: 30, cut: { replay: 0 } });
  });

  test('is kept once when the connection ends while its messages are being compressed', async () => {
    const registry = await start({ recovery: { totalBytes: 64 * MIB }, maxMessageBytes: 2 * MIB }, true);
    const { connection } = await server.connect('ada');
    for (let i = 0; i < 20; i++) registry.send('ada', `${i} ${big('z')}`);
    connection.terminate();
    await connection.ended;
    // The compressor tells of the one that it was at after the socket has closed.
    for (let i = 0; i < 50; i++) await turn();
    const order = registry.kept('ada').map(({ message }) => Number.parseInt(String(message), 10));
    expect(order).toEqual(Array.from({ length: order.length }, (_, i) => 20 - order.length + i));
    const { messages, delivered } = registry.stats().totals;
    expect(messages).toBe(delivered + order.length);
    expect(registry.stats().held.keptBytes).toBe(registry.kept('ada').reduce((sum, { bytes }) => sum + bytes, 0));
  });

  test('is taken over once from several that are half open', async () => {
    const registry = await start({ recovery: { totalBytes: 64 * MIB, perUser: 100 } });
    await server.mute('ada');
    await server.mute('ada');
    const sent = clog(registry, 'ada');
    for (const text of numbers(0, 10)) registry.send('ada', text);
    const client = await server.connect('ada');
    const received = await readUpTo(client, '9');
    expect(received.slice(-10)).toEqual(numbers(0, 10));
    expect(received.length).toBeLessThanOrEqual(sent + 11);
    registry.send('ada', 'mark');
    expect((await readUpTo(client, 'mark')).length).toBe(received.length + 1);
  });

  test('stays with the connection that still holds it when another one ends', async () => {
    const registry = await start({ recovery: { totalBytes: 64 * MIB, perUser: 100 } });
    const phone = await server.mute('ada');
    const laptop = await server.connect('ada');
    laptop.socket.pause();
    const sent = clog(registry, 'ada');
    for (const text of numbers(0, 10)) registry.send('ada', text);
    phone.connection.terminate();
    await phone.connection.ended;
    expect(registry.kept('ada')).toEqual([]);
    laptop.socket.resume();
    const received = await readUpTo(laptop, '9');
    expect(received.slice(-10)).toEqual(numbers(0, 10));
    // The one that found no room waited as well.
    expect(received.length).toBe(sent + 11);
    const { messages, delivered, dropped } = registry.stats().totals;
    expect([delivered, dropped.unreachable]).toEqual([messages, 0]);
  });

  test('is nothing that another connection has delivered', async () => {
    const registry = await start({ recovery: { totalBytes: 64 * MIB, perUser: 100 } });
    const phone = await server.mute('ada');
    const laptop = await server.connect('ada');
    const texts = Array.from({ length: 60 }, (_, i) => `${i} ${'t'.repeat(200_000)}`);
    for (const text of texts) registry.send('ada', text);
    await laptop.messages(60);
    await laptop.leave();
    expect(phone.connection.waiting).toBeGreaterThan(10);
    phone.connection.terminate();
    await phone.connection.ended;
    expect(registry.kept('ada')).toEqual([]);
    expect(registry.stats().totals).toMatchObject({ messages: 60, delivered: 60 });
  });

  test('what one connection lost is not given to another that has newer messages', async () => {
    const registry = await start();
    const phone = await server.connect('ada');
    const laptop = await server.connect('ada');
    phone.connection.send('for the phone');
    phone.connection.terminate();
    registry.send('ada', 'for all');
    await phone.connection.ended;
    expect(await laptop.messages(1)).toEqual(['for all']);
    expect(registry.kept('ada')).toEqual([]);
    const { messages, delivered, dropped } = registry.stats().totals;
    expect(messages).toBe(delivered + dropped.unreachable);
  });
});

describe('a slow client', () => {
  test("'wait': its messages wait in order, the oldest is dropped, memory stays bounded", async () => {
    const registry = await start({ recovery: { perUser: 5, totalBytes: 16 * MIB } });
    const client = await server.connect('ada');
    client.socket.pause();
    const fast = await server.connect('bob');
    const sent = clog(registry, 'ada');
    for (const text of numbers(0, 8)) expect(registry.send('ada', text)).toBe('waiting');
    expect(client.connection.waiting).toBe(5);
    expect(client.connection.bufferedBytes).toBeLessThan(3 * MIB);
    expect(registry.stats().totals).toMatchObject({ missed: 4, dropped: { overflow: 4 } });
    // One that did not fit beside what waited when the socket was full, and three that were pushed out after it.
    expect(registry.health()).toMatchObject({ failures: 4, score: 0, status: 'critical' });
    // Nobody else is slowed down.
    expect(registry.send('bob', 'fast')).toBe('sent');
    expect(await fast.messages(1)).toEqual(['fast']);
    client.socket.resume();
    const received = await readUpTo(client, '7');
    expect(received.slice(sent)).toEqual(numbers(3, 8));
    expect(registry.stats().held).toMatchObject({ inLine: 0, keptBytes: 0 });
    expect(registry.send('ada', 'now')).toBe('sent');
    await readUpTo(client, 'now');
  });

  test('gets the bytes as they were when they had to wait', async () => {
    const registry = await start();
    const client = await server.connect('ada');
    client.socket.pause();
    clog(registry, 'ada');
    const bytes = new Uint8Array(Buffer.from('before'));
    expect(registry.send('ada', bytes)).toBe('waiting');
    bytes.fill(0);
    client.socket.resume();
    expect((await readUpTo(client, 'before')).at(-1)).toBe('before');
  });

  test("'drop': the new message is dropped for it, others of the user get it", async () => {
    const registry = await start({ overflow: 'drop' });
    const slow = await server.connect('ada');
    slow.socket.pause();
    while (slow.connection.send(big('c')) === 'sent');
    expect(registry.send('ada', 'lost')).toBe('dropped');
    expect(registry.stats().totals.dropped.slow).toBe(2);
    const fast = await server.connect('ada');
    // The kernel may have taken some more meanwhile.
    while (slow.connection.send(big('c')) === 'sent');
    expect(registry.send('ada', 'for the fast one')).toBe('sent');
    expect(await fast.messages(1)).toEqual(['for the fast one']);
    slow.socket.resume();
    while (registry.send('ada', 'mark') !== 'sent' || slow.connection.bufferedBytes > 0) await turn();
    await readUpTo(slow, 'mark');
    expect(slow.client.received).not.toContain('lost');
    expect(slow.client.received).not.toContain('for the fast one');
    expect(registry.stats().totals.missed).toBeGreaterThanOrEqual(3);
  });

  test("'close': it is cut off, and what it missed is kept", async () => {
    const registry = await start({ overflow: 'close', closeTimeoutMs: 50 });
    const { connection } = await server.mute('ada');
    const sent = clog(registry, 'ada');
    expect(connection.state).toBe('closing');
    registry.send('ada', 'last');
    expect(await connection.ended).toMatchObject({ code: 1006 });
    expect(registry.stats().totals.cut).toMatchObject({ slow: 1, handshake: 0, silent: 0 });
    const client = await server.connect('ada');
    const received = await readUpTo(client, 'last');
    // The one that was over the limit, what the dead socket still held, and the last one.
    expect(received.length).toBeGreaterThanOrEqual(2);
    expect(received.length).toBeLessThanOrEqual(sent + 2);
    const { messages, delivered, dropped } = registry.stats().totals;
    expect(messages).toBe(delivered + Object.values(dropped).reduce((sum, count) => sum + count, 0));
  });

  test('cannot hold more than the bytes for all of them', async () => {
    const registry = await start({ recovery: { perUser: 1000, totalBytes: 4 * MIB } });
    await server.mute('ada');
    await server.mute('bob');
    clog(registry, 'ada');
    clog(registry, 'bob');
    for (let i = 0; i < 10; i++) for (const user of ['ada', 'bob']) registry.send(user, big('m'));
    const { held, totals } = registry.stats();
    expect(held.keptBytes).toBeLessThanOrEqual(4 * MIB);
    expect(held.inLine).toBe(4);
    expect(totals.missed).toBeGreaterThan(0);
  });
});

test('every message is delivered, kept or dropped, whatever users do', async () => {
  // Random but repeatable; 40 rounds over three users who come, go, break off, and stop reading.
  let state = 12345;
  const random = (below: number) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  const registry = await start({ closeTimeoutMs: 100, recovery: { perUser: 5 }, maxBufferedBytes: 200_000 });
  const users = ['ada', 'bob', 'cat'];
  const here = new Map<string, Awaited<ReturnType<TestServer['connect']>>[]>(users.map((user) => [user, []]));
  const all: Awaited<ReturnType<TestServer['connect']>>[] = [];
  let next = 0;
  for (let round = 0; round < 40; round++) {
    const user = users[random(3)]!;
    const clients = here.get(user)!;
    const act = random(4);
    if (act === 0 && clients.length < 3) {
      const client = await server.connect(user);
      clients.push(client);
      all.push(client);
    } else if (act === 1 && clients.length > 0) {
      await clients.pop()!.leave();
    } else if (act === 2 && clients.length > 0) {
      const client = clients.pop()!;
      client.socket.terminate();
      if (random(2) === 0) await client.connection.ended;
    } else if (clients.length > 0) {
      const { socket } = clients[random(clients.length)]!;
      if (random(2) === 0) socket.pause();
      else socket.resume();
    }
    for (let i = random(8); i > 0; i--) {
      const to = users[random(3)]!;
      registry.send(to, `${to} ${String(next++).padStart(6, '0')} ${'x'.repeat(random(2) * 30_000)}`);
    }
    const { messages, delivered, dropped } = registry.stats().totals;
    const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
    expect(delivered + lost).toBeLessThanOrEqual(messages);
  }
  for (const client of all) client.socket.resume();
  await server.scope.close();
  const { messages, delivered, dropped } = registry.stats().totals;
  expect(messages).toBe(delivered + Object.values(dropped).reduce((sum, count) => sum + count, 0));
  expect(registry.stats().held).toEqual(nothing);
  for (const { connection, client } of all) {
    const order = client.received.map((text) => text.split(' '));
    for (const [user] of order) expect(user).toBe(connection.userId);
    const numbers = order.map(([, number]) => number!);
    expect(numbers).toEqual([...new Set(numbers)].sort());
  }
});
