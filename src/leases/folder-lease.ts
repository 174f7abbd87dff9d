import { builtin, checkOptionNames, checkOwner } from '../core/index.js';
import { makeEntry } from './entry-failure.js';
import { removeFolder, unlinkIfThere } from './entry-file.js';
import { checkLabel, Lease, type LeaseOptions } from './lease.js';
import { leasePath } from './owner.js';
import { place } from './place.js';

/** A temporary folder that goes with its owner. */
export class FolderLease extends Lease {
  /** The folder. */
  readonly path: string;

  constructor(entry: string, path: string) {
    super('folder', entry, () => {
      removeFolder(path);
      unlinkIfThere(entry);
    });
    this.path = path;
  }
}

/**
 * Makes a temporary folder (mode 0700) that is removed with everything in it by `release()`, by its scope, when this
 * process ends, or by anyone's `reclaim()` after it was killed. It has the name of its lease, so that a lease that somebody
 * forged leads to nothing else.
 *
 * @throws WatertightError WT_LEASES_FOLDER
 */
export function leaseFolder(options: LeaseOptions = {}): FolderLease {
  const where = 'lease.folder(options)';
  checkOptionNames(where, options, ['scope', 'label']);
  checkOwner(where, options.scope);
  checkLabel(where, 'label', options.label);
  const entry = leasePath('folder', options.label);
  const path = `${place().tempDir}/${builtin.path.basename(entry)}`;
  makeEntry(entry, () => builtin.files.symlinkSync(path, entry));
  try {
    makeEntry(path, () => builtin.files.mkdirSync(path, { mode: 0o700 }));
  } catch (error) {
    unlinkIfThere(entry);
    throw error;
  }
  return new FolderLease(entry, path).heldBy(options.scope);
}
