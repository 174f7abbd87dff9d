import { kindOf, type Owned, registerGauge } from '../core/index.js';
import { ownerState, thisOwner } from '../leases/index.js';
import type { Segment } from '../shm/index.js';
import { AgentNames } from './agent-names.js';
import { type AuditReport, auditWords } from './audit.js';
import { BANK_BLOCK_BYTES, DRAINING, HELD, KEEP, LOCK, layoutOf } from './layout.js';
import { LockWait } from './lock-wait.js';
import {
  type AttachOptions,
  attachmentOf,
  type BlockLayout,
  type BlockPoolOptions,
  checkAttachOptions,
  checkLayoutOptions,
  configurationOf,
  settingsOf,
  whole,
} from './options.js';
import { uidAt, uidWords } from './participants.js';
import {
  AGENT_HELD,
  adopt,
  freeAgent,
  type Recovered,
  recover,
  setAgent,
  TOO_MANY_AGENTS,
  UNKNOWN_AGENT,
} from './protocol-agents.js';
import {
  allocate,
  allocateSequence,
  blockOf,
  DOUBLE_FREE,
  EXHAUSTED,
  faultOf,
  free,
  IS_DRAINING,
  makeWritable,
  STALE_HANDLE,
  share,
  TOO_MANY_SHARES,
} from './protocol-blocks.js';
import {
  bankAt,
  isDead,
  layersOf,
  lock,
  mend,
  OK,
  type Party,
  register,
  releaseSlot,
  unlock,
} from './protocol-lock.js';
import { beginDrain, endDrain, format, isPool, leave, reconfigure, STILL_HELD } from './protocol-setup.js';
import { type Asked, refusalOf } from './refusal-of.js';
import { closedBlocksError, heldError, layoutError, noDataError, tooManyParticipantsError } from './refusals.js';
import { type BlockPoolHandle, makeSegments, openSegments } from './segments.js';
import { type PoolUsage, usageOf } from './usage.js';

export interface ReconfigureOptions extends BlockLayout {
  /** Wait until nothing is held; nothing can be allocated meanwhile. Default: refuse while anything is held. */
  drain?: boolean;
  /** Longest wait of a drain, in ms. Default 30,000. */
  timeoutMs?: number;
}

/** What was given back for those who died. */
export interface Recovery {
  /** Participants that were found dead. */
  readonly participants: number;
  readonly freedAgents: number;
  readonly freedReferences: number;
  readonly freedBlocks: number;
  /** Agents that were kept and wait to be adopted. */
  readonly orphans: number;
  /** A dead one held the lock, and its operation was undone or found complete. */
  readonly tookOverLock: boolean;
}

const DRAIN_TIMEOUT_MS = 30_000;
const DRAIN_LOOK_MS = 2;
const MOST_TIMEOUT_MS = 2 ** 31 - 1;
/** Entries of the cache of names, for each agent that may be there at once. */
const NAMES_PER_AGENT = 2;
/** Refusals that may be due to somebody's death. */
const RECOVERABLE = [EXHAUSTED, AGENT_HELD, TOO_MANY_AGENTS, TOO_MANY_SHARES];

/**
 * A fixed number of equal blocks, shared by threads and processes, each block held for a named agent, each agent owned by
 * the pool object that allocated for it. Everything is all or nothing, and survives the SIGKILL of any participant at any
 * instant: an operation took effect, or it did not; what the dead owned is freed, or kept to be adopted.
 *
 * Owned by whoever made it; `close()` frees what it owns and gives up its place. Made once, attached by the others.
 *
 * Cost: see docs/blocks.md; allocating and freeing one block 0.1 µs, 16 blocks 0.3 µs.
 *
 * @example
 * const pool = new BlockPool({ totalBlocks: 1000, blockBytes: 4096, layers: 4 });
 * const handles = pool.allocate(10, 0, 'session-1');
 * pool.data(handles[0])[0] = 42;
 * pool.free(handles, 'session-1');
 * pool.close();
 */
export class BlockPool implements Disposable {
  readonly name: string;
  readonly handle: BlockPoolHandle;
  readonly #p: Party;
  readonly #names: AgentNames;
  readonly #wait: LockWait;
  readonly #segments: readonly Segment[];
  /** All the blocks' bytes; null without data. */
  readonly #bytes: Uint8Array | null;
  readonly #owned: Owned | undefined;
  readonly #stopGauge: () => void;
  #isClosed = false;
  #isDraining = false;

