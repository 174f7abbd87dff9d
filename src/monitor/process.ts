import {
  entriesIn,
  PROC_ENTRY_LIMIT,
  type ProcStat,
  procChildren,
  procDescriptors,
  procStatus,
  procThreads,
  readGauge,
} from '../core/index.js';
import type { ProcessSample } from './sample.js';

/** What to look at; everything is optional. */
export interface ProcessSamplerOptions {
  /** The process to read, one of the same user; by default this one. */
  readonly pid?: number;
  /** Folders in which the process puts its temporary files; by default none. */
  readonly tempDirs?: readonly string[];
  /** Descriptors that are the observer's own and stay out of the sample; asked at every sample. */
  readonly ignoreDescriptors?: () => ReadonlySet<number>;
}

/**
 * Reads what a process holds from the kernel, by identity. It holds nothing between two samples and needs no closing.
 *
 * Where there is no /proc (macOS, Windows) the sets are empty, `anonymousBytes` is 0 and `rssBytes` is known only for
 * this process. A process that ended gives an empty sample. A set never holds more than 65,536 entries.
 *
 * An identity may change its tail while the thing stays the same: a child gets a new name at exec and ` <zombie>` once
 * it ended unreaped, a deleted file gets ` (deleted)`. `pid:starttime` alone is the child's identity.
 *
 * Cost: synchronous, ≈ 1.5 ms at 200 descriptors (`bench/monitor/sample-cost.bench.ts`), 4 µs an entry of a temp folder.
 *
 * @example
 * const sampler = new ProcessSampler({ tempDirs: [os.tmpdir()] });
 * const { descriptors, children } = sampler.sample();
 */
export class ProcessSampler {
  readonly #pid: number;
  readonly #tempDirs: readonly string[];
  readonly #ignoreDescriptors: () => ReadonlySet<number>;

  /** Throws `RangeError` when `pid` is not a positive integer. */
  constructor(options: ProcessSamplerOptions = {}) {
    const { pid = process.pid, tempDirs = [], ignoreDescriptors = () => NO_DESCRIPTORS } = options;
    if (!Number.isSafeInteger(pid) || pid <= 0) throw new RangeError(`pid must be a positive integer, got ${pid}`);
    this.#pid = pid;
    this.#tempDirs = tempDirs;
    this.#ignoreDescriptors = ignoreDescriptors;
  }

  sample(): ProcessSample {
    const pid = this.#pid;
    const status = procStatus(pid);
    const threads = procThreads(pid);
    const threadIds = threads.map((thread) => thread.threadId);
    const { memoryFiles, ...open } = this.#openDescriptors();
    return {
      pid,
      rssBytes: status?.rssBytes ?? (pid === process.pid ? process.memoryUsage.rss() : 0),
      anonymousBytes: status?.anonymousBytes ?? 0,
      ...open,
      children: procChildren(pid, threadIds).map(childIdentity),
      threads: threads.map(({ threadId, name }) => `${threadId} ${name}`),
      ...sharedMemoryOf(pid, status?.userId, memoryFiles),
      blocks: pid === process.pid ? readGauge('blocks') : 0,
      tempFiles: this.#tempFiles(),
    };
  }

  #openDescriptors(): Pick<ProcessSample, 'descriptors' | 'sockets'> & { memoryFiles: string[] } {
    const ignored = this.#ignoreDescriptors();
    const descriptors: string[] = [];
    const sockets: string[] = [];
    const memoryFiles: string[] = [];
    for (const { fd, target } of procDescriptors(this.#pid)) {
      if (ignored.has(fd)) continue;
      const kind = target.startsWith('socket:') ? sockets : target.startsWith('/memfd:') ? memoryFiles : descriptors;
      kind.push(`${fd} ${target}`);
    }
    return { descriptors, sockets, memoryFiles };
  }

  #tempFiles(): string[] {
    const found: string[] = [];
    for (const folder of this.#tempDirs) {
      for (const entry of entriesIn(folder, PROC_ENTRY_LIMIT - found.length)) {
        found.push(`${entry.inode} ${entry.name}`);
        if (!entry.isFolder) continue;
        for (const inner of entriesIn(`${folder}/${entry.name}`, PROC_ENTRY_LIMIT - found.length)) {
          found.push(`${inner.inode} ${entry.name}/${inner.name}`);
        }
      }
    }
    return found.slice(0, PROC_ENTRY_LIMIT);
  }
}

const NO_DESCRIPTORS: ReadonlySet<number> = new Set();

function childIdentity({ pid, startTicks, name, state }: ProcStat): string {
  return `${pid}:${startTicks} ${name}${state === 'Z' ? ' <zombie>' : ''}`;
}

/** Names of `watertight/leases`: boot, the owner (its pid first), a number and a kind. */
const LEASE = /^wt\.[0-9a-f]{8}\.([0-9a-z]+)-[0-9a-z-]+\.(?:owner|[0-9a-z]+\.(segment|socket|child)(?:\.[\w-]+)?)$/;
const LOCK = /^wt-lock\.\d+\./;

function sharedMemoryOf(
  pid: number,
  userId: number | undefined,
  memoryFiles: readonly string[],
): Pick<ProcessSample, 'segments' | 'leases'> {
  const segments = [...memoryFiles];
  const leases: string[] = [];
  for (const entry of userId === undefined ? [] : entriesIn('/dev/shm')) {
    if (entry.userId !== userId) continue;
    const [isLease, owner, kind] = LEASE.exec(entry.name) ?? [];
    // An owner's own file goes with its thread.
    if (isLease && (kind === undefined || Number.parseInt(owner!, 36) !== pid)) continue;
    const isSegment = isLease ? kind === 'segment' : !LOCK.test(entry.name);
    (isSegment ? segments : leases).push(`${entry.inode} ${entry.name}`);
  }
  return { segments, leases };
}
