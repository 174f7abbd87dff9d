/*
 * Blocks taken, given back and shared. Each operation: check everything, then the journal (kind, number), then for each
 * reference its number and THEN its word, then what is derived, then COMMIT. Killed before COMMIT, it never happened.
 */
import {
  AGENT_BITS,
  AGENT_COUNT,
  AGENT_WORDS,
  BANK_BLOCK_BYTES,
  BANK_LAYERS,
  BANK_WINDOWS,
  DRAINING,
  EPOCH,
  EPOCH_MASK,
  FREE,
  FREE_SHARES,
  FREED,
  GENERATION,
  HELD,
  LAYER_BITS,
  LAYER_SHIFT,
  OPNEW,
  OWNER_MASK,
  REFERENCE_SHIFT,
  REFERENCES,
  REFERENCES_END,
  SEQ,
  SHARES_OR_BLOCK,
} from './layout.js';
import {
  AGENT_HELD,
  type AgentRef,
  dropReference,
  dropShare,
  findAgent,
  ownAgent,
  ownAsSeen,
} from './protocol-agents.js';
import {
  ALLOCATES,
  bankAt,
  begin,
  commit,
  FREES,
  isLive,
  LOCK_TIMEOUT,
  lock,
  MOVES,
  OK,
  type Party,
  unlock,
} from './protocol-lock.js';

export const EXHAUSTED = -5;
export const WINDOW = -6;
export const IS_DRAINING = -7;
export const FOREIGN_HANDLE = -8;
export const STALE_HANDLE = -9;
export const DOUBLE_FREE = -10;
export const TOO_MANY_SHARES = -11;
export const NO_LAYER = -12;

/** Takes `count` blocks for one layer of an agent, or none. Fills `out`. @returns OK or a refusal */
export function allocate(p: Party, agent: AgentRef, layer: number, count: number, out: number[]): number {
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  let result = p.m[FREE] < count ? EXHAUSTED : OK;
  if (result === OK) {
    let index = ownAsSeen(p, agent);
    if (index < 0) index = ownAgent(p, agent);
    result = index < 0 ? index : roomInLayer(p, index, layer, count);
    if (result === OK) {
      const s = begin(p, ALLOCATES);
      take(p, index, layer, count, s, out);
      commit(p, s);
    }
  }
  unlock(p);
  return result;
}

/** Takes `counts[layer]` blocks for each layer, or none at all. Fills `out[layer]`. @returns OK or a refusal */
export function allocateSequence(p: Party, agent: AgentRef, counts: readonly number[], out: number[][]): number {
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  const index = ownAgent(p, agent);
  const result = index < 0 ? index : roomForAll(p, index, counts);
  if (result === OK) {
    const s = begin(p, ALLOCATES);
    for (let layer = 0; layer < counts.length; layer++) take(p, index, layer, counts[layer], s, out[layer]);
    commit(p, s);
  }
  unlock(p);
  return result;
}

/** With the lock: whether an agent may get as many more in a layer. */
function roomInLayer(p: Party, agent: number, layer: number, count: number): number {
  const { m, l } = p;
  p.fault = layer;
  if (m[DRAINING] !== 0) return IS_DRAINING;
  const bank = bankAt(p);
  if (layer >= m[bank + BANK_LAYERS]) return NO_LAYER;
  const window = m[bank + BANK_WINDOWS + layer];
  if (window === 0) return OK;
  return m[l.layerCountsAt + agent * l.layers + layer] + count > window ? WINDOW : OK;
}

function roomForAll(p: Party, agent: number, counts: readonly number[]): number {
  let count = 0;
  for (let layer = 0; layer < counts.length; layer++) {
    count += counts[layer];
    const result = roomInLayer(p, agent, layer, counts[layer]);
    if (result !== OK) return result;
  }
  return count > p.m[FREE] ? EXHAUSTED : OK;
}

function take(p: Party, agent: number, layer: number, count: number, s: number, out: number[]): void {
  const { m, l } = p;
  const { referencesAt, generationMask, indexSpan } = l;
  const word = (agent + 1) | (layer << LAYER_SHIFT);
  const epoch = (m[EPOCH] & EPOCH_MASK) * l.epochUnit;
  const free = m[FREE] - count;
  const top = l.freeAt + free + count - 1;
  for (let i = 0; i < count; i++) {
    const block = m[top - i];
    const at = referencesAt + (block << REFERENCE_SHIFT);
    const generation = (m[at + GENERATION] + 1) & generationMask;
    //: take.generation (agent, layer, i, s)
    m[at + GENERATION] = generation;
    //: take.seq (agent, layer, i, s)
    m[at + SEQ] = s;
    //: take.word (agent, layer, i, s)
    m[at] = word;
    out[i] = block + generation * indexSpan + epoch;
  }
  //: take.counts (agent, layer, count, s) ~
  m[FREE] = free;
  m[HELD] += count;
  m[REFERENCES] += count;
  m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT] += count;
  m[l.layerCountsAt + agent * l.layers + layer] += count;
}

