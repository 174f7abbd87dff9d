// A socket file is removed only if it is a socket, is ours, nobody listens on it (connecting is refused), and no other
// owner who may be alive has leased the same path: who leases it now removes the old file and binds anew.
import { builtin } from '../core/index.js';
import { unlinkIfThere } from './entry-file.js';
import { listLeases } from './lease-list.js';
import { place } from './place.js';

/** `left-behind`: a socket of ours on which nobody listens. */
export type SocketState = 'none' | 'left-behind' | 'listening' | 'not-a-socket' | 'not-ours';

/** Looks without changing anything; connects when it is a socket of ours. */
export async function socketState(path: string): Promise<SocketState> {
  const stat = builtin.files.lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return 'none';
  if (!stat.isSocket()) return 'not-a-socket';
  if (stat.uid !== place().userId) return 'not-ours';
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

/** Removes a socket file that its owner left, if it is certain that it did; then the lease. */
export async function removeSocket(path: string, socketPath: string): Promise<void> {
  const before = builtin.files.lstatSync(socketPath, { throwIfNoEntry: false });
  if (before && (await socketState(socketPath)) === 'left-behind' && !isLeasedByAnother(path, socketPath)) {
    const now = builtin.files.lstatSync(socketPath, { throwIfNoEntry: false });
    if (now?.ino === before.ino && now.dev === before.dev) unlinkIfThere(socketPath);
  }
  unlinkIfThere(path);
}

function isLeasedByAnother(path: string, socketPath: string): boolean {
  return listLeases().some(
    (other) =>
      other.kind === 'socket' && other.path !== path && other.target === socketPath && other.ownerState !== 'dead',
  );
}
