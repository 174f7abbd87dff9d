/** What a lease is for. */
export type LeaseKind = 'segment' | 'folder' | 'socket' | 'child';

/** What a lease's name says. */
export interface LeaseName {
  /** First eight hex digits of the boot's id. */
  readonly boot: string;
  /** See `Owner.uid`. */
  readonly ownerUid: string;
  /** `owner` is the file by which the owner is known to be alive. */
  readonly kind: LeaseKind | 'owner';
  readonly label: string;
}

/** What an owner's uid says: thread `threadId` of process `pid`, started at `startTicks`, of the PID namespace `pidSpace`. */
export interface OwnerUid {
  readonly pid: number;
  readonly threadId: number;
  /** Clock ticks from the boot to the thread's start; 0 where the system does not tell. */
  readonly startTicks: number;
  /** Inode of the namespace in which the numbers hold. */
  readonly pidSpace: number;
}

/** 63: a lease's name then has at most 135 characters of the 255 that a file name may have. */
export const LABEL_PATTERN = /^[A-Za-z0-9_-]{1,63}$/;

// wt.<boot>.<owner uid>.owner, wt.<boot>.<owner uid>.<number>.<kind>[.<label>]
const NAME =
  /^wt\.([0-9a-f]{8})\.((?:[0-9a-z]{1,11}-){4}[0-9a-z]{1,9})\.(?:(owner)|[0-9a-z]{1,11}\.(segment|folder|socket|child)(?:\.([A-Za-z0-9_-]{1,63}))?)$/;

/** Reads the name of a file; undefined for one that no lease can have. */
export function parseLeaseName(name: string): LeaseName | undefined {
  const match = NAME.exec(name);
  if (!match) return undefined;
  const [, boot, ownerUid, owner, kind, label = ''] = match;
  return { boot: boot!, ownerUid: ownerUid!, kind: (owner ?? kind) as LeaseName['kind'], label };
}

/** Numbers in base 36: `2s-2s-8xk1-1yqnmv0-k3j9zq`, at most 48 characters. */
export function formatOwnerUid(uid: OwnerUid, nonce: number): string {
  return [uid.pid, uid.threadId, uid.startTicks, uid.pidSpace, nonce].map((part) => part.toString(36)).join('-');
}

const UID = /^(?:[0-9a-z]{1,11}-){4}[0-9a-z]{1,9}$/;

export function isOwnerUid(text: string): boolean {
  return UID.test(text);
}

export function parseOwnerUid(uid: string): OwnerUid {
  const [pid, threadId, startTicks, pidSpace] = uid.split('-').map((part) => Number.parseInt(part, 36));
  return { pid: pid!, threadId: threadId!, startTicks: startTicks!, pidSpace: pidSpace! };
}
