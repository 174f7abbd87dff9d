import { isInUse, textAt } from './agent-names.js';
import {
  AGENT_COUNT,
  AGENT_NAME,
  AGENT_NAME_BYTES,
  AGENT_WORDS,
  BANK_BLOCK_BYTES,
  BANK_LAYERS,
  BANK_TOTAL,
  EPOCH,
  FREE,
  FREE_SHARES,
  HELD,
  KEEP,
  OPSEQ,
  OWNER_MASK,
  PARTICIPANT_WORDS,
  RECOVERIES,
  REFERENCES,
  SLOT_LIVE,
  TAKEOVERS,
} from './layout.js';
import { pidOf, pidOfOwner, uidAt } from './participants.js';
import { bankAt, ownerOf, type Party } from './protocol-lock.js';

export interface AgentUsage {
  readonly name: string;
  /** References that it holds, shares among them. */
  readonly references: number;
  /** The same by layer. */
  readonly layers: readonly number[];
  /** `references` times the size of a block: what it would hold without sharing. */
  readonly bytes: number;
  /** Process of its owner; 0 where nobody owns it. */
  readonly pid: number;
  readonly isMine: boolean;
  readonly onOwnerDeath: 'free' | 'keep';
}

export interface PoolUsage {
  readonly totalBlocks: number;
  readonly blockBytes: number;
  readonly layers: number;
  readonly free: number;
  readonly held: number;
  readonly references: number;
  readonly freeShares: number;
  readonly heldBytes: number;
  /** held / totalBlocks. */
  readonly utilisation: number;
  /** By layer, references of all agents. */
  readonly perLayer: readonly number[];
  readonly agents: readonly AgentUsage[];
  readonly participants: readonly { readonly pid: number; readonly isMe: boolean }[];
  /** How often what the dead owned was given back. */
  readonly recoveries: number;
  /** How often the lock of a dead holder was taken over. */
  readonly takeovers: number;
  /** How often the pool was reconfigured. */
  readonly epoch: number;
  readonly operations: number;
  /** Words of the pool beside the blocks' bytes. */
  readonly controlBytes: number;
}

/** Read with the lock held. Cost: 1 µs, and 1 µs an agent. */
export function usageOf(p: Party): PoolUsage {
  const { m, l } = p;
  const bank = bankAt(p);
  const [totalBlocks, blockBytes, layers] = [m[bank + BANK_TOTAL], m[bank + BANK_BLOCK_BYTES], m[bank + BANK_LAYERS]];
  const agents = agentsOf(p, layers, blockBytes);
  return {
    ...{ totalBlocks, blockBytes, layers, agents },
    free: m[FREE],
    held: m[HELD],
    references: m[REFERENCES],
    freeShares: m[FREE_SHARES],
    heldBytes: m[HELD] * blockBytes,
    utilisation: m[HELD] / totalBlocks,
    perLayer: Array.from({ length: layers }, (_, layer) => agents.reduce((sum, one) => sum + one.layers[layer], 0)),
    participants: participantsOf(p),
    recoveries: m[RECOVERIES],
    takeovers: m[TAKEOVERS],
    epoch: m[EPOCH],
    operations: m[OPSEQ],
    controlBytes: l.words * 4,
  };
}

function agentsOf(p: Party, layers: number, blockBytes: number): AgentUsage[] {
  const { m, l } = p;
  const agents: AgentUsage[] = [];
  for (let index = 0; index < l.agents; index++) {
    const at = l.agentsAt + index * AGENT_WORDS;
    const references = m[at + AGENT_COUNT];
    if (!isInUse(m[at])) continue;
    const counts = l.layerCountsAt + index * l.layers;
    const owner = m[at] & OWNER_MASK;
    agents.push({
      name: textAt(m, at + AGENT_NAME, m[at + AGENT_NAME_BYTES]),
      references,
      layers: Array.from(m.subarray(counts, counts + layers)),
      bytes: references * blockBytes,
      pid: pidOfOwner(p, owner),
      isMine: owner === p.owner,
      onOwnerDeath: m[at] & KEEP ? 'keep' : 'free',
    });
  }
  return agents;
}

function participantsOf(p: Party): PoolUsage['participants'] {
  const { m, l } = p;
  return Array.from({ length: l.participants }, (_, slot) => ({
    slot,
    at: l.participantsAt + slot * PARTICIPANT_WORDS,
  }))
    .filter(({ at }) => (m[at] & 3) === SLOT_LIVE)
    .map(({ slot, at }) => ({ pid: pidOf(uidAt(m, at + 1)), isMe: ownerOf(slot, m[at]) === p.owner }));
}
