/*
 * Agents: who blocks belong to, and which participant an agent belongs to. An agent's state is one word, and writing it
 * is what takes effect; its name is written before. An agent that holds nothing belongs to nobody: whoever asks next has it.
 */
import {
  AGENT_BITS,
  AGENT_COUNT,
  AGENT_NAME,
  AGENT_NAME_BYTES,
  AGENT_SERIAL,
  AGENT_WORDS,
  FREE,
  FREE_SHARES,
  FREED,
  HELD,
  IN_USE,
  KEEP,
  LAYER_BITS,
  LAYER_SHIFT,
  NAME_WORDS,
  OWNER_MASK,
  PARTICIPANT_WORDS,
  RECOVERIES,
  REFERENCE_SHIFT,
  REFERENCES,
  REFERENCES_END,
  SEQ,
  SHARES_OR_BLOCK,
  SLOT_FREE,
  SLOT_LIVE,
} from './layout.js';
import {
  begin,
  commit,
  FREES,
  isDead,
  isLive,
  LOCK_TIMEOUT,
  lock,
  lockDespite,
  OK,
  ownerOf,
  type Party,
  slotAt,
  unlock,
} from './protocol-lock.js';

export const AGENT_HELD = -2;
export const TOO_MANY_AGENTS = -3;
export const UNKNOWN_AGENT = -4;

/** An agent as one participant knows it: its name, and where it was seen last. */
export interface AgentRef {
  readonly nameBytes: number;
  /** NAME_WORDS words of UTF-8, the rest 0. */
  readonly nameWords: Int32Array;
  index: number;
  /** Number of the naming of that entry, 0 before it was seen; another one there means another agent. */
  serial: number;
  /** What it becomes when it is made: KEEP or 0. */
  policy: number;
}

/** With the lock: the index of an agent where it was seen last, if it is there still and this participant's; else -1. */
export function ownAsSeen(p: Party, agent: AgentRef): number {
  const { m } = p;
  const at = p.l.agentsAt + agent.index * AGENT_WORDS;
  return m[at + AGENT_SERIAL] === agent.serial && (m[at] & ~KEEP) === (IN_USE | p.owner) ? agent.index : -1;
}

/** With the lock: the index of an agent that this participant owns, made if there is none. @returns index or a refusal */
export function ownAgent(p: Party, agent: AgentRef): number {
  const { m, l } = p;
  const index = findAgent(p, agent);
  if (index < 0) return makeAgent(p, agent);
  const found = l.agentsAt + index * AGENT_WORDS;
  if ((m[found] & OWNER_MASK) === p.owner) return index;
  if (m[found + AGENT_COUNT] > 0) return AGENT_HELD;
  //: agent.take (index)
  m[found] = IN_USE | agent.policy | p.owner;
  return index;
}

/** With the lock: index of the agent with that name, or UNKNOWN_AGENT. Cost: none where it was seen last, else 2 ns an entry. */
export function findAgent(p: Party, agent: AgentRef): number {
  const { m, l } = p;
  const seenAt = l.agentsAt + agent.index * AGENT_WORDS;
  if (m[seenAt] !== 0 && m[seenAt + AGENT_SERIAL] === agent.serial) return agent.index;
  for (let index = 0; index < l.agents; index++) {
    const at = l.agentsAt + index * AGENT_WORDS;
    if (m[at] === 0 || m[at + AGENT_NAME_BYTES] !== agent.nameBytes || !hasName(m, at, agent)) continue;
    agent.index = index;
    agent.serial = m[at + AGENT_SERIAL];
    return index;
  }
  return UNKNOWN_AGENT;
}

function hasName(m: Int32Array, at: number, agent: AgentRef): boolean {
  const words = (agent.nameBytes + 3) >>> 2;
  for (let i = 0; i < words; i++) {
    if (m[at + AGENT_NAME + i] !== agent.nameWords[i]) return false;
  }
  return true;
}

