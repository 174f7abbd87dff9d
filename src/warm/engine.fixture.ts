// A member that does in its session what `data.does` says. Members meet on the words of the segment `words`.
import { createSocket } from 'node:dgram';
import { isMainThread, Worker } from 'node:worker_threads';
import { lease } from '../leases/index.js';
import { Segment } from '../shm/index.js';
import { serveSessions } from './index.js';
import type { MemberSession } from './member-session.js';

const words = (session: MemberSession) => new Int32Array(session.segments.words!.buffer, 0, 16);
/** One that nobody holds may be collected, and is then no segment left open. */
const kept: Segment[] = [];
const forEver = () => new Promise(() => {});
const isMine = (session: MemberSession) => {
  const { only } = (session.data ?? {}) as { only?: number };
  return only === undefined || only === session.index;
};

const begins: Record<string, (session: MemberSession) => unknown> = {
  nothing: () => undefined,
  says: (session) => session.send('begun'),
  thread: () => void new Worker('setInterval(() => {}, 1000)', { eval: true }),
  describe: ({ number, index, members, data, scope }) => ({ number, index, members, data, scope: scope.path }),
  echo: (session) => void session.on('message', (value) => session.send(value)),
  add: (session) => Atomics.add(words(session), 0, 1),
  /** Says at the end of its session that it has ended. */
  count: (session) => {
    Atomics.add(words(session), 0, 1);
    session.scope.defer('count', () => Atomics.sub(words(session), 0, 1));
  },
  socket: async (session) => {
    const socket = session.scope.use(createSocket('udp4'));
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    console.log('a socket');
    session.scope.interval('beat', 1000, () => {});
    Segment.create({ bytes: 4096, scope: session.scope });
    return socket.address().port;
  },
  throws: () => {
    throw Object.assign(new RangeError('no such model'), { code: 'E_MODEL' });
  },
  uncloneable: () => () => {},
  hangs: forEver,
  /** Hangs until its session ends. */
  waits: (session) =>
    new Promise((_, reject) => session.signal.addEventListener('abort', () => reject(session.signal.reason))),
  spins: (session) => {
    Atomics.add(words(session), 0, 1);
    for (;;);
  },
  exits: () => process.exit(7),
  'exits-later': (session) => void session.on('message', () => process.exit(7)),
  'throws-later': (session) =>
    void session.on('message', () => {
      throw new RangeError('out of tune');
    }),
  'exits-at-end': (session) => void session.scope.defer('exit', () => process.exit(7)),
  'fails-at-end': (session) =>
    void session.scope.defer('speaker', () => {
      throw new Error('no answer');
    }),
  'hangs-at-end': (session) => void session.scope.defer('speaker', forEver),
  'spins-at-end': (session) =>
    void session.scope.defer('speaker', () => {
      for (;;);
    }),
  'prints-at-end': (session) => void session.scope.defer('speaker', () => console.log('good night')),
  'leaves-timer': () => void setInterval(() => {}, 1000),
  'leaves-segment': () => void kept.push(Segment.create({ bytes: 4096 })),
  'leaves-socket': async () => {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  },
  /** A member that is killed runs no exit hooks: what it leased stays. */
  'leases-and-spins': (session) => {
    session.scope.defer('speaker', () => {
      for (;;);
    });
    return lease.folder().path;
  },
  dies: (session) => {
    const { afterMs } = session.data as { afterMs: number };
    setTimeout(() => (isMainThread ? process.kill(process.pid, 'SIGKILL') : process.exit(7)), afterMs).unref();
    Segment.create({ bytes: 4096, scope: session.scope, name: 'dying' });
  },
};

serveSessions((session) => {
  const { does = 'nothing' } = (session.data ?? {}) as { does?: string };
  return isMine(session) ? begins[does]!(session) : undefined;
});