/** The reference that a handle names: its lowest bits, exact for any number. `faultOf` tells whether it is one. */
export function referenceOf(p: Party, handle: number): number {
  return handle & p.l.indexMask;
}

/** What is wrong with a handle for the agent with that tag (index + 1; 0: any agent): OK or a refusal. */
export function faultOf(p: Party, handle: number, tag: number): number {
  const { m, l } = p;
  const r = referenceOf(p, handle);
  if (r >= l.references) return STALE_HANDLE;
  const at = l.referencesAt + (r << REFERENCE_SHIFT);
  if (handle !== r + m[at + GENERATION] * l.indexSpan + (m[EPOCH] & EPOCH_MASK) * l.epochUnit) return STALE_HANDLE;
  const word = m[at];
  if (!isLive(word)) return word === 0 ? STALE_HANDLE : DOUBLE_FREE;
  return tag === 0 || (word & AGENT_BITS) === tag ? OK : FOREIGN_HANDLE;
}

export function blockOf(p: Party, handle: number): number {
  const r = referenceOf(p, handle);
  return r < p.l.blocks ? r : p.m[p.l.referencesAt + (r << REFERENCE_SHIFT) + SHARES_OR_BLOCK];
}

/**
 * Frees all of `handles`, or none. The journal's number is the mark by which a handle that comes twice is found:
 * marking changes no word, and undoing it changes none either.
 * @returns OK or a refusal, with the place of the wrong handle in `p.fault`
 */
export function free(p: Party, agent: AgentRef, handles: readonly number[]): number {
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  let index = ownAsSeen(p, agent);
  if (index < 0) index = findOwned(p, agent);
  let result = index === AGENT_HELD ? AGENT_HELD : OK;
  if (result === OK) {
    const s = begin(p, FREES);
    result = markAll(p, handles, index < 0 ? -1 : index + 1, s);
    if (result === OK) freeMarked(p, index, handles);
    commit(p, s);
  }
  unlock(p);
  return result;
}

function freeMarked(p: Party, agent: number, handles: readonly number[]): void {
  const { m, l } = p;
  const { referencesAt, freeAt, blocks, indexMask } = l;
  const layers = l.layerCountsAt + agent * l.layers;
  let free = m[FREE];
  let layer = 0;
  // Of the same layer, one after the other: counted at the end of the run.
  let run = 0;
  for (let i = 0; i < handles.length; i++) {
    const r = handles[i] & indexMask;
    const at = referencesAt + (r << REFERENCE_SHIFT);
    const word = m[at];
    const itsLayer = (word >>> LAYER_SHIFT) & LAYER_BITS;
    //: free.word (r, i)
    m[at] = word | FREED;
    //: free.one (r, i) ~
    if (itsLayer !== layer) {
      m[layers + layer] -= run;
      run = 0;
      layer = itsLayer;
    }
    run++;
    if (r >= blocks) free += dropShare(p, r, free);
    else if (m[at + SHARES_OR_BLOCK] === 0) m[freeAt + free++] = r;
  }
  //: free.counts (agent) ~
  m[layers + layer] -= run;
  m[HELD] -= free - m[FREE];
  m[FREE] = free;
  m[REFERENCES] -= handles.length;
  m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT] -= handles.length;
}

/** With the lock: as `ownAgent`, and makes none. */
function findOwned(p: Party, agent: AgentRef): number {
  const { m, l } = p;
  const index = findAgent(p, agent);
  if (index < 0) return index;
  const at = l.agentsAt + index * AGENT_WORDS;
  return (m[at] & OWNER_MASK) === p.owner || m[at + AGENT_COUNT] === 0 ? index : AGENT_HELD;
}

function markAll(p: Party, handles: readonly number[], tag: number, s: number): number {
  const { m, l } = p;
  const { referencesAt, references, indexMask, indexSpan } = l;
  const epoch = (m[EPOCH] & EPOCH_MASK) * l.epochUnit;
  for (let i = 0; i < handles.length; i++) {
    const handle = handles[i];
    const r = handle & indexMask;
    const at = referencesAt + (r << REFERENCE_SHIFT);
    const isGood =
      r < references &&
      handle === r + m[at + GENERATION] * indexSpan + epoch &&
      (m[at] & (AGENT_BITS | FREED)) === tag &&
      m[at + SEQ] !== s;
    if (!isGood) {
      p.fault = i;
      const fault = faultOf(p, handle, tag);
      return fault === OK ? DOUBLE_FREE : fault;
    }
    //: free.seq (i, s)
    m[at + SEQ] = s;
  }
  return OK;
}

