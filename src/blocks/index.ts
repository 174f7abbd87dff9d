/**
 * Blocks of memory with owners: one pool for one thread, for workers, or for processes; a SIGKILL at any instant leaves
 * neither a lost block nor a doubly held one.
 *
 * @module
 * @example
 * import { BlockPool } from 'watertight/blocks';
 *
 * const pool = new BlockPool({ totalBlocks: 1000, blockBytes: 4096, layers: 4 });
 * const [first] = pool.allocate(10, 0, 'session-1');
 * pool.data(first).fill(7);
 * const [shared] = pool.share([first], 'session-1', 'session-2'); // the same block, one more reference
 * const own = pool.writable(shared, 'session-2'); // a copy, as session-1 has it too
 * console.log(pool.data(own)[0], pool.audit({ deep: true }).ok); // 7 true
 * pool.close();
 */
export type { AuditReport } from './audit.js';
export { BlockPool, type ReconfigureOptions, type Recovery } from './block-pool.js';
export type { AttachOptions, BlockLayout, BlockPoolOptions, LayerOptions } from './options.js';
export {
  type BorrowedPrefix,
  PrefixIndex,
  type PrefixIndexOptions,
  type PrefixIndexStats,
  type PrefixMatch,
} from './prefix-index.js';
export type { Tokens } from './prefix-keys.js';
export type { BlockPoolHandle } from './segments.js';
export type { AgentUsage, PoolUsage } from './usage.js';
