/** Memory of one V8 isolate (the main thread or one worker), read right after a garbage collection. Bytes. */
export interface IsolateSample {
  readonly heapUsedBytes: number;
  /** Part of it that is compiled code: it comes and goes with what V8 finds worth compiling. */
  readonly codeBytes: number;
  /** Memory that V8 has committed for its heap. */
  readonly heapTotalBytes: number;
  /** Memory that V8 accounts to objects outside its heap, array buffers included (`memoryUsage().external`). */
  readonly externalBytes: number;
  readonly arrayBuffersBytes: number;
  /** Active resources by type (`process.getActiveResourcesInfo()`): `{ Timeout: 2, TCPSocketWrap: 1 }`. */
  readonly resources: Readonly<Record<string, number>>;
}

/**
 * What one process holds from the kernel. Sets hold identities, never only counts: one closed and another leaked
 * nets to zero in a count and still is a leak.
 */
export interface ProcessSample {
  readonly pid: number;
  readonly rssBytes: number;
  /** Resident anonymous memory (`RssAnon`): heap, malloc, stacks; without mapped files. */
  readonly anonymousBytes: number;
  /** Open descriptors that are not sockets: `fd target`, e.g. `17 /var/log/a.log`, `18 pipe:[4711]`. */
  readonly descriptors: readonly string[];
  /** Open sockets: `fd socket:[inode]`. */
  readonly sockets: readonly string[];
  /** Direct children, zombies included: `pid:starttime name`. */
  readonly children: readonly string[];
  /** Threads: `tid name`. */
  readonly threads: readonly string[];
  /**
   * Shared memory: entries of /dev/shm owned by this user, those of Watertight only if this process leased them:
   * `inode name`; and open memory files without a name: `fd /memfd:name (deleted)`.
   */
  readonly segments: readonly string[];
  /** What this process leases of other kinds (`watertight/leases`: sockets, children, locks): `inode name`. */
  readonly leases: readonly string[];
  /** Blocks that are held in the block pools which the sampled isolate has open; 0 for another process. */
  readonly blocks: number;
  /** Entries of the process' temp folder, one level of folders deep: `inode relative/path`. */
  readonly tempFiles: readonly string[];
}
