// A child process is leased before it is started: the lease's mark goes into its environment and from there into that of
// all its descendants. What carries the mark of a dead owner, or is the very process that was bound, is killed by reclaim.
// Both ways are needed: a program may clear its environment, and an owner may be killed before it knows the pid.

import { builtin, procStat } from '../core/index.js';
import { makeEntry } from './entry-failure.js';
import { unlinkIfThere } from './entry-file.js';
import { Lease } from './lease.js';
import { markOf } from './marked-processes.js';
import { leasePath } from './owner.js';

export class ChildLease extends Lease {
  /** For the child's environment, as `WATERTIGHT_LEASE`. */
  readonly mark: string;

  constructor(path: string) {
    super('child', path, () => unlinkIfThere(path));
    this.mark = markOf(path);
  }

  /** Says which process it is, as soon as that is known. False where that cannot be written: the mark alone has to do. */
  bind(pid: number): boolean {
    const stat = procStat(pid);
    if (!stat || !this.isHeld) return false;
    // A second lease takes the place of the first in one step.
    const next = leasePath('child');
    try {
      builtin.files.symlinkSync(`${pid}:${stat.startTicks}`, next);
      builtin.files.renameSync(next, this.entry);
      return true;
    } catch {
      return false;
    }
  }
}

/** Leases a child that is about to be started. @throws WatertightError WT_LEASES_FOLDER */
export function registerChild(label?: string): ChildLease {
  const path = leasePath('child', label);
  makeEntry(path, () => builtin.files.symlinkSync('-', path));
  return new ChildLease(path);
}
