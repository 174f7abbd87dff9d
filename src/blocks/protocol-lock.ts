/*
 * The one lock of a pool, who may take it, and how it is mended when its holder was killed.
 *
 * Everything that changes shared words is in the files `protocol-*.ts`, pure over an Int32Array and an environment, and
 * every such step has a marker before it: a comment `//: label (live locals)`. In the product it costs nothing. The tests
 * compile the same text twice more: with a `yield` in place of each marker, for a checker that goes through every
 * interleaving with deaths in between; and with a SIGKILL of the own process in place of one of them. `~` after a marker
 * says that it stands for the lines up to the next blank one, which write derived words only: nobody reads those
 * without the lock, and who takes it over rebuilds them.
 *
 * Why plain stores do for the journal: who reads it after a death has seen the death (a system call) and has exchanged
 * LOCK; the dead thread's retired stores are visible by then, and those that it did not retire never happen. So its
 * stores end at one point in program order, on weakly ordered processors too.
 *
 * Rules: register before the first lock (an owner that cannot be judged would hold it for ever, one that is judged
 * dead would lose it alive); LOCK has the generation of its holder's slot, else the slot's next user would be taken for
 * the holder; a slot that is half written counts as alive.
 */
import {
  AGENT_BITS,
  AGENT_COUNT,
  AGENT_WORDS,
  BANK_LAYERS,
  BANK_TOTAL,
  COMMIT,
  EPOCH,
  FREE,
  FREE_SHARES,
  FREED,
  GENERATION_MASK,
  HELD,
  LAYER_BITS,
  LAYER_SHIFT,
  type Layout,
  LOCK,
  OPKIND,
  OPNEW,
  OPSEQ,
  PARTICIPANT_WORDS,
  REFERENCE_SHIFT,
  REFERENCES,
  REFERENCES_END,
  SEQ,
  SEQ_LIMIT,
  SHARES_OR_BLOCK,
  SLOT_CLAIMED,
  SLOT_FREE,
  SLOT_LIVE,
  TAKEOVERS,
  UID_WORDS,
} from './layout.js';

/** What the protocol asks of the world around it. */
export interface Environment {
  /** Is the owner with this uid (Int32 [UID_WORDS] at `at`) dead for certain? A system call. */
  isDead(words: Int32Array, at: number): boolean;
  /** Called first when the lock is not free. */
  startWaiting(): void;
  /** One pause; then look again, judge the holder too, or give up. */
  pause(seen: number): 'look' | 'judge' | 'give up';
  /** The lock of a dead holder is this one's now. */
  tookOver(): void;
  /** Bytes of block `from` to block `to`, blocks of `blockBytes`. */
  copyBlock(from: number, to: number, blockBytes: number): void;
}

/** One that takes part: its view of the words, and who it is. */
export interface Party {
  readonly m: Int32Array;
  readonly l: Layout;
  /** UID_WORDS words. */
  readonly uid: Int32Array;
  readonly env: Environment;
  /** slot + 1 | generation << 8; 0 while it is not registered. */
  owner: number;
  /** Place of the argument that was refused: of a handle, or a layer. */
  fault: number;
}

// What a journal says was going on. MOVES: OPNEW became a reference, another one was freed.
export const ALLOCATES = 1;
export const FREES = 2;
export const MOVES = 3;

// Results of protocol functions below zero are refusals.
export const OK = 0;
export const LOCK_TIMEOUT = -1;

const SLOT_BITS = 0xff;

export function slotAt(l: Layout, owner: number): number {
  return l.participantsAt + ((owner & SLOT_BITS) - 1) * PARTICIPANT_WORDS;
}

/** Takes a free slot, or that of a dead participant; what that one owned stays to be found by `recover`. */
export function register(p: Party): boolean {
  const { l } = p;
  for (let slot = 0; slot < l.participants; slot++) {
    if (claimSlot(p, slot, false)) return true;
  }
  for (let slot = 0; slot < l.participants; slot++) {
    if (claimSlot(p, slot, true)) return true;
  }
  return false;
}

