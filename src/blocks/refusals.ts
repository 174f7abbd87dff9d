import { plainText, WatertightError } from '../core/index.js';

/** Names come from the program. */
const shown = (name: string) => plainText(name, 80);

export function exhaustedError(count: number, free: number, total: number): WatertightError {
  const message = `Cannot take ${count} blocks as only ${free} of ${total} are free`;
  return new WatertightError('WT_BLOCKS_EXHAUSTED', message, {
    hint: 'free what is no longer needed (usage() says who holds what), or make the pool larger',
    details: { count, free, total },
  });
}

export function windowError(
  agent: string,
  layer: number,
  count: number,
  held: number,
  window: number,
): WatertightError {
  const message = `Cannot take ${count} blocks in layer ${layer} for ${shown(agent)} as it has ${held} of at most ${window}`;
  return new WatertightError('WT_BLOCKS_WINDOW', message, {
    hint: 'free the blocks that left the sliding window first',
    details: { agent, layer, count, held, window },
  });
}

/** A handle that names nothing any more, by why. */
export function staleError(handle: unknown, place: number): WatertightError {
  const message = `Cannot use handle ${String(handle)} (number ${place}) as its block was freed since, or the pool reconfigured`;
  return new WatertightError('WT_BLOCKS_STALE_HANDLE', message, {
    hint: 'forget a handle when you free it; nothing was changed',
    details: { handle, place },
  });
}

export function doubleFreeError(handle: number, place: number): WatertightError {
  const message = `Cannot free handle ${handle} (number ${place}) as it is free already`;
  return new WatertightError('WT_BLOCKS_DOUBLE_FREE', message, {
    hint: 'free in one place, and name each handle once; nothing was freed',
    details: { handle, place },
  });
}

export function foreignError(handle: number, place: number, agent: string, holder: string): WatertightError {
  const message = `Cannot use handle ${handle} (number ${place}) for ${shown(agent)} as it is ${shown(holder)}'s`;
  return new WatertightError('WT_BLOCKS_FOREIGN_HANDLE', message, {
    hint: 'an agent uses its own handles; share() gives it one to the same block; nothing was changed',
    details: { handle, place, agent, holder },
  });
}

export function heldError(held: number, total: number, agents: readonly string[], timeoutMs?: number): WatertightError {
  const late = timeoutMs === undefined ? '' : ` after ${timeoutMs} ms`;
  const message = `Cannot reconfigure as ${held} of ${total} blocks are held${late}: ${shown(agents.join(', '))}`;
  return new WatertightError('WT_BLOCKS_HELD', message, {
    hint: 'free all agents first, or reconfigure with drain: true while they end; adopt or free those without an owner',
    details: { held, total, agents, timeoutMs },
  });
}

export function drainingError(pid: number): WatertightError {
  return new WatertightError('WT_BLOCKS_DRAINING', `Cannot do this as process ${pid} drains the pool`, {
    hint: 'try again when it has been reconfigured',
    details: { pid },
  });
}

export function agentHeldError(agent: string, pid: number): WatertightError {
  const whose = pid === 0 ? 'has no owner and holds blocks' : `belongs to process ${pid}`;
  const message = `Cannot use agent ${shown(agent)} as it ${whose}`;
  return new WatertightError('WT_BLOCKS_AGENT_HELD', message, {
    hint:
      pid === 0 ? 'adopt() it, or freeAgent() it' : 'let its owner handOver() or freeAgent() it, or use another name',
    details: { agent, pid },
  });
}

export function tooManyAgentsError(maxAgents: number): WatertightError {
  const message = `Cannot add an agent as ${maxAgents} hold blocks`;
  return new WatertightError('WT_BLOCKS_TOO_MANY_AGENTS', message, {
    hint: 'freeAgent() those that ended, or raise maxAgents',
    details: { maxAgents },
  });
}

export function tooManyParticipantsError(maxParticipants: number): WatertightError {
  const message = `Cannot attach as ${maxParticipants} take part`;
  return new WatertightError('WT_BLOCKS_TOO_MANY_PARTICIPANTS', message, {
    hint: 'close pools that are not used, attach once a thread, or raise maxParticipants',
    details: { maxParticipants },
  });
}

export function tooManySharesError(count: number, free: number, maxShares: number): WatertightError {
  const message = `Cannot share ${count} blocks as only ${free} of ${maxShares} shares are free`;
  return new WatertightError('WT_BLOCKS_TOO_MANY_SHARES', message, {
    hint: 'free shares that are not needed, or raise maxShares',
    details: { count, free, maxShares },
  });
}

export function lockTimeoutError(pid: number, timeoutMs: number): WatertightError {
  const message = `Cannot lock the pool within ${timeoutMs} ms as process ${pid} holds it`;
  return new WatertightError('WT_BLOCKS_LOCK_TIMEOUT', message, {
    hint: 'see whether that process is stopped or starved: a dead one loses the lock by itself',
    details: { pid, timeoutMs },
  });
}

export function closedBlocksError(name: string): WatertightError {
  return new WatertightError('WT_BLOCKS_CLOSED', `Cannot use ${shown(name)} as it is closed`, {
    hint: 'stop those who use it before it is closed: give both one scope, the user last',
    details: { name },
  });
}

export function layoutError(why: string): WatertightError {
  return new WatertightError('WT_BLOCKS_LAYOUT', `Cannot attach as the segment ${why}`, {
    hint: 'pass the handle of an open pool, made by the same version',
  });
}

export function unknownAgentError(agent: string): WatertightError {
  return new WatertightError('WT_BLOCKS_UNKNOWN_AGENT', `Cannot find an agent ${shown(agent)}`, {
    hint: 'check the name; an agent is there from its first block until freeAgent()',
    details: { agent },
  });
}

export function noDataError(name: string): WatertightError {
  return new WatertightError('WT_BLOCKS_NO_DATA', `Cannot give bytes of blocks as ${shown(name)} has none`, {
    hint: 'make the pool with data: true, or with a segment',
    details: { name },
  });
}
