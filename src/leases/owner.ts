// Who owns a lease, and whether it is alive.
//
// 1. An owner is a thread: a process has one for its main thread, a worker its own, so that what a terminated worker held
//    is found while its process lives on.
// 2. It holds a FIFO open for reading. The kernel closes that descriptor when the thread's process ends, Node when a worker
//    ends. Opening it for writing without waiting then fails with ENXIO (fifo(7)). This needs no native call, cannot mistake
//    a new process for an old one, and is right across PID namespaces that share the folder.
// 3. Between mkfifo and open an owner looks dead: numbers of its own PID namespace are asked too, and win.
// 4. What is killed is dead when the FIFO is closed, and may have ended some ms before: its other threads end one by one, and
//    a child between fork and exec holds it too. Such a child carries no mark yet and could not be found, so what is ending
//    is waited for.
// 5. Without a FIFO (none could be made, or it was removed by hand) the same numbers decide within one PID namespace: pid,
//    thread and start. From another namespace nothing is known, and nothing is touched.
import { builtin } from '../core/index.js';
import { native } from '../native/index.js';
import { formatOwnerUid, type LeaseKind, parseOwnerUid } from './lease-name.js';
import { place, startTicksOf, thisThread } from './place.js';

/** `unknown` counts as alive everywhere. */
export type OwnerState = 'alive' | 'dead' | 'unknown';

/** The owner of what one thread leases. */
export interface Owner {
  /** Names it once and for all: pid, thread, start, PID namespace and a random number, in base 36; at most 48 characters. */
  readonly uid: string;
}

export class ThreadOwner implements Owner {
  readonly uid = formatOwnerUid({ ...thisThread(), pidSpace: place().pidSpace }, Math.floor(Math.random() * 36 ** 7));
  /** Held, and closed by nobody but the end of the thread. */
  readonly fifo = holdFifo(ownerPath(this.uid));
  #leases = 0;

  /** A name that no other lease has, nor ever had. */
  nextName(kind: LeaseKind, label: string): string {
    const number = (this.#leases++).toString(36);
    return `wt.${place().boot}.${this.uid}.${number}.${kind}${label === '' ? '' : `.${label}`}`;
  }
}

let owner: ThreadOwner | undefined;
let onMade: (owner: ThreadOwner) => void = () => {};

/** Runs `listener` when this thread becomes an owner. */
export function whenOwner(listener: (owner: ThreadOwner) => void): void {
  onMade = listener;
}

/** The owner that stands for this thread; made on the first call. Cost: ≈ 50 µs once; without native calls 2 to 10 ms. */
export function threadOwner(): ThreadOwner {
  if (owner) return owner;
  owner = new ThreadOwner();
  onMade(owner);
  return owner;
}

/** A path for a new lease of this thread. Nothing is made yet. */
export function leasePath(kind: LeaseKind, label = ''): string {
  return `${place().folder}/${threadOwner().nextName(kind, label)}`;
}

export function ownerPath(uid: string): string {
  return `${place().folder}/wt.${place().boot}.${uid}.owner`;
}

/** Is the owner alive? Cost: 1 µs for one that is, 7 to 20 µs for one that is not. */
export function ownerState(uid: string): OwnerState {
  const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = builtin.files.constants;
  try {
    builtin.files.closeSync(builtin.files.openSync(ownerPath(uid), O_WRONLY | O_NONBLOCK | O_NOFOLLOW));
    return 'alive';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENXIO') return stateByNumbers(uid) === 'alive' ? 'alive' : 'dead';
    return code === 'ENOENT' ? stateByNumbers(uid) : 'unknown';
  }
}

/**
 * An owner that is `alive` only as its FIFO is not closed yet: other threads of its process are still ending, or a child that
 * it was starting has not begun its own program. Cost: 20 µs.
 */
export function isEnding(uid: string): boolean {
  const { pid, threadId, startTicks, pidSpace } = parseOwnerUid(uid);
  if (startTicks === 0 || pidSpace === 0 || pidSpace !== place().pidSpace) return false;
  return startTicksOf(pid, threadId) === undefined;
}

function stateByNumbers(uid: string): OwnerState {
  const { pid, threadId, startTicks, pidSpace } = parseOwnerUid(uid);
  if (startTicks === 0 || pidSpace === 0 || pidSpace !== place().pidSpace) return 'unknown';
  return startTicksOf(pid, threadId) === startTicks ? 'alive' : 'dead';
}

/** `mkfifo` comes from the usual folders, not from wherever PATH leads. */
const USUAL_PATH = { PATH: '/usr/bin:/bin:/usr/local/bin' };

/** Undefined where none can be made (a folder that is full or not ours, no descriptor left): the numbers have to do then. */
function holdFifo(path: string): number | undefined {
  const { O_RDONLY, O_NONBLOCK } = builtin.files.constants;
  try {
    makeFifo(path);
    return builtin.files.openSync(path, O_RDONLY | O_NONBLOCK);
  } catch {
    builtin.files.rmSync(path, { force: true });
    return undefined;
  }
}

function makeFifo(path: string): void {
  const calls = native();
  if (calls) calls.makeFifo(path, 0o600);
  else builtin.childProcess.spawnSync('mkfifo', ['-m', '600', path], { env: USUAL_PATH, stdio: 'ignore' });
}
