// Whoever changes what stands at a socket's path, to listen there or to remove what is left, leases the path first: only
// then looks whether another live owner has leased it, and steps back if so. Of two who do so at once both see each other, so
// that at most one goes on; who stepped back tries again a little later.
//
// A file is removed only if it is a socket, is ours, and nobody listens on it (connecting is refused).
import { builtin } from '../core/index.js';
import { makeEntry } from './entry-failure.js';
import { unlinkIfThere } from './entry-file.js';
import { type LeaseRow, listLeases } from './lease-list.js';
import { userId } from './place.js';

/** `left-behind`: a socket of ours on which nobody listens. */
export type SocketState = 'none' | 'left-behind' | 'listening' | 'not-a-socket' | 'not-ours';

const TRIES = 6;
/** Between two tries, each time anew from 1 to this: two who met are unlikely to meet again. */
const MOST_STEP_BACK_MS = 20;

/** Looks without changing anything; connects when it is a socket of ours. */
export async function socketState(path: string): Promise<SocketState> {
  const stat = builtin.files.lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return 'none';
  if (!stat.isSocket()) return 'not-a-socket';
  if (stat.uid !== userId()) return 'not-ours';
  return (await isRefused(path)) ? 'left-behind' : 'listening';
}

/** Whatever else happens (a full backlog, no permission), somebody may be there. */
function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = builtin.net.connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
}

/** Makes `entry` the lease of a path. @returns undefined, or the live lease that stands in the way; there is no entry then */
export async function claimPath(entry: string, socketPath: string): Promise<LeaseRow | undefined> {
  let other: LeaseRow | undefined;
  for (let tries = 0; tries < TRIES; tries++) {
    makeEntry(entry, () => builtin.files.symlinkSync(socketPath, entry));
    other = otherLease(entry, socketPath);
    if (!other) return undefined;
    unlinkIfThere(entry);
    await new Promise((resolve) => setTimeout(resolve, 1 + Math.random() * MOST_STEP_BACK_MS));
  }
  return other;
}

function otherLease(entry: string, socketPath: string): LeaseRow | undefined {
  return listLeases().find(
    (other) =>
      other.kind === 'socket' && other.path !== entry && other.target === socketPath && other.ownerState !== 'dead',
  );
}

/**
 * Removes the file of a dead owner's socket, if nobody listens there, and then its lease `left`.
 * @param entry for the time of it: a lease of this thread
 * @throws Error when a file is left there and somebody else is about to change that
 */
export async function removeLeftSocket(entry: string, left: string, socketPath: string): Promise<void> {
  const other = await claimPath(entry, socketPath);
  try {
    if ((await socketState(socketPath)) === 'left-behind') {
      if (other) throw new Error(`process ${other.pid} has leased the path ${socketPath}`);
      unlinkIfThere(socketPath);
    }
  } finally {
    if (!other) unlinkIfThere(entry);
  }
  unlinkIfThere(left);
}
