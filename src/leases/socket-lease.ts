import { builtin, checkOptionNames, checkOwner, kindOf, WatertightError } from '../core/index.js';
import { unlinkIfThere } from './entry-file.js';
import { checkLabel, Lease, type LeaseOptions } from './lease.js';
import { leasePath } from './owner.js';
import { claimPath, type SocketState, socketState } from './socket-file.js';

/** sun_path has 108 bytes with the closing zero (unix(7)). */
const MAX_PATH_BYTES = 107;

/** A leased path for a unix socket, free to be listened on. */
export class SocketLease extends Lease {
  /** Where to listen. */
  readonly socketPath: string;

  constructor(entry: string, socketPath: string) {
    super('socket', entry, () => endSocket(entry, socketPath));
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
  checkLabel(where, 'label', options.label);
  const absolute = checkSocketPath(where, socketPath);
  const entry = leasePath('socket', options.label);
  const other = await claimPath(entry, absolute);
  if (other) throw busy(absolute, `process ${other.pid} has leased it`);
  const found = await socketState(absolute);
  if (found !== 'none' && found !== 'left-behind') {
    unlinkIfThere(entry);
    throw busy(absolute, BUSY[found]);
  }
  unlinkIfThere(absolute);
  return new SocketLease(entry, absolute).heldBy(options.scope);
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

/** Nobody else touches the path while the lease is there. */
async function endSocket(entry: string, socketPath: string): Promise<void> {
  try {
    if ((await socketState(socketPath)) === 'left-behind') unlinkIfThere(socketPath);
  } finally {
    unlinkIfThere(entry);
  }
}

const BUSY = {
  listening: 'somebody listens there',
  'not-a-socket': 'something else than a socket stands there',
  'not-ours': 'a socket of another user stands there',
} satisfies Partial<Record<SocketState, string>>;

function busy(socketPath: string, why: string): WatertightError {
  return new WatertightError('WT_LEASES_SOCKET_BUSY', `Cannot lease the socket ${socketPath} as ${why}`, {
    hint: 'end the program that has it, or take another path',
    details: { path: socketPath },
  });
}
