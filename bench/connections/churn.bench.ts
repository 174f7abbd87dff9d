// What is left of 100,000 connections, and what does the registry cost beside the sockets of `ws`?
// Run: npx tsx bench/connections/churn.bench.ts [connections = 100000]
//
// Clients live in a process of their own and come over a unix socket: a closed TCP connection would hold its port for a
// minute, and there are 28,000 of them. Each connects, sends a text, waits for its echo, and goes; a third breaks off.
import { createHook } from 'node:async_hooks';
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { WebSocket, WebSocketServer } from 'ws';
import { ConnectionRegistry } from '../../src/connections/index.js';
import { Scope } from '../../src/scope/index.js';

const WAVE = 500;
const USERS = 100_000;
const IDLE = 2000;
const ROUNDS = 5;
const ROUND_CONNECTIONS = 2000;
const LISTENED = ['message', 'pong', 'error', 'close'];

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Heap in use after collections, when those no longer find anything. */
async function heapBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    await new Promise(setImmediate);
    gc();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;

/** The clients' process. It is told what to do, and tells when it has done it. */
async function clients(base: string): Promise<void> {
  const idle: WebSocket[] = [];
  const open = async (user: number) => {
    const socket = new WebSocket(`${base}/${user % USERS}`, { perMessageDeflate: false });
    await once(socket, 'open');
    return socket;
  };
  const visit = async (user: number) => {
    const socket = await open(user);
    socket.send('hello');
    await once(socket, 'message');
    const closed = once(socket, 'close');
    if (user % 3 === 0) socket.terminate();
    else socket.close();
    await closed;
  };
  process.on('message', async ({ verb, from, count }: { verb: string; from: number; count: number }) => {
    for (let at = from; at < from + count; at += WAVE) {
      const users = Array.from({ length: Math.min(WAVE, from + count - at) }, (_, i) => at + i);
      if (verb === 'visit') await Promise.all(users.map(visit));
      else idle.push(...(await Promise.all(users.map(open))));
    }
    process.send!('done');
  });
  process.send!('ready');
}

/** A server on a unix socket, with or without a registry, and the process of its clients. */
class Bench {
  readonly #scope: Scope;
  readonly #child: ChildProcess;
  readonly registry: ConnectionRegistry | null;
  /** Listeners that were left on sockets that have closed. */
  listenersLeft = 0;
  open = 0;
  #onEmpty: (() => void) | null = null;