  /** @throws TypeError, RangeError; WatertightError WT_SCOPE_CLOSED; what making a segment throws */
  constructor(options: BlockPoolOptions);
  /** @internal */
  constructor(options: AttachOptions, handle: BlockPoolHandle);
  constructor(options: BlockPoolOptions | AttachOptions, handle?: BlockPoolHandle) {
    const where = handle ? 'BlockPool.attach()' : 'BlockPool';
    const settings = handle ? null : settingsOf(options as BlockPoolOptions);
    const { lockTimeoutMs, policy } = attachmentOf(where, options);
    const { words, segments, bytes, ...opened } = settings ? makeSegments(settings) : openSegments(handle!);
    this.handle = opened.handle;
    this.name = this.handle.name;
    const l = layoutOf(this.handle.capacity);
    this.#segments = segments;
    this.#bytes = bytes;
    this.#wait = new LockWait(lockTimeoutMs);
    this.#names = new AgentNames(NAMES_PER_AGENT * l.agents, policy);
    this.#p = { m: words, l, uid: uidWords(thisOwner().uid), env: this.#environment(), owner: 0, fault: 0 };
    if (settings) format(this.#p, settings.configuration);
    this.#join();
    this.#stopGauge = registerGauge('blocks', this, (pool) => pool.#p.m[HELD]);
    this.#owned = options.scope?.defer(this.name, () => this.close());
  }

  /**
   * Takes part in a pool that another thread or process made. What dead participants left is given back at once.
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_LAYOUT, WT_BLOCKS_TOO_MANY_PARTICIPANTS, WT_BLOCKS_LOCK_TIMEOUT
   */
  static attach(handle: BlockPoolHandle, options: AttachOptions = {}): BlockPool {
    if (handle?.kind !== 'watertight-blocks') {
      throw new TypeError(`BlockPool.attach(): handle must be the handle of a BlockPool, not ${kindOf(handle)}`);
    }
    checkAttachOptions('BlockPool.attach()', options);
    return new BlockPool(options, handle);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** How many layers there are now. @throws WatertightError WT_BLOCKS_CLOSED */
  get layers(): number {
    return layersOf(this.#open());
  }

  /**
   * Takes `count` blocks in `layer` for `agent`, or none. Gives their handles.
   * @param count from 0
   * @param layer from 0
   * @param agent 1 to 120 bytes of UTF-8
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_EXHAUSTED, _WINDOW, _DRAINING, _AGENT_HELD, _TOO_MANY_AGENTS,
   *   _LOCK_TIMEOUT, _CLOSED
   *
   * Cost: 60 ns and 6 ns a block.
   */
  allocate(count: number, layer: number, agent: string): number[] {
    const p = this.#open();
    if (!(count >= 0 && Number.isInteger(count))) whole('allocate()', 'count', count, 0, p.l.blocks);
    if (!(layer >= 0 && Number.isInteger(layer))) whole('allocate()', 'layer', layer, 0, layersOf(p) - 1);
    const ref = this.#names.ref('allocate()', agent);
    const handles: number[] = [];
    try {
      const result = allocate(p, ref, layer, count, handles);
      if (result === OK) return handles;
      const again = this.#canRetry(result) ? allocate(p, ref, layer, count, handles) : result;
      if (again === OK) return handles;
      throw this.#refusal(again, { agent, ref, count }, 'allocate()');
    } catch (error) {
      throw this.#mended(error);
    }
  }

  /**
   * Takes blocks in every layer for `agent`, or none at all. Gives the handles by layer.
   * @param counts one number for every layer, or as many numbers as there are layers
   * @throws as `allocate`
   */
  allocateSequence(counts: number | readonly number[], agent: string): number[][] {
    const p = this.#open();
    const where = 'allocateSequence()';
    const layers = layersOf(p);
    const list: readonly number[] = Array.isArray(counts) ? counts : new Array(layers).fill(counts);
    if (list.length !== layers) {
      throw new RangeError(`${where}: counts must have a number for each of ${layers} layers, got ${list.length}`);
    }
    for (const [layer, count] of list.entries()) whole(where, `counts[${layer}]`, count, 0, p.l.blocks);
    const ref = this.#names.ref(where, agent);
    const handles: number[][] = list.map(() => []);
    this.#run(() => allocateSequence(p, ref, list, handles), { agent, ref, count: list }, where);
    return handles;
  }

  /**
   * Gives back all of `handles`, or none: one that is stale, another agent's, freed or named twice changes nothing. A
   * block whose last reference it was is free.
   * @throws TypeError; WatertightError WT_BLOCKS_STALE_HANDLE, _DOUBLE_FREE, _FOREIGN_HANDLE, _AGENT_HELD, _LOCK_TIMEOUT, _CLOSED
   *
   * Cost: 40 ns and 6 ns a block.
   */
  free(handles: readonly number[], agent: string): void {
    const p = this.#open();
    checkHandles('free()', handles);
    const ref = this.#names.ref('free()', agent);
    if (handles.length === 0) return;
    try {
      const result = free(p, ref, handles);
      if (result !== OK) throw this.#refusal(result, { agent, ref, handles }, 'free()');
    } catch (error) {
      throw this.#mended(error);
    }
  }

  /**
   * Gives back all that an agent holds and forgets the agent. One without an owner may be freed by anyone; one that is not
   * there holds nothing.
   * @returns how many references it held
   * @throws TypeError; WatertightError WT_BLOCKS_AGENT_HELD, _LOCK_TIMEOUT, _CLOSED
   *
   * Cost: O(capacity): 0.1 ms at 65,536 blocks.
   */
  freeAgent(agent: string): number {
    const p = this.#open();
    const ref = this.#names.ref('freeAgent()', agent);
    const asked = { agent, ref };
    const count = this.#run(() => noneIfUnknown(freeAgent(p, ref)), asked, 'freeAgent()');
    this.#names.forget(agent);
    return count;
  }

  /**
   * More references to the same blocks: `toAgent` gets handles of its own, in the same layers, to be freed by themselves.
   * `fromAgent` may belong to another participant; `toAgent` is this one's.
   * @throws TypeError; WatertightError WT_BLOCKS_TOO_MANY_SHARES, _STALE_HANDLE, _FOREIGN_HANDLE, _WINDOW, and as `allocate`
   */
  share(handles: readonly number[], fromAgent: string, toAgent: string): number[] {
    const p = this.#open();
    checkHandles('share()', handles);
    const from = this.#names.ref('share()', fromAgent);
    const to = this.#names.ref('share()', toAgent);
    const out: number[] = [];
    const asked = { agent: toAgent, ref: to, handles };
    this.#run(() => freedIsStale(share(p, from, to, handles, out)), asked, 'share()');
    return out;
  }

  /**
   * A handle whose block nobody else refers to: the same one while that is so, else one to a new block with the data
   * copied (copy on write); the old handle is stale then.
   * @throws WatertightError WT_BLOCKS_EXHAUSTED, _STALE_HANDLE, _FOREIGN_HANDLE, _AGENT_HELD, _LOCK_TIMEOUT, _CLOSED
   */
  writable(handle: number, agent: string): number {
    const p = this.#open();
    checkHandle('writable()', handle);
    const ref = this.#names.ref('writable()', agent);
    const out: number[] = [];
    const asked = { agent, ref, count: 1, handles: [handle] };
    this.#run(() => freedIsStale(makeWritable(p, ref, handle, out)), asked, 'writable()');
    return out[0];
  }

  /**
   * The bytes of a handle's block, a view of fixed length. Not zeroed: they are as the last holder left them. Keep it no
   * longer than the handle.
   * @throws WatertightError WT_BLOCKS_STALE_HANDLE, _NO_DATA, _CLOSED. Cost: 0.2 µs, the view.
   */
  data(handle: number): Uint8Array {
    const block = this.blockIndex(handle);
    if (!this.#bytes) throw noDataError(this.name);
    const blockBytes = this.#p.m[bankAt(this.#p) + BANK_BLOCK_BYTES];
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + block * blockBytes, blockBytes);
  }

  /** The block that a handle refers to, from 0. @throws WatertightError WT_BLOCKS_STALE_HANDLE, _CLOSED. Cost: 10 ns. */
  blockIndex(handle: number): number {
    const p = this.#open();
    checkHandle('blockIndex()', handle);
    p.fault = 0;
    const fault = faultOf(p, handle, 0);
    if (fault !== OK) throw this.#refusal(STALE_HANDLE, { handles: [handle] }, 'blockIndex()');
    return blockOf(p, handle);
  }

  /**
   * Whether a handle still refers to its block: not freed, nor the pool reconfigured since.
   * @throws TypeError; WatertightError WT_BLOCKS_CLOSED. Cost: 10 ns.
   */
  isLive(handle: number): boolean {
    const p = this.#open();
    checkHandle('isLive()', handle);
    return faultOf(p, handle, 0) === OK;
  }

  /**
   * Takes over an agent without an owner: handed over, or kept when its owner died. Its handles go on.
   * @returns how many references it holds
   * @throws WatertightError WT_BLOCKS_UNKNOWN_AGENT, _AGENT_HELD, _LOCK_TIMEOUT, _CLOSED
   */
  adopt(agent: string): number {
    const p = this.#open();
    const ref = this.#names.ref('adopt()', agent);
    return this.#run(() => adopt(p, ref), { agent, ref }, 'adopt()');
  }

  /** Gives up an agent, so that another participant may adopt it. Until then nobody's death frees it. @throws as `adopt` */
  handOver(agent: string): void {
    this.#set(agent, KEEP, true, 'handOver()');
  }

  /** From now on this agent's blocks are kept when its owner dies or closes, for another one to adopt. @throws as `adopt` */
  keep(agent: string): void {
    this.#set(agent, KEEP, false, 'keep()');
  }

  /**
   * Gives back what dead participants owned. Done by itself when one attaches, and before anything is refused for lack of
   * blocks, agents or shares, or as another's agent.
   * @throws WatertightError WT_BLOCKS_LOCK_TIMEOUT, _CLOSED
   *
   * Cost: 1 to 7 µs a participant; with a dead one O(capacity): 1 ms at 65,536 blocks.
   */
  recover(): Recovery {
    const p = this.#open();
    const { takeovers } = this.#wait;
    const done: Recovered = { participants: 0, agents: 0, references: 0, blocks: 0, orphans: 0 };
    this.#run(() => recover(p, done), {}, 'recover()');
    return {
      participants: done.participants,
      freedAgents: done.agents,
      freedReferences: done.references,
      freedBlocks: done.blocks,
      orphans: done.orphans,
      tookOverLock: this.#wait.takeovers > takeovers,
    };
  }

  /**
   * Another number and size of blocks, and other layers, for everyone. Handles of before are refused from then on.
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_HELD, _DRAINING, _LOCK_TIMEOUT, _CLOSED
   */
  async reconfigure(options: ReconfigureOptions): Promise<void> {
    const where = 'reconfigure()';
    const p = this.#open();
    checkLayoutOptions(where, options, ['drain', 'timeoutMs']);
    const configuration = configurationOf(where, options, p.l);
    const bytes = configuration.totalBlocks * configuration.blockBytes;
    if (this.#bytes && bytes > this.#bytes.length) {
      throw new RangeError(`${where}: ${bytes} bytes of blocks must fit into the ${this.#bytes.length} of the pool`);
    }
    const { drain = false, timeoutMs = DRAIN_TIMEOUT_MS } = options;
    whole(where, 'timeoutMs', timeoutMs, 0, MOST_TIMEOUT_MS);
    const attempt = () => this.#run(() => heldAsOne(reconfigure(p, configuration)), {}, where) === OK;
    if (!drain) {
      if (attempt() || (this.recover().freedBlocks > 0 && attempt())) return;
      throw this.#stillHeld();
    }
    await this.#drain(attempt, timeoutMs);
  }

  /**
   * Whether free and held blocks are all there are, counted apart: O(1). `deep` looks at every word as well.
   * @throws WatertightError WT_BLOCKS_LOCK_TIMEOUT, _CLOSED
   */
  audit({ deep = false }: { deep?: boolean } = {}): AuditReport {
    return this.#locked('audit()', (p) => auditWords(p.m, p.l, deep));
  }

  /** Who holds what. @throws WatertightError WT_BLOCKS_LOCK_TIMEOUT, _CLOSED. Cost: 1 µs an agent. */
  usage(): PoolUsage {
    return this.#locked('usage()', usageOf);
  }

  /**
   * Frees what this participant owns, except what is kept, and leaves. Others go on. Closing again does nothing.
   * @throws WatertightError WT_BLOCKS_LOCK_TIMEOUT: it is not closed then
   */
  close(): void {
    if (this.#isClosed) return;
    const done: Recovered = { participants: 0, agents: 0, references: 0, blocks: 0, orphans: 0 };
    this.#run(() => leave(this.#p, done), {}, 'close()');
    this.#isClosed = true;
    this.#stopGauge();
    this.#owned?.detach();
    for (const segment of this.#segments) segment.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #open(): Party {
    if (this.#isClosed) throw closedBlocksError(this.name);
    return this.#p;
  }

  #join(): void {
    const isForeign = !isPool(this.#p.m, this.#p.l);
    if (isForeign || !register(this.#p)) {
      for (const segment of this.#segments) segment.close();
      throw isForeign ? layoutError('is no pool of blocks') : tooManyParticipantsError(this.#p.l.participants);
    }
    try {
      this.recover();
    } catch (error) {
      releaseSlot(this.#p);
      for (const segment of this.#segments) segment.close();
      throw error;
    }
  }

  #environment(): Party['env'] {
    const wait = this.#wait;
    const bytes = this.#bytes;
    return {
      isDead: (words, at) => ownerState(uidAt(words, at)) === 'dead',
      startWaiting: () => wait.start(),
      pause: (seen) => wait.pause(seen),
      tookOver: () => {
        wait.takeovers++;
      },
      copyBlock: (from, to, blockBytes) => {
        bytes?.copyWithin(to * blockBytes, from * blockBytes, (from + 1) * blockBytes);
      },
    };
  }

  #set(agent: string, policy: number, isGivenUp: boolean, where: string): void {
    const p = this.#open();
    const ref = this.#names.ref(where, agent);
    this.#run(() => setAgent(p, ref, policy, isGivenUp), { agent, ref }, where);
  }

  /** Runs a protocol operation, again if the dead had what it wants. @returns its result, from 0 */
  #run(operation: () => number, asked: Omit<Asked, 'where' | 'lockTimeoutMs'>, where: string): number {
    try {
      let result = operation();
      if (result < 0 && this.#canRetry(result)) result = operation();
      if (result >= 0) return result;
      throw this.#refusal(result, asked, where);
    } catch (error) {
      throw this.#mended(error);
    }
  }

  #locked<T>(where: string, read: (p: Party) => T): T {
    const p = this.#open();
    this.#run(() => lock(p), {}, where);
    try {
      return read(p);
    } finally {
      unlock(p);
    }
  }

  #refusal(code: number, asked: Omit<Asked, 'where' | 'lockTimeoutMs'>, where: string): Error {
    return refusalOf(this.#p, code, { ...asked, where, lockTimeoutMs: this.#wait.timeoutMs });
  }

  /** After something was thrown inside an operation (a full stack, say): what it had begun is undone, the lock given back. */
  #mended(error: unknown): unknown {
    if (this.#p.owner !== 0 && Atomics.load(this.#p.m, LOCK) === this.#p.owner) {
      mend(this.#p);
      unlock(this.#p);
    }
    return error;
  }

  /** Whether trying again may help as somebody was found dead. */
  #canRetry(refusal: number): boolean {
    const p = this.#p;
    if (RECOVERABLE.includes(refusal)) {
      const { participants, freedAgents, orphans } = this.recover();
      return participants + freedAgents + orphans > 0;
    }
    if (refusal !== IS_DRAINING) return false;
    const drainer = Atomics.load(p.m, DRAINING);
    if (drainer === 0) return true;
    if (drainer === p.owner || !isDead(p, drainer)) return false;
    endDrain(p, drainer);
    return true;
  }

  async #drain(attempt: () => boolean, timeoutMs: number): Promise<void> {
    const began = performance.now();
    if (this.#isDraining) throw this.#refusal(IS_DRAINING, {}, 'reconfigure()');
    this.#run(() => beginDrain(this.#p), {}, 'reconfigure()');
    this.#isDraining = true;
    try {
      while (!attempt()) {
        if (performance.now() - began >= timeoutMs) throw this.#stillHeld(timeoutMs);
        this.recover();
        await new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
        this.#open();
      }
    } catch (error) {
      if (!this.#isClosed) endDrain(this.#p, this.#p.owner);
      throw error;
    } finally {
      this.#isDraining = false;
    }
  }

  #stillHeld(timeoutMs?: number): Error {
    const { held, totalBlocks, agents } = this.usage();
    const names = agents.filter(({ references }) => references > 0).map(({ name }) => name);
    return heldError(held, totalBlocks, names, timeoutMs);
  }
}

function checkHandle(where: string, handle: unknown): void {
  if (typeof handle !== 'number') throw new TypeError(`${where}: handle must be a number, not ${kindOf(handle)}`);
}

/** Before the lock: a value that is turned into a number by code of its own could come back into the pool. @throws TypeError */
function checkHandles(where: string, handles: readonly number[]): void {
  if (!Array.isArray(handles)) throw new TypeError(`${where}: handles must be an array, not ${kindOf(handles)}`);
  for (let i = 0; i < handles.length; i++) {
    if (typeof handles[i] !== 'number') {
      throw new TypeError(`${where}: handles[${i}] must be a number, not ${kindOf(handles[i])}`);
    }
  }
}

/** A handle that was freed is stale to those who do not free it. */
function freedIsStale(result: number): number {
  return result === DOUBLE_FREE ? STALE_HANDLE : result;
}

/** To free an agent that is not there frees nothing. */
function noneIfUnknown(result: number): number {
  return result === UNKNOWN_AGENT ? 0 : result;
}

/** That blocks are held is an answer here, to be asked again. */
function heldAsOne(result: number): number {
  return result === STILL_HELD ? 1 : result;
}
