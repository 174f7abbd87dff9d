import { builtin, checkOptionNames, checkOwner } from '../core/index.js';
import { makeEntry } from './entry-failure.js';
import { removeFolder } from './entry-file.js';
import { checkLabel, Lease, type LeaseOptions, leasePath } from './lease.js';

/**
 * Makes a temporary folder (mode 0700) that is removed with everything in it by `release()`, by its scope, when this
 * process ends, or by anyone's `reclaim()` after it was killed.
 *
 * @throws WatertightError WT_LEASES_FOLDER
 */
export function leaseFolder(options: LeaseOptions = {}): Lease {
  const where = 'lease.folder(options)';
  checkOptionNames(where, options, ['scope', 'label']);
  checkOwner(where, options.scope);
  checkLabel(where, options.label);
  const path = leasePath('folder', options.label);
  makeEntry(path, () => builtin.files.mkdirSync(path, { mode: 0o700 }));
  return new Lease('folder', path, () => removeFolder(path)).heldBy(options.scope);
}