function makeAgent(p: Party, agent: AgentRef): number {
  const { m, l } = p;
  const index = vacantAgent(p);
  if (index < 0) return TOO_MANY_AGENTS;
  const at = l.agentsAt + index * AGENT_WORDS;
  //: agent.vacate (index)
  m[at] = 0;
  const serial = (m[at + AGENT_SERIAL] + 1) | 0 || 1;
  //: agent.serial (index)
  m[at + AGENT_SERIAL] = serial;
  //: agent.bytes (index)
  m[at + AGENT_NAME_BYTES] = agent.nameBytes;
  for (let i = 0; i < NAME_WORDS; i++) {
    //: agent.name (index, i)
    m[at + AGENT_NAME + i] = agent.nameWords[i];
  }
  //: agent.state (index)
  m[at] = IN_USE | agent.policy | p.owner;
  agent.index = index;
  agent.serial = serial;
  return index;
}

/** An entry that is not in use, else one that holds nothing. */
function vacantAgent(p: Party): number {
  const { m, l } = p;
  let empty = -1;
  for (let index = 0; index < l.agents; index++) {
    const at = l.agentsAt + index * AGENT_WORDS;
    if (m[at] === 0) return index;
    if (empty < 0 && m[at + AGENT_COUNT] === 0) empty = index;
  }
  return empty;
}

/** Makes an agent this participant's: one that was handed over or left behind. @returns references that it holds, or a refusal */
export function adopt(p: Party, agent: AgentRef): number {
  const { m, l } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  const index = findAgent(p, agent);
  let result = index;
  if (index >= 0) {
    const at = l.agentsAt + index * AGENT_WORDS;
    const owner = m[at] & OWNER_MASK;
    result = m[at + AGENT_COUNT];
    if (owner !== 0 && owner !== p.owner && result > 0) result = AGENT_HELD;
    if (result >= 0) {
      //: adopt.state (index)
      m[at] = (m[at] & KEEP) | IN_USE | p.owner;
    }
  }
  unlock(p);
  return result;
}

/** Gives up an agent: `owner` 0; or sets what becomes of it when its owner dies. @returns OK or a refusal */
export function setAgent(p: Party, agent: AgentRef, policy: number, isGivenUp: boolean): number {
  const { m, l } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  const index = findAgent(p, agent);
  let result = index;
  if (index >= 0) {
    const at = l.agentsAt + index * AGENT_WORDS;
    result = (m[at] & OWNER_MASK) === p.owner ? OK : AGENT_HELD;
    if (result === OK) {
      //: agent.set (index)
      m[at] = IN_USE | policy | (isGivenUp ? 0 : p.owner);
    }
  }
  unlock(p);
  return result;
}

/** Frees all that an agent holds, and forgets the agent; one that nobody owns may be freed by anyone. @returns how many, or a refusal */
export function freeAgent(p: Party, agent: AgentRef): number {
  const { m, l } = p;
  if (lock(p) !== OK) return LOCK_TIMEOUT;
  const index = findAgent(p, agent);
  let result = index;
  if (index >= 0) {
    const at = l.agentsAt + index * AGENT_WORDS;
    const owner = m[at] & OWNER_MASK;
    const count = m[at + AGENT_COUNT];
    result = owner === p.owner || owner === 0 || count === 0 ? count : AGENT_HELD;
    if (result >= 0) {
      if (count > 0) freeWhere(p, index + 1, 0);
      //: agent.forget (index)
      m[at] = 0;
    }
  }
  unlock(p);
  return result;
}

/**
 * With the lock: frees, in one operation, every reference of one agent (`tag` = index + 1), or with tag 0 of all the agents
 * of `owner` that are not to be kept. @returns how many
 */
function freeWhere(p: Party, tag: number, owner: number): number {
  const { m, l } = p;
  const s = begin(p, FREES);
  const end = m[REFERENCES_END];
  let count = 0;
  for (let r = 0; r < end; r++) {
    const at = l.referencesAt + (r << REFERENCE_SHIFT);
    const word = m[at];
    if (!isLive(word)) continue;
    const agent = word & AGENT_BITS;
    if (tag > 0 ? agent !== tag : m[l.agentsAt + (agent - 1) * AGENT_WORDS] !== (IN_USE | owner)) continue;
    //: sweep.seq (r, s, count)
    m[at + SEQ] = s;
    //: sweep.word (r, s, count)
    m[at] = word | FREED;
    dropReference(p, r, word);
    count++;
  }
  commit(p, s);
  return count;
}