function claimSlot(p: Party, slot: number, fromDead: boolean): boolean {
  const { m, l } = p;
  const at = l.participantsAt + slot * PARTICIPANT_WORDS;
  //: register.look (slot, fromDead)
  const state = Atomics.load(m, at);
  if ((state & 3) !== SLOT_FREE) {
    if (!fromDead) return false;
    if (!isDead(p, ownerOf(slot, state))) return false;
  }
  const generation = ((state >>> 2) + 1) & GENERATION_MASK;
  //: register.claim (slot, state)
  if (Atomics.compareExchange(m, at, state, (generation << 2) | SLOT_CLAIMED) !== state) return false;
  for (let i = 0; i < UID_WORDS; i++) {
    //: register.uid (slot, generation, i)
    m[at + 1 + i] = p.uid[i];
  }
  //: register.live (slot, generation)
  Atomics.store(m, at, (generation << 2) | SLOT_LIVE);
  p.owner = (slot + 1) | (generation << 8);
  return true;
}

/** The owner that a slot's state stands for. */
export function ownerOf(slot: number, state: number): number {
  return (slot + 1) | (((state >>> 2) & GENERATION_MASK) << 8);
}

/** Gives the slot back. Only without the lock: an owner whose slot is free is dead to the others. */
export function releaseSlot(p: Party): void {
  const { m, l, owner } = p;
  //: release.slot
  Atomics.store(m, slotAt(l, owner), ((owner >>> 8) << 2) | SLOT_FREE);
  p.owner = 0;
}

/** Whether that owner is gone for certain: its process or thread is dead, or its slot was given back or on to another. */
export function isDead(p: Party, owner: number): boolean {
  const { m, l } = p;
  const at = slotAt(l, owner);
  //: dead.state (owner)
  const state = Atomics.load(m, at);
  if (((state >>> 2) & GENERATION_MASK) !== owner >>> 8) return true;
  if ((state & 3) === SLOT_FREE) return true;
  if ((state & 3) === SLOT_CLAIMED) return false;
  //: dead.uid (owner)
  if (!p.env.isDead(m, at + 1)) return Atomics.load(m, at) !== state;
  return true;
}

/** Takes the lock; if its holder is dead, takes it over and mends what was left. @returns OK or LOCK_TIMEOUT */
export function lock(p: Party): number {
  //: lock.take
  const seen = Atomics.compareExchange(p.m, LOCK, 0, p.owner);
  return seen === 0 ? OK : waitForLock(p, NOBODY);
}

const NOBODY: readonly number[] = [];

/** As `lock`, by one who knows already that these are dead. They never come back: an owner is of one generation. */
export function lockDespite(p: Party, dead: readonly number[]): number {
  return waitForLock(p, dead);
}

function waitForLock(p: Party, dead: readonly number[]): number {
  const { m, env, owner } = p;
  env.startWaiting();
  for (;;) {
    //: lock.read
    const seen = Atomics.load(m, LOCK);
    if (seen === 0) {
      //: lock.retake
      if (Atomics.compareExchange(m, LOCK, 0, owner) === 0) return OK;
      continue;
    }
    // Its own: an exception, such as a full stack, left it behind.
    if (seen === owner) return mend(p);
    if (!dead.includes(seen)) {
      const next = env.pause(seen);
      if (next === 'give up') return LOCK_TIMEOUT;
      if (next === 'look') continue;
      if (!isDead(p, seen)) continue;
    }
    //: lock.steal (seen)
    if (Atomics.compareExchange(m, LOCK, seen, owner) === seen) return mend(p);
  }
}

export function unlock(p: Party): void {
  //: unlock
  Atomics.store(p.m, LOCK, 0);
}

/** With the lock: undoes an operation that did not end, then derives again what is derived. May be killed and done again. */
export function mend(p: Party): number {
  const { m } = p;
  p.env.tookOver();
  //: mend.count
  m[TAKEOVERS]++;
  undo(p);
  rebuild(p);
  return OK;
}

/** Begins an operation of the journal. @returns its number */
export function begin(p: Party, kind: number): number {
  const { m } = p;
  if (m[OPSEQ] >= SEQ_LIMIT) renumber(p);
  const s = m[OPSEQ] + 1;
  //: begin.kind (kind, s)
  m[OPKIND] = kind;
  //: begin.seq (kind, s)
  m[OPSEQ] = s;
  return s;
}

