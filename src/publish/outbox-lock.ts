import { builtin, procStat } from '../core/index.js';
import { needNative } from '../native/index.js';
import { outboxBusyError, outboxFailedError } from './publish-errors.js';

/** A process that was killed between fork and exec of a child holds its lock until the exec: longer than any takes. */
const DEAD_HOLDER_MS = 100;

/**
 * Makes the folder ours, until the descriptor is closed or this process ends, however that ends (open file description lock,
 * fcntl(2)): the kernel says who lives. The file stays; its text is for messages.
 * @throws WatertightError WT_PUBLISH_OUTBOX_BUSY, WT_PUBLISH_OUTBOX_FAILED, WT_NATIVE_UNAVAILABLE
 */
export function takeFolder(folder: string): number {
  const calls = needNative('keep an outbox for one process');
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = builtin.files.constants;
  let fd: number | undefined;
  try {
    builtin.files.mkdirSync(folder, { recursive: true, mode: 0o700 });
    fd = builtin.files.openSync(`${folder}/lock`, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    const giveUpAt = performance.now() + DEAD_HOLDER_MS;
    while (!calls.tryLock(fd)) {
      const pid = holderOf(fd);
      if (isAlive(pid) || performance.now() > giveUpAt) throw outboxBusyError(folder, pid);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
    sayWho(fd);
    return fd;
  } catch (error) {
    if (fd !== undefined) builtin.files.closeSync(fd);
    if ((error as { code?: string }).code === 'WT_PUBLISH_OUTBOX_BUSY') throw error;
    throw outboxFailedError(folder, 'it cannot be opened', 'not-sent', error);
  }
}

function holderOf(fd: number): number | undefined {
  const text = Buffer.alloc(16);
  const pid = Number.parseInt(text.toString('latin1', 0, builtin.files.readSync(fd, text, 0, text.length, 0)), 10);
  return pid > 0 ? pid : undefined;
}

function isAlive(pid: number | undefined): boolean {
  const state = pid === undefined ? undefined : procStat(pid)?.state;
  return state !== undefined && state !== 'Z';
}

/** A lock on a full disk is one all the same. */
function sayWho(fd: number): void {
  try {
    builtin.files.ftruncateSync(fd);
    builtin.files.writeSync(fd, `${process.pid}\n`, 0);
  } catch {
    // Then nobody is named.
  }
}