  private constructor(scope: Scope, child: ChildProcess, webSockets: WebSocketServer, withRegistry: boolean) {
    this.#scope = scope;
    this.#child = child;
    this.registry = withRegistry
      ? new ConnectionRegistry({ scope, onMessage: (connection, text) => connection.send(text) })
      : null;
    webSockets.on('connection', (socket, request) => this.#onConnection(socket, request.url!.slice(1)));
  }

  static async start(withRegistry: boolean): Promise<Bench> {
    const scope = new Scope('bench');
    const path = join(await scope.tempDir(), 'bench.sock');
    const server = createServer();
    const webSockets = new WebSocketServer({ server, clientTracking: false });
    await once(server.listen(path), 'listening');
    const child = fork(fileURLToPath(import.meta.url), ['--clients', `ws+unix:${path}:`]);
    scope.defer('server', () => new Promise((resolve) => server.close(resolve)));
    scope.defer('clients', () => {
      child.kill();
      return once(child, 'exit');
    });
    await once(child, 'message');
    return new Bench(scope, child, webSockets, withRegistry);
  }

  async do(verb: 'visit' | 'stay', from: number, count: number): Promise<void> {
    const done = once(this.#child, 'message');
    this.#child.send({ verb, from, count });
    await done;
    if (verb === 'visit' && this.open > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  async close(): Promise<void> {
    await this.#scope.close();
  }

  #onConnection(socket: WebSocket, user: string): void {
    this.open++;
    if (this.registry) this.registry.attach(socket, user);
    else {
      socket.on('message', (data, binary) => socket.send(data, { binary }));
      socket.on('error', () => {});
    }
    socket.once('close', () => {
      // Behind the registry's own listener, which takes itself off.
      if (this.registry) for (const event of LISTENED) this.listenersLeft += socket.listenerCount(event);
      if (--this.open === 0) this.#onEmpty?.();
    });
  }
}

async function churn(connections: number): Promise<void> {
  const bench = await Bench.start(true);
  const registry = bench.registry!;
  const parts = 10;
  const heaps: number[] = [];
  const timersBefore = liveTimers.size;
  const started = performance.now();
  for (let part = 0; part < parts; part++) {
    await bench.do('visit', (part * connections) / parts, connections / parts);
    heaps.push(await heapBytes());
  }
  const seconds = (performance.now() - started) / 1000;
  const { held, totals } = registry.stats();
  const left = Object.entries(held).filter(([, count]) => count !== 0);
  const growth = (heaps.at(-1)! - heaps[1]!) / (connections * (1 - 2 / parts));
  console.log(
    `${totals.ended} of ${totals.attached} connections have ended; ${left.length} of ${Object.keys(held).length} gauges are not 0`,
  );
  console.log(`  ${JSON.stringify(held)}`);
  console.log(
    `  ${bench.listenersLeft} listeners left on their sockets; ${liveTimers.size - timersBefore} timers more than before`,
  );
  console.log(`  heap: ${growth.toFixed(2)} bytes a connection from the second tenth on`);
  console.log(`  ${heaps.map((bytes) => (bytes / 2 ** 20).toFixed(2)).join(', ')} MiB after each tenth`);
  console.log(
    `  ${(connections / seconds).toFixed(0)} connections a second, collections included; ${seconds.toFixed(0)} s`,
  );
  await bench.close();
}

/** Timers made and not cleared, unreferenced ones included. */
const liveTimers = new Set<number>();
const timerHook = createHook({
  init: (id, type) => {
    if (type === 'Timeout') liveTimers.add(id);
  },
  destroy: (id) => {
    liveTimers.delete(id);
  },
});

/** CPU of the server's process for a connection, its echo and its end. */
async function cost(): Promise<void> {
  const [plain, registry] = [await Bench.start(false), await Bench.start(true)];
  const cpu = new Map<Bench, number[]>([
    [plain, []],
    [registry, []],
  ]);
  for (const bench of [plain, registry]) await bench.do('visit', 0, ROUND_CONNECTIONS);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [bench, times] of cpu) {
      const before = process.cpuUsage();
      await bench.do('visit', round * ROUND_CONNECTIONS, ROUND_CONNECTIONS);
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / ROUND_CONNECTIONS);
    }
  }
  const [alone, owned] = [...cpu.values()] as [number[], number[]];
  const idle: number[] = [];
  for (const bench of [plain, registry]) {
    const before = await heapBytes();
    await bench.do('stay', 0, IDLE);
    idle.push(((await heapBytes()) - before) / IDLE);
  }
  const ratio = quantile(owned, 0.5) / quantile(alone, 0.5);
  console.log(`\na visit: ${ratio.toFixed(2)} × the CPU of ws alone`);
  for (const [name, times] of [
    ['registry', owned],
    ['ws alone', alone],
  ] as const) {
    const spread = `${Math.min(...times).toFixed(0)}–${Math.max(...times).toFixed(0)}`;
    console.log(
      `  ${name} ${quantile(times, 0.5).toFixed(0)} µs, spread ${spread}, ${ROUNDS} rounds of ${ROUND_CONNECTIONS}`,
    );
  }
  console.log(
    `an idle connection: ${(idle[1]! - idle[0]!).toFixed(0)} bytes beside the ${idle[0]!.toFixed(0)} of ws (${IDLE} held)`,
  );
  await plain.close();
  await registry.close();
}

if (process.argv[2] === '--clients') {
  await clients(process.argv[3]!);
} else {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  console.log(`Node ${process.version}, commit ${commit}`);
  timerHook.enable();
  await churn(Number(process.argv[2] ?? 100_000));
  // It slows promises down.
  timerHook.disable();
  await cost();
}