/** More references of `to` to blocks of `from`, all or none. Fills `out`. @returns OK or a refusal */
export function share(p: Party, from: AgentRef, to: AgentRef, handles: readonly number[], out: number[]): number {
  const { m } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  let result = m[FREE_SHARES] < handles.length ? TOO_MANY_SHARES : m[DRAINING] !== 0 ? IS_DRAINING : OK;
  const tag = findAgent(p, from) + 1;
  for (let i = 0; result === OK && i < handles.length; i++) {
    result = faultOf(p, handles[i], tag > 0 ? tag : -1);
    p.fault = i;
  }
  if (result === OK) {
    const index = ownAgent(p, to);
    result = index < 0 ? index : roomForShares(p, index, handles);
    if (result === OK) {
      const s = begin(p, ALLOCATES);
      addShares(p, index, handles, s, out);
      commit(p, s);
    }
  }
  unlock(p);
  return result;
}

function roomForShares(p: Party, agent: number, handles: readonly number[]): number {
  const { m, l } = p;
  const more = new Int32Array(l.layers);
  for (let i = 0; i < handles.length; i++) {
    const layer = (m[l.referencesAt + (referenceOf(p, handles[i]) << REFERENCE_SHIFT)] >>> LAYER_SHIFT) & LAYER_BITS;
    if (roomInLayer(p, agent, layer, ++more[layer]) !== OK) return WINDOW;
  }
  return OK;
}

function addShares(p: Party, agent: number, handles: readonly number[], s: number, out: number[]): void {
  const { m, l } = p;
  const epoch = (m[EPOCH] & EPOCH_MASK) * l.epochUnit;
  const freeShares = m[FREE_SHARES];
  for (let i = 0; i < handles.length; i++) {
    const block = blockOf(p, handles[i]);
    const layer = (m[l.referencesAt + (referenceOf(p, handles[i]) << REFERENCE_SHIFT)] >>> LAYER_SHIFT) & LAYER_BITS;
    const r = m[l.freeSharesAt + freeShares - 1 - i];
    const at = l.referencesAt + (r << REFERENCE_SHIFT);
    if (r >= m[REFERENCES_END]) {
      //: share.end (r, i, s)
      m[REFERENCES_END] = r + 1;
    }
    const generation = (m[at + GENERATION] + 1) & l.generationMask;
    //: share.generation (r, i, s)
    m[at + GENERATION] = generation;
    //: share.block (r, i, s)
    m[at + SHARES_OR_BLOCK] = block;
    //: share.seq (r, i, s)
    m[at + SEQ] = s;
    //: share.word (r, i, s)
    m[at] = (agent + 1) | (layer << LAYER_SHIFT);
    //: share.counts (r, i, s) ~
    m[FREE_SHARES] = freeShares - 1 - i;
    m[REFERENCES]++;
    m[l.referencesAt + (block << REFERENCE_SHIFT) + SHARES_OR_BLOCK]++;
    m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT]++;
    m[l.layerCountsAt + agent * l.layers + layer]++;

    out[i] = r + generation * l.indexSpan + epoch;
  }
}

/**
 * A handle whose block nobody else refers to: the same one, or a new block with the data copied. The old reference goes in
 * the same operation. Sets `out[0]`. @returns OK or a refusal
 */
export function makeWritable(p: Party, agent: AgentRef, handle: number, out: number[]): number {
  const { m } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  const index = findOwned(p, agent);
  let result = index === AGENT_HELD ? AGENT_HELD : faultOf(p, handle, index < 0 ? -1 : index + 1);
  out[0] = handle;
  p.fault = 0;
  if (result === OK) {
    const block = blockOf(p, handle);
    if (isSoleReference(p, referenceOf(p, handle), block)) result = OK;
    else if (m[FREE] === 0) result = EXHAUSTED;
    else moveReference(p, index, referenceOf(p, handle), block, out);
  }
  unlock(p);
  return result;
}

function isSoleReference(p: Party, r: number, block: number): boolean {
  const at = p.l.referencesAt + (block << REFERENCE_SHIFT);
  const shares = p.m[at + SHARES_OR_BLOCK];
  return r === block ? shares === 0 : shares === 1 && !isLive(p.m[at]);
}

function moveReference(p: Party, agent: number, old: number, oldBlock: number, out: number[]): void {
  const { m, l } = p;
  const oldAt = l.referencesAt + (old << REFERENCE_SHIFT);
  const word = m[oldAt];
  const block = m[l.freeAt + m[FREE] - 1];
  //: move.new (block, old)
  m[OPNEW] = block;
  const s = begin(p, MOVES);
  take(p, agent, (word >>> LAYER_SHIFT) & LAYER_BITS, 1, s, out);
  p.env.copyBlock(oldBlock, block, m[bankAt(p) + BANK_BLOCK_BYTES]);
  //: move.seq (old, s)
  m[oldAt + SEQ] = s;
  //: move.word (old, s)
  m[oldAt] = word | FREED;
  dropReference(p, old, word);
  commit(p, s);
}
