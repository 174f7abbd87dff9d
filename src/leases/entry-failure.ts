import { builtin, WatertightError } from '../core/index.js';

/** Makes an entry of the folder of leases, or says why it cannot. @throws WatertightError WT_LEASES_FOLDER */
export function makeEntry<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw entryFailure(path, cause);
  }
}

const HINTS: Record<string, string> = {
  ENOSPC: 'it is full: `watertight reclaim` removes what dead processes left in it; or give it more space',
  EROFS: 'it is read-only: set WATERTIGHT_LEASE_DIR to a folder in memory that can be written',
  EACCES: 'it is not ours to write: set WATERTIGHT_LEASE_DIR to one that is, the same for all processes that share',
  ENOENT: 'it does not exist: set WATERTIGHT_LEASE_DIR to one that does, the same for all processes that share',
  EMFILE: 'no descriptor is left in this process: close some, or raise `ulimit -n`',
};

export function entryFailure(path: string, cause: unknown): WatertightError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  const folder = builtin.path.dirname(path);
  return new WatertightError('WT_LEASES_FOLDER', `Cannot make ${path} as the system refuses it (${code})`, {
    hint: HINTS[code] ?? `look at ${folder}`,
    details: { path, code },
    cause,
  });
}
