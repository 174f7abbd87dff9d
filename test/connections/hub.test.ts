import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:http';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';

/** The hub of examples/hub as a program of its own. */
let hub: ChildProcess | undefined;

afterEach(() => hub?.kill('SIGKILL'));

async function startHub(): Promise<{ base: string; port: number; output: string[]; exited: Promise<unknown[]> }> {
  hub = spawn(process.execPath, ['examples/hub/server.mjs'], {
    env: { ...process.env, PORT: '0', NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(hub, 'exit');
  const output: string[] = [];
  hub.stderr!.on('data', (text) => output.push(String(text)));
  const [line] = await once(createInterface(hub.stdout!), 'line');
  const [, host, port] = /ws:\/\/([\d.]+):(\d+)/.exec(String(line))!;
  return { base: `ws://${host}:${port}`, port: Number(port), output, exited };
}

class Person {
  readonly received: Record<string, string>[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #wanted: { count: number; resolve: () => void } | null = null;

  constructor(base: string, user: string) {
    this.socket = new WebSocket(`${base}/?user=${user}`);
    this.closed = new Promise((resolve) => this.socket.on('close', resolve));
    this.socket.on('message', (data) => {
      this.received.push(JSON.parse(String(data)));
      if (this.#wanted && this.received.length >= this.#wanted.count) this.#wanted.resolve();
    });
  }

  send(message: Record<string, string>): void {
    this.socket.send(JSON.stringify(message));
  }

  async heard(count: number): Promise<Record<string, string>[]> {
    if (this.received.length < count) {
      await new Promise<void>((resolve) => {
        this.#wanted = { count, resolve };
      });
    }
    return this.received;
  }
}

async function come(base: string, user: string): Promise<Person> {
  const person = new Person(base, user);
  await once(person.socket, 'open');
  return person;
}

it('the hub keeps what was missed, tells the news, and lets nobody else hear', async () => {
  const { base } = await startHub();
  const ada = await come(base, 'ada');
  ada.send({ to: 'bob', text: 'first' });
  ada.send({ to: 'bob', text: 'second' });
  ada.send({ news: 'ada is here' });
  expect(await ada.heard(1)).toEqual([{ news: 'ada is here' }]);
  const eve = await come(base, 'eve');
  const bob = await come(base, 'bob');
  expect(await bob.heard(2)).toEqual([
    { from: 'ada', text: 'first' },
    { from: 'ada', text: 'second' },
  ]);
  ada.send({ news: 'all are here' });
  expect((await bob.heard(3)).at(-1)).toEqual({ news: 'all are here' });
  expect(await eve.heard(1)).toEqual([{ news: 'all are here' }]);
});

it('the hub closes with 1001 on SIGTERM, reports, and exits with 143', async () => {
  const { base, output, exited } = await startHub();
  const people = await Promise.all(['ada', 'bob', 'cat'].map((user) => come(base, user)));
  for (const person of people) person.send({ news: 'hello' });
  await Promise.all(people.map((person) => person.heard(3)));
  hub!.kill('SIGTERM');
  expect(await Promise.all(people.map(({ closed }) => closed))).toEqual([1001, 1001, 1001]);
  expect(await exited).toEqual([143, null]);
  expect(output.join('')).toMatch(/SIGTERM, closed main in .* (\d+) of \1 released/);
});

it.each([
  ['/?user=..%2Fetc', 401],
  ['/', 401],
])('the hub answers an upgrade of %s with %i', async (path, status) => {
  const { port } = await startHub();
  const request = get({ port, host: '127.0.0.1', path, headers: { Connection: 'Upgrade', Upgrade: 'websocket' } });
  const [response] = await once(request, 'response');
  expect(response.statusCode).toBe(status);
  response.resume();
});

it('the hub answers the ninth connection of one user with 429, and says how it does', async () => {
  const { base, port } = await startHub();
  for (let i = 0; i < 8; i++) await come(base, 'ada');
  const ninth = new Person(base, 'ada');
  expect(String((await once(ninth.socket, 'error'))[0])).toContain('429');
  const health = await fetch(`http://127.0.0.1:${port}/health`);
  expect(health.status).toBe(200);
  expect(await health.json()).toMatchObject({ status: 'healthy', held: { connections: 8, users: 1 } });
});
