/*
 * Is the pool whole? From the words themselves, by other code than the protocol's. Read with the lock held.
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
  HELD,
  IN_USE,
  LAYER_BITS,
  LAYER_SHIFT,
  type Layout,
  OPSEQ,
  REFERENCE_SHIFT,
  REFERENCES,
  SHARES_OR_BLOCK,
} from './layout.js';

export interface AuditReport {
  /** No problem was found. */
  readonly ok: boolean;
  /** Blocks. `free + held = total`, counted apart. */
  readonly total: number;
  readonly free: number;
  readonly held: number;
  /** References of agents to blocks, shares among them. */
  readonly references: number;
  readonly problems: readonly string[];
}

/** Problems that are told; a broken pool has one for each block. */
const PROBLEM_LIMIT = 20;

/** Cost: O(1); `deep`: O(capacity), 1 ms for 65,536 blocks. */
export function auditWords(m: Int32Array, l: Layout, deep: boolean): AuditReport {
  const problems: string[] = [];
  const bank = l.banksAt + (m[EPOCH] & 1) * l.bankWords;
  const [total, free, held, references] = [m[bank + BANK_TOTAL], m[FREE], m[HELD], m[REFERENCES]];
  if (free + held !== total) problems.push(`${free} free and ${held} held blocks are not ${total}`);
  if (references < held) problems.push(`${held} blocks are held by ${references} references`);
  if (m[OPSEQ] !== m[COMMIT]) problems.push(`operation ${m[OPSEQ]} is open, ${m[COMMIT]} was the last to end`);
  if (deep) scan(m, l, total, m[bank + BANK_LAYERS], problems);
  return { ok: problems.length === 0, total, free, held, references, problems: problems.slice(0, PROBLEM_LIMIT) };
}

function scan(m: Int32Array, l: Layout, total: number, layers: number, problems: string[]): void {
  const perBlock = new Int32Array(l.blocks);
  const shares = new Int32Array(l.blocks);
  const perLayer = new Int32Array(l.agents * l.layers);
  let references = 0;
  for (let r = 0; r < l.references; r++) {
    const at = l.referencesAt + (r << REFERENCE_SHIFT);
    const word = m[at];
    if (word === 0 || (word & FREED) !== 0) continue;
    const agent = (word & AGENT_BITS) - 1;
    const layer = (word >>> LAYER_SHIFT) & LAYER_BITS;
    const block = r < l.blocks ? r : m[at + SHARES_OR_BLOCK];
    references++;
    if (block < 0 || block >= total) problems.push(`reference ${r} is to block ${block} of ${total}`);
    else {
      perBlock[block]++;
      if (r >= l.blocks) shares[block]++;
    }
    if (agent >= l.agents || (m[l.agentsAt + agent * AGENT_WORDS] & IN_USE) === 0) {
      problems.push(`reference ${r} is of agent ${agent}, which is not in use`);
    } else if (layer >= layers) problems.push(`reference ${r} is of layer ${layer} of ${layers}`);
    else perLayer[agent * l.layers + layer]++;
  }
  if (references !== m[REFERENCES]) problems.push(`${references} references are counted as ${m[REFERENCES]}`);
  compareCounts(m, l, shares, perLayer, problems);
  checkFreeLists(m, l, total, perBlock, problems);
}

function compareCounts(m: Int32Array, l: Layout, shares: Int32Array, perLayer: Int32Array, problems: string[]): void {
  shares.forEach((count, block) => {
    const said = m[l.referencesAt + (block << REFERENCE_SHIFT) + SHARES_OR_BLOCK];
    if (said !== count) problems.push(`block ${block} has ${count} shares, counted as ${said}`);
  });
  for (let agent = 0; agent < l.agents; agent++) {
    const counts = perLayer.subarray(agent * l.layers, (agent + 1) * l.layers);
    const sum = counts.reduce((a, b) => a + b, 0);
    const said = m[l.agentsAt + agent * AGENT_WORDS + AGENT_COUNT];
    if (said !== sum) problems.push(`agent ${agent} has ${sum} references, counted as ${said}`);
    counts.forEach((count, layer) => {
      const saidOfLayer = m[l.layerCountsAt + agent * l.layers + layer];
      if (saidOfLayer !== count)
        problems.push(`agent ${agent} has ${count} in layer ${layer}, counted as ${saidOfLayer}`);
    });
  }
}

/** Each free block, and each free share, is listed once; nothing else is. */
function checkFreeLists(m: Int32Array, l: Layout, total: number, perBlock: Int32Array, problems: string[]): void {
  const listed = new Uint8Array(l.references);
  for (let i = 0; i < m[FREE]; i++) listed[m[l.freeAt + i]]++;
  for (let i = 0; i < m[FREE_SHARES]; i++) listed[m[l.freeSharesAt + i]]++;
  for (let r = 0; r < l.references; r++) {
    const word = m[l.referencesAt + (r << REFERENCE_SHIFT)];
    const isLive = word !== 0 && (word & FREED) === 0;
    const isFree = r < l.blocks ? r < total && perBlock[r] === 0 : !isLive;
    if (listed[r] !== (isFree ? 1 : 0)) problems.push(`${isFree ? 'free' : 'held'} ${r} is listed ${listed[r]} times`);
  }
}
