/*
 * Where everything is in the control words of a pool: Int32 words over one SharedArrayBuffer, the same in every thread and
 * process. Sizes are fixed when the pool is made (its capacity); what is in use of them is said by the configuration in
 * force, one of two banks, chosen by the parity of EPOCH: a reconfiguration takes effect by one store.
 *
 * Truth and what follows from it: the words of references, agents, participants, banks and the journal (OPKIND, OPNEW,
 * OPSEQ, COMMIT) are true. Free lists and counts are derived: who takes the lock of a dead holder rebuilds them.
 */

/** "WTBP": tells a pool from anything else. */
export const POOL_MAGIC = 0x57544250;
export const POOL_VERSION = 1;

// The header. LOCK has a cache line (16 words) to itself: who waits reads it while the holder writes the others.
export const MAGIC = 0;
export const VERSION = 1;
/** Capacities as they were given at creation: blocks, shares, agents, participants, layers. */
export const CAPACITY = 2;
export const LOCK = 16;
export const EPOCH = 32;
export const OPKIND = 33;
export const OPNEW = 34;
export const OPSEQ = 35;
export const COMMIT = 36;
export const DRAINING = 37;
export const TAKEOVERS = 38;
export const RECOVERIES = 39;
/** Behind the last reference that was ever used: shares from here on need not be looked at. Only grows. */
export const REFERENCES_END = 40;
// Derived from here on.
export const FREE = 41;
export const FREE_SHARES = 42;
export const HELD = 43;
export const REFERENCES = 44;
const HEADER_WORDS = 48;

// A bank: total blocks, bytes of a block, number of layers, then the window of each layer (0: none).
export const BANK_TOTAL = 0;
export const BANK_BLOCK_BYTES = 1;
export const BANK_LAYERS = 2;
export const BANK_WINDOWS = 3;

// A participant: state (generation << 2 | SLOT_…), then its owner's uid in ASCII.
export const SLOT_FREE = 0;
export const SLOT_CLAIMED = 1;
export const SLOT_LIVE = 2;
export const UID_WORDS = 12;
export const PARTICIPANT_WORDS = 1 + UID_WORDS;
/** An owner is one word: slot + 1 in 8 bits, then 21 bits of the slot's generation. 0 is nobody. */
export const OWNER_MASK = 0x1fffffff;
export const GENERATION_MASK = 0x1fffff;

// An agent: state (0, or IN_USE | KEEP | owner), serial number of its naming, count of references, bytes of the name, name.
export const IN_USE = 0x20000000;
export const KEEP = 0x40000000;
export const AGENT_SERIAL = 1;
export const AGENT_COUNT = 2;
export const AGENT_NAME_BYTES = 3;
export const AGENT_NAME = 4;
/** 120 bytes of UTF-8. */
export const NAME_WORDS = 30;
export const AGENT_WORDS = AGENT_NAME + NAME_WORDS;

// A reference: word (0, or agent + 1 | layer << 16 | FREED), number of its last operation, generation of its handle, and
// for the primary reference of a block how many live shares the block has (derived), for a share its block. A block is free
// when its primary reference is not live and it has no shares.
export const AGENT_BITS = 0xffff;
export const LAYER_SHIFT = 16;
export const LAYER_BITS = 0x3ff;
export const FREED = 1 << 26;
export const SEQ = 1;
export const GENERATION = 2;
export const SHARES_OR_BLOCK = 3;
export const REFERENCE_SHIFT = 2;

/** Operation numbers end here; then all are cleared and counting begins anew. */
export const SEQ_LIMIT = 0x7fffffff;

/** What a pool has room for. */
export interface Capacity {
  readonly blocks: number;
  /** References beside the first one of each block. */
  readonly shares: number;
  readonly agents: number;
  readonly participants: number;
  readonly layers: number;
}

export interface Layout extends Capacity {
  /** Primary references and shares together. */
  readonly references: number;
  readonly banksAt: number;
  readonly bankWords: number;
  readonly participantsAt: number;
  readonly agentsAt: number;
  /** Int32 [agents × layers]: references of an agent in a layer. Derived. */
  readonly layerCountsAt: number;
  readonly referencesAt: number;
  /** Int32 [blocks]: the first FREE of them are blocks that nobody holds. Derived. */
  readonly freeAt: number;
  /** Int32 [shares]: the first FREE_SHARES of them are references that nobody uses. Derived. */
  readonly freeSharesAt: number;
  /** Length of it all. */
  readonly words: number;
  /** A handle is index + indexSpan · generation + epochUnit · epoch; both factors are powers of two. */
  readonly indexSpan: number;
  readonly indexMask: number;
  readonly generationMask: number;
  readonly epochUnit: number;
}

/** Bits of a handle: what a JavaScript number holds exactly, less 8 for the epoch. */
const HANDLE_BITS = 53;
const EPOCH_BITS = 8;
export const EPOCH_MASK = 0xff;

/** Cost: one object. */
export function layoutOf(capacity: Capacity): Layout {
  const { blocks, shares, agents, participants, layers } = capacity;
  const references = blocks + shares;
  const bankWords = BANK_WINDOWS + layers;
  const banksAt = HEADER_WORDS;
  const participantsAt = banksAt + 2 * bankWords;
  const agentsAt = participantsAt + participants * PARTICIPANT_WORDS;
  const layerCountsAt = agentsAt + agents * AGENT_WORDS;
  // From a multiple of four words, so that a reference never lies across two cache lines.
  const referencesAt = (layerCountsAt + agents * layers + 3) & ~3;
  const freeAt = referencesAt + (references << REFERENCE_SHIFT);
  const freeSharesAt = freeAt + blocks;
  const indexBits = Math.max(1, Math.ceil(Math.log2(references)));
  const generationBits = Math.min(31, HANDLE_BITS - EPOCH_BITS - indexBits);
  return {
    ...{ blocks, shares, agents, participants, layers, references },
    ...{ banksAt, bankWords, participantsAt, agentsAt, layerCountsAt, referencesAt, freeAt, freeSharesAt },
    words: freeSharesAt + shares,
    indexSpan: 2 ** indexBits,
    indexMask: 2 ** indexBits - 1,
    generationMask: 2 ** generationBits - 1,
    epochUnit: 2 ** (indexBits + generationBits),
  };
}
