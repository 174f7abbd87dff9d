// A unix socket's path is the user's own, so its lease is a link beside the others that leads to it.

import { builtin, checkOptionNames, checkOwner, kindOf, WatertightError } from '../core/index.js';
import { makeEntry } from './entry-failure.js';
import { unlinkIfThere } from './entry-file.js';
import { checkLabel, Lease, type LeaseOptions, leasePath } from './lease.js';
import { removeSocket, type SocketState, socketState } from './socket-file.js';

/** sun_path has 108 bytes with the closing zero (unix(7)). */
const MAX_PATH_BYTES = 107;

/** A leased path for a unix socket, free to be listened on. */
export class SocketLease extends Lease {
  /** Where to listen. */
  readonly socketPath: string;

  constructor(path: string, socketPath: string) {
    super('socket', path, () => endSocket(path, socketPath));
    this.socketPath = socketPath;
  }
}

/**
 * Leases the path of a unix socket before it is listened on: after a SIGKILL the file is removed by anyone's `reclaim()`,
 * or by the next `lease.socket()` of the same path. Listening and closing stay with the caller.
 *
 * @throws WatertightError WT_LEASES_SOCKET_BUSY when somebody listens there, or something else stands there; WT_LEASES_FOLDER
 */
export async function leaseSocket(socketPath: string, options: LeaseOptions = {}): Promise<SocketLease> {
  const where = 'lease.socket(path, options)';
  checkOptionNames(where, options, ['scope', 'label']);
  checkOwner(where, options.scope);
  checkLabel(where, options.label);
  const absolute = checkSocketPath(where, socketPath);
  const path = leasePath('socket', options.label);
  makeEntry(path, () => builtin.files.symlinkSync(absolute, path));
  const lease = new SocketLease(path, absolute).heldBy(options.scope);
  const found = await socketState(absolute);
  if (found === 'left-behind') unlinkIfThere(absolute);
  else if (found !== 'none') {
    unlinkIfThere(path);
    await lease.release();
    throw busy(absolute, found);
  }
  return lease;
}

function checkSocketPath(where: string, socketPath: unknown): string {
  if (typeof socketPath !== 'string' || socketPath === '' || socketPath.includes('\0')) {
    throw new TypeError(`${where}: path must be the path of a unix socket, not ${kindOf(socketPath)}`);
  }
  const absolute = builtin.path.resolve(socketPath);
  const bytes = Buffer.byteLength(absolute);
  if (bytes <= MAX_PATH_BYTES) return absolute;
  throw new RangeError(
    `${where}: path has ${bytes} bytes, and a unix socket's has at most ${MAX_PATH_BYTES} (unix(7))`,
  );
}

async function endSocket(path: string, socketPath: string): Promise<void> {
  if (builtin.files.lstatSync(path, { throwIfNoEntry: false })) await removeSocket(path, socketPath);
}

function busy(socketPath: string, found: SocketState): WatertightError {
  const why = {
    none: '',
    'left-behind': '',
    listening: 'somebody listens there',
    'not-a-socket': 'something else than a socket stands there',
    'not-ours': 'a socket of another user stands there',
  }[found];
  return new WatertightError('WT_LEASES_SOCKET_BUSY', `Cannot lease the socket ${socketPath} as ${why}`, {
    hint: found === 'listening' ? 'end the program that listens, or take another path' : 'take another path',
    details: { path: socketPath, found },
  });
}
