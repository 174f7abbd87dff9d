import { textAt } from './agent-names.js';
import {
  AGENT_BITS,
  AGENT_NAME,
  AGENT_NAME_BYTES,
  AGENT_WORDS,
  BANK_TOTAL,
  BANK_WINDOWS,
  DRAINING,
  FREE,
  FREE_SHARES,
  LOCK,
  REFERENCE_SHIFT,
} from './layout.js';
import { pidOfOwner } from './participants.js';
import { AGENT_HELD, type AgentRef, findAgent, TOO_MANY_AGENTS, UNKNOWN_AGENT } from './protocol-agents.js';
import {
  DOUBLE_FREE,
  EXHAUSTED,
  FOREIGN_HANDLE,
  IS_DRAINING,
  NO_LAYER,
  referenceOf,
  STALE_HANDLE,
  TOO_MANY_SHARES,
  WINDOW,
} from './protocol-blocks.js';
import { bankAt, LOCK_TIMEOUT, layersOf, type Party } from './protocol-lock.js';
import {
  agentHeldError,
  doubleFreeError,
  drainingError,
  exhaustedError,
  foreignError,
  lockTimeoutError,
  staleError,
  tooManyAgentsError,
  tooManySharesError,
  unknownAgentError,
  windowError,
} from './refusals.js';

/** What was asked for when the protocol refused. */
export interface Asked {
  readonly where: string;
  readonly lockTimeoutMs: number;
  readonly agent?: string;
  readonly ref?: AgentRef;
  /** Blocks asked for, of one layer or by layer. */
  readonly count?: number | readonly number[];
  readonly handles?: readonly number[];
}

/** The error for a refusal of the protocol, told from the words as they are now. */
export function refusalOf(p: Party, code: number, asked: Asked): Error {
  const { m, l } = p;
  const { agent = '', ref, count = 0, handles = [] } = asked;
  const place = p.fault;
  const sum = typeof count === 'number' ? count : count.reduce((a, b) => a + b, 0);
  if (code === LOCK_TIMEOUT) return lockTimeoutError(pidOfOwner(p, m[LOCK]), asked.lockTimeoutMs);
  if (code === EXHAUSTED) return exhaustedError(sum || 1, m[FREE], m[bankAt(p) + BANK_TOTAL]);
  if (code === WINDOW) return windowOf(p, agent, ref, typeof count === 'number' ? count || 1 : count[place]);
  if (code === IS_DRAINING) return drainingError(pidOfOwner(p, m[DRAINING]));
  if (code === AGENT_HELD) return agentHeldError(agent, ref ? ownerPid(p, ref) : 0);
  if (code === TOO_MANY_AGENTS) return tooManyAgentsError(l.agents);
  if (code === UNKNOWN_AGENT) return unknownAgentError(agent);
  if (code === TOO_MANY_SHARES) return tooManySharesError(handles.length, m[FREE_SHARES], l.shares);
  if (code === NO_LAYER) {
    return new RangeError(`${asked.where}: layer must be a whole number from 0 to ${layersOf(p) - 1}, got ${place}`);
  }
  return handleFault(p, code, agent, handles);
}

function handleFault(p: Party, code: number, agent: string, handles: readonly number[]): Error {
  const place = p.fault;
  const handle = handles[place];
  if (typeof handle !== 'number') return new TypeError(`handles[${place}] must be a number, not ${typeof handle}`);
  if (code === DOUBLE_FREE) return doubleFreeError(handle, place);
  if (code === FOREIGN_HANDLE) return foreignError(handle, place, agent, holderOf(p, handle));
  if (code === STALE_HANDLE) return staleError(handle, place);
  return new Error(`unknown refusal ${code}`);
}

function holderOf(p: Party, handle: number): string {
  const { m, l } = p;
  const index = (m[l.referencesAt + (referenceOf(p, handle) << REFERENCE_SHIFT)] & AGENT_BITS) - 1;
  const at = l.agentsAt + index * AGENT_WORDS;
  return index < 0 ? 'nobody' : textAt(m, at + AGENT_NAME, m[at + AGENT_NAME_BYTES]);
}

function ownerPid(p: Party, ref: AgentRef): number {
  const index = findAgent(p, ref);
  return index < 0 ? 0 : pidOfOwner(p, p.m[p.l.agentsAt + index * AGENT_WORDS]);
}

function windowOf(p: Party, agent: string, ref: AgentRef | undefined, count: number): Error {
  const { m, l } = p;
  const layer = p.fault;
  const index = ref ? findAgent(p, ref) : -1;
  const held = index < 0 ? 0 : m[l.layerCountsAt + index * l.layers + layer];
  return windowError(agent, layer, count, held, m[bankAt(p) + BANK_WINDOWS + layer]);
}