/** The operation took effect. */
export function commit(p: Party, s: number): void {
  //: commit (s)
  p.m[COMMIT] = s;
}

/** Numbers start anew before they would come back to those that references still carry. Once in 2³¹ operations. */
function renumber(p: Party): void {
  const { m, l } = p;
  const end = m[REFERENCES_END];
  for (let r = 0; r < end; r++) {
    //: renumber.reference (r)
    m[l.referencesAt + (r << REFERENCE_SHIFT) + SEQ] = -1;
  }
  // Between the two nothing carries number 0: there is nothing to undo.
  //: renumber.seq
  m[OPSEQ] = 0;
  //: renumber.commit
  m[COMMIT] = 0;
}

function undo(p: Party): void {
  const { m, l } = p;
  const s = m[OPSEQ];
  if (s === m[COMMIT]) return;
  const kind = m[OPKIND];
  const end = m[REFERENCES_END];
  for (let r = 0; r < end; r++) {
    const at = l.referencesAt + (r << REFERENCE_SHIFT);
    if (m[at + SEQ] !== s) continue;
    const wasTaken = kind === ALLOCATES || (kind === MOVES && m[OPNEW] === r);
    //: undo.word (r, s)
    m[at] = wasTaken ? 0 : m[at] & ~FREED;
  }
  //: undo.commit (s)
  m[COMMIT] = s;
}

export function isLive(word: number): boolean {
  return word !== 0 && (word & FREED) === 0;
}

/** Free lists and counts from the words of references. O(capacity). */
export function rebuild(p: Party): void {
  const { m, l } = p;
  clearCounts(p);
  const end = m[REFERENCES_END];
  let references = 0;
  for (let r = 0; r < end; r++) {
    const at = l.referencesAt + (r << REFERENCE_SHIFT);
    const word = m[at];
    if (word === 0 || (word & FREED) !== 0) continue;
    const agent = (word & AGENT_BITS) - 1;
    references++;
    //: rebuild.count (r, references) ~
    if (r >= l.blocks) m[l.referencesAt + (m[at + SHARES_OR_BLOCK] << REFERENCE_SHIFT) + SHARES_OR_BLOCK]++;
    m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT]++;
    m[l.layerCountsAt + agent * l.layers + ((word >>> LAYER_SHIFT) & LAYER_BITS)]++;
  }
  const total = m[bankAt(p) + BANK_TOTAL];
  const free = listFree(p, total);
  const freeShares = listFreeShares(p);
  //: rebuild.totals (references, free) ~
  m[FREE] = free;
  m[FREE_SHARES] = freeShares;
  m[HELD] = total - free;
  m[REFERENCES] = references;
}

function clearCounts(p: Party): void {
  const { m, l } = p;
  //: rebuild.clear ~
  for (let r = 0; r < l.blocks; r++) m[l.referencesAt + (r << REFERENCE_SHIFT) + SHARES_OR_BLOCK] = 0;
  for (let agent = 0; agent < l.agents; agent++) m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT] = 0;
  m.fill(0, l.layerCountsAt, l.layerCountsAt + l.agents * l.layers);
}

function listFree(p: Party, total: number): number {
  const { m, l } = p;
  let free = 0;
  //: rebuild.free ~
  for (let block = total - 1; block >= 0; block--) {
    const at = l.referencesAt + (block << REFERENCE_SHIFT);
    if (m[at + SHARES_OR_BLOCK] === 0 && !isLive(m[at])) m[l.freeAt + free++] = block;
  }
  return free;
}

function listFreeShares(p: Party): number {
  const { m, l } = p;
  let free = 0;
  //: rebuild.shares ~
  for (let r = l.references - 1; r >= l.blocks; r--) {
    if (!isLive(m[l.referencesAt + (r << REFERENCE_SHIFT)])) m[l.freeSharesAt + free++] = r;
  }
  return free;
}

/** Where the configuration in force begins. */
export function bankAt(p: Party): number {
  return p.l.banksAt + (p.m[EPOCH] & 1) * p.l.bankWords;
}

/** Layers in force. */
export function layersOf(p: Party): number {
  return p.m[bankAt(p) + BANK_LAYERS];
}
