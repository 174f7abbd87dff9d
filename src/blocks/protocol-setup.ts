/*
 * A pool's configuration: written into the bank that is not in force, then put in force by one store of EPOCH. Handles carry
 * the epoch, so those of an earlier one are refused.
 */
import {
  BANK_BLOCK_BYTES,
  BANK_LAYERS,
  BANK_TOTAL,
  BANK_WINDOWS,
  CAPACITY,
  DRAINING,
  EPOCH,
  HELD,
  type Layout,
  MAGIC,
  POOL_MAGIC,
  POOL_VERSION,
  REFERENCES_END,
  VERSION,
} from './layout.js';
import { dropOwner, type Recovered } from './protocol-agents.js';
import { IS_DRAINING } from './protocol-blocks.js';
import { LOCK_TIMEOUT, lock, OK, type Party, rebuild, releaseSlot, unlock } from './protocol-lock.js';

export const STILL_HELD = -13;

/** What can be changed while a pool lives. */
export interface Configuration {
  readonly totalBlocks: number;
  readonly blockBytes: number;
  /** Most references of an agent in each layer; 0 for no limit. */
  readonly windows: readonly number[];
}

/** Makes zeroed words a pool. Nobody else sees them yet: no step of this needs a marker. */
export function format(p: Party, configuration: Configuration): void {
  const { m, l } = p;
  [l.blocks, l.shares, l.agents, l.participants, l.layers].forEach((value, i) => {
    m[CAPACITY + i] = value;
  });
  writeBank(p, l.banksAt, configuration);
  m[REFERENCES_END] = l.blocks;
  rebuild(p);
  m[VERSION] = POOL_VERSION;
  Atomics.store(m, MAGIC, POOL_MAGIC);
}

/** Whether the words are a pool of this layout. */
export function isPool(m: Int32Array, l: Layout): boolean {
  const capacity = [l.blocks, l.shares, l.agents, l.participants, l.layers];
  return (
    m.length >= l.words &&
    Atomics.load(m, MAGIC) === POOL_MAGIC &&
    m[VERSION] === POOL_VERSION &&
    capacity.every((value, i) => m[CAPACITY + i] === value)
  );
}

/** Another configuration, while nothing is held. @returns OK or a refusal */
export function reconfigure(p: Party, configuration: Configuration): number {
  const { m, l } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  let result = m[HELD] > 0 ? STILL_HELD : OK;
  if (m[DRAINING] !== 0 && m[DRAINING] !== p.owner) result = IS_DRAINING;
  if (result === OK) {
    const epoch = m[EPOCH] + 1;
    writeBank(p, l.banksAt + (epoch & 1) * l.bankWords, configuration);
    //: config.epoch (epoch)
    m[EPOCH] = epoch;
    rebuild(p);
    //: config.drained (epoch)
    m[DRAINING] = 0;
  }
  unlock(p);
  return result;
}

function writeBank(p: Party, at: number, configuration: Configuration): void {
  const { m } = p;
  const { totalBlocks, blockBytes, windows } = configuration;
  //: bank.total (at)
  m[at + BANK_TOTAL] = totalBlocks;
  //: bank.bytes (at)
  m[at + BANK_BLOCK_BYTES] = blockBytes;
  //: bank.layers (at)
  m[at + BANK_LAYERS] = windows.length;
  for (let layer = 0; layer < windows.length; layer++) {
    //: bank.window (at, layer)
    m[at + BANK_WINDOWS + layer] = windows[layer];
  }
}

/** Nothing is allocated from here on, until `reconfigure` or `endDrain`, or this participant's death. */
export function beginDrain(p: Party): number {
  const { m } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  const result = m[DRAINING] === 0 || m[DRAINING] === p.owner ? OK : IS_DRAINING;
  if (result === OK) {
    //: drain.begin
    m[DRAINING] = p.owner;
  }
  unlock(p);
  return result;
}

/** Ends the drain of `drainer`: its own, or that of a dead one. */
export function endDrain(p: Party, drainer: number): void {
  // Without the lock, which may not be had: nobody but the drainer, and who has found it dead, ends a drain.
  //: drain.end
  Atomics.compareExchange(p.m, DRAINING, drainer, 0);
}

/** Leaves the pool: what this participant owns is freed, or kept for others to adopt. @returns OK or LOCK_TIMEOUT */
export function leave(p: Party, done: Recovered): number {
  const { m } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  dropOwner(p, p.owner, done);
  if (m[DRAINING] === p.owner) {
    //: leave.drain
    m[DRAINING] = 0;
  }
  unlock(p);
  releaseSlot(p);
  return OK;
}