/** With the lock: the counts and free lists after reference `r`, whose word was `word`, is gone. All derived. */
export function dropReference(p: Party, r: number, word: number): void {
  const { m, l } = p;
  const agent = (word & AGENT_BITS) - 1;
  const at = l.referencesAt + (r << REFERENCE_SHIFT);
  const free = m[FREE];
  let freed = 0;
  if (r >= l.blocks) freed = dropShare(p, r, free);
  //: drop.counts (r) ~
  if (r < l.blocks && m[at + SHARES_OR_BLOCK] === 0) {
    freed = 1;
    m[l.freeAt + free] = r;
  }
  m[FREE] = free + freed;
  m[HELD] -= freed;
  m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT]--;
  m[l.layerCountsAt + agent * l.layers + ((word >>> LAYER_SHIFT) & LAYER_BITS)]--;
  m[REFERENCES]--;
}

/** With the lock: share `r` is free; so is its block, at place `free` of the list, if that was the last reference. @returns 1 or 0 */
export function dropShare(p: Party, r: number, free: number): number {
  const { m, l } = p;
  const block = m[l.referencesAt + (r << REFERENCE_SHIFT) + SHARES_OR_BLOCK];
  const at = l.referencesAt + (block << REFERENCE_SHIFT);
  //: drop.share (r) ~
  m[l.freeSharesAt + m[FREE_SHARES]++] = r;
  const shares = --m[at + SHARES_OR_BLOCK];
  if (shares > 0 || isLive(m[at])) return 0;
  m[l.freeAt + free] = block;
  return 1;
}

/** What a recovery did. */
export interface Recovered {
  participants: number;
  agents: number;
  references: number;
  blocks: number;
  orphans: number;
}

/** Frees or keeps what dead participants owned. @returns OK or LOCK_TIMEOUT; adds to `done` */
export function recover(p: Party, done: Recovered): number {
  const { m, l } = p;
  // Judging is a system call: before the lock. A dead owner stays dead, and its word never comes to mean another one.
  const dead = deadOwners(p);
  if (dead.length === 0) return OK;
  if (lockDespite(p, dead) !== OK) return LOCK_TIMEOUT;
  for (let i = 0; i < dead.length; i++) {
    dropOwner(p, dead[i], done);
    const state = ((dead[i] >>> 8) << 2) | SLOT_LIVE;
    //: recover.slot (dead, i)
    const was = Atomics.compareExchange(m, slotAt(l, dead[i]), state, (state & ~3) | SLOT_FREE);
    if (was === state) done.participants++;
  }
  //: recover.count
  m[RECOVERIES]++;
  unlock(p);
  return OK;
}

/** Owners that are dead for certain: those of slots, and those that agents name and whose slot is another's by now. */
function deadOwners(p: Party): number[] {
  const { m, l } = p;
  const dead: number[] = [];
  for (let slot = 0; slot < l.participants; slot++) {
    //: recover.look (slot, dead)
    const state = Atomics.load(m, l.participantsAt + slot * PARTICIPANT_WORDS);
    if ((state & 3) !== SLOT_LIVE) continue;
    const owner = ownerOf(slot, state);
    if (owner === p.owner) continue;
    if (isDead(p, owner)) dead.push(owner);
  }
  for (let index = 0; index < l.agents; index++) {
    //: recover.agent (index, dead)
    const owner = Atomics.load(m, l.agentsAt + index * AGENT_WORDS) & OWNER_MASK;
    if (owner === 0 || owner === p.owner || dead.includes(owner)) continue;
    if (isDead(p, owner)) dead.push(owner);
  }
  return dead;
}

/** With the lock: the agents of `owner` freed, or left without an owner where they are to be kept. */
export function dropOwner(p: Party, owner: number, done: Recovered): void {
  const { m, l } = p;
  const free = m[FREE];
  done.references += freeWhere(p, 0, owner);
  done.blocks += m[FREE] - free;
  for (let index = 0; index < l.agents; index++) {
    const at = l.agentsAt + index * AGENT_WORDS;
    const state = m[at];
    if ((state & OWNER_MASK) !== owner) continue;
    const isOrphan = m[at + AGENT_COUNT] > 0;
    //: recover.state (index, owner)
    m[at] = isOrphan ? IN_USE | KEEP : 0;
    if (isOrphan) done.orphans++;
    else done.agents++;
  }
}
