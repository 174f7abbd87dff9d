/**
 * What a process makes outside of itself and a SIGKILL would leave behind: every such thing has a lease, and a lease ends
 * with its owner. `reclaim()` removes what dead owners left, and never touches what lives.
 *
 * @module
 * @example
 * import { lease, reclaim } from 'watertight/leases';
 *
 * const { reclaimed } = await reclaim(); // what killed processes left
 * const folder = lease.folder({ label: 'uploads' });
 * console.log(reclaimed.length, folder.path, lease.list().length);
 * folder.release();
 */
import { leaseFolder } from './folder-lease.js';
import { listLeases } from './lease-list.js';
import { lock } from './lock.js';
import { leaseSocket } from './socket-lease.js';

/** The kinds of lease that a program takes by itself; segments and children come with their own rooms. */
export const lease = { folder: leaseFolder, socket: leaseSocket, lock, list: listLeases } as const;

export { ChildLease, registerChild } from './child-lease.js';
export { entryFailure, makeEntry } from './entry-failure.js';
export { unlinkIfThere } from './entry-file.js';
export type { FolderLease } from './folder-lease.js';
export { checkLabel, Lease, type LeaseOptions, reclaimAside, thisOwner } from './lease.js';
export { type LeaseRow, listLeases } from './lease-list.js';
export { type LeaseKind, parseLeaseName } from './lease-name.js';
export { Lock, type LockOptions } from './lock.js';
export { MARK_VARIABLE, markedProcesses } from './marked-processes.js';
export { leasePath, type Owner, type OwnerState, ownerState } from './owner.js';
export { place, userId } from './place.js';
export {
  type ReclaimFailure,
  type ReclaimOptions,
  type ReclaimReport,
  reclaim,
  removeDeadSegments,
} from './reclaim.js';
export type { SocketLease } from './socket-lease.js';
