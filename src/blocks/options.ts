import { checkOptionNames, checkOwner, kindOf, type Owner } from '../core/index.js';
import { Segment } from '../shm/index.js';
import type { Capacity } from './layout.js';
import type { Configuration } from './protocol-setup.js';

/** One layer: most references that an agent may have in it, or no limit. */
export interface LayerOptions {
  readonly windowBlocks?: number;
}

/** What `reconfigure` changes too. */
export interface BlockLayout {
  /** Blocks in the pool, from 1. */
  totalBlocks: number;
  /** Size of a block in bytes, from 1. */
  blockBytes: number;
  /** How many layers, 1 to 1024, or one entry for each. */
  layers: number | readonly LayerOptions[];
}

export interface BlockPoolOptions extends BlockLayout {
  /** For messages. Default `blocks`. */
  name?: string;
  /** Closes the pool when it closes itself. */
  scope?: Owner;
  /** Most blocks that `reconfigure` may ask for. Default `totalBlocks`. */
  maxBlocks?: number;
  /** Most layers that `reconfigure` may ask for. Default: as many as there are, at least 64. */
  maxLayers?: number;
  /** Agents at once, 1 to 65,535. Default 1024. */
  maxAgents?: number;
  /** Pools attached at once, 1 to 255, this one among them. Default 64. */
  maxParticipants?: number;
  /** References beside the first one of each block. Default `maxBlocks`. */
  maxShares?: number;
  /** Bytes of the blocks: in the pool's own segment (`true`, default), nowhere (`false`), or in that segment. */
  data?: boolean | Segment;
  /** Longest wait for the lock, in ms. Default 5000: an operation holds it for microseconds. */
  lockTimeoutMs?: number;
  /** What becomes of an agent's blocks when its owner dies or closes. Default `free`. */
  onOwnerDeath?: 'free' | 'keep';
}

export interface AttachOptions {
  scope?: Owner;
  lockTimeoutMs?: number;
  onOwnerDeath?: 'free' | 'keep';
}

export const LOCK_TIMEOUT_MS = 5000;
const PARTICIPANTS = 64;
const AGENTS = 1024;
const LAYERS = 64;
/** What the bits of the words hold: 2²⁴ blocks leave 20 bits for a handle's generation. */
const MOST_BLOCKS = 2 ** 24;
const MOST_AGENTS = 0xffff;
const MOST_PARTICIPANTS = 255;
const MOST_LAYERS = 1024;
const MOST_BLOCK_BYTES = 2 ** 31 - 1;
const MOST_TIMEOUT_MS = 2 ** 31 - 1;

const ATTACH_NAMES: readonly (keyof AttachOptions)[] = ['scope', 'lockTimeoutMs', 'onOwnerDeath'];
const LAYOUT_NAMES: readonly (keyof BlockLayout)[] = ['totalBlocks', 'blockBytes', 'layers'];
const SIZE_NAMES: readonly (keyof BlockPoolOptions)[] = [
  ...['maxBlocks', 'maxLayers', 'maxAgents', 'maxParticipants', 'maxShares', 'data', 'name'],
] as readonly (keyof BlockPoolOptions)[];

/** @throws TypeError, RangeError */
export function whole(where: string, name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be a number, not ${kindOf(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${where}: ${name} must be a whole number from ${least} to ${most}, got ${value}`);
}

/** Options of a new pool, checked and complete. */
export interface Settings {
  readonly name: string;
  readonly configuration: Configuration;
  readonly capacity: Capacity;
  readonly data: boolean | Segment;
}

/** @throws TypeError, RangeError */
export function settingsOf(options: BlockPoolOptions): Settings {
  const where = 'BlockPool';
  checkOptionNames(where, options, [...LAYOUT_NAMES, ...SIZE_NAMES, ...ATTACH_NAMES]);
  const { name = 'blocks', data = true } = options;
  if (typeof name !== 'string') throw new TypeError(`${where}: name must be a text, not ${kindOf(name)}`);
  if (typeof data !== 'boolean' && !(data instanceof Segment)) {
    throw new TypeError(`${where}: data must be true, false or a Segment, not ${kindOf(data)}`);
  }
  const layers = Array.isArray(options.layers) ? options.layers.length : (options.layers as number);
  const totalBlocks = whole(where, 'totalBlocks', options.totalBlocks, 1, MOST_BLOCKS);
  const most = {
    blocks: whole(where, 'maxBlocks', options.maxBlocks ?? totalBlocks, 1, MOST_BLOCKS),
    layers: whole(where, 'maxLayers', options.maxLayers ?? Math.max(LAYERS, layers || 0), 1, MOST_LAYERS),
  };
  const configuration = configurationOf(where, options, most);
  const capacity = {
    ...most,
    shares: whole(where, 'maxShares', options.maxShares ?? most.blocks, 0, MOST_BLOCKS),
    agents: whole(where, 'maxAgents', options.maxAgents ?? AGENTS, 1, MOST_AGENTS),
    participants: whole(where, 'maxParticipants', options.maxParticipants ?? PARTICIPANTS, 1, MOST_PARTICIPANTS),
  };
  return { name, configuration, capacity, data };
}

/** @throws TypeError, RangeError */
export function configurationOf(
  where: string,
  options: BlockLayout,
  most: { readonly blocks: number; readonly layers: number },
): Configuration {
  const { layers } = options;
  const totalBlocks = whole(where, 'totalBlocks', options.totalBlocks, 1, most.blocks);
  const blockBytes = whole(where, 'blockBytes', options.blockBytes, 1, MOST_BLOCK_BYTES);
  if (!Array.isArray(layers)) {
    return { totalBlocks, blockBytes, windows: new Array(whole(where, 'layers', layers, 1, most.layers)).fill(0) };
  }
  whole(where, 'layers.length', layers.length, 1, most.layers);
  const windows = layers.map((layer: unknown, i) => {
    checkOptionNames(`${where}: layers[${i}]`, layer, ['windowBlocks']);
    const { windowBlocks } = layer as LayerOptions;
    return windowBlocks === undefined ? 0 : whole(where, `layers[${i}].windowBlocks`, windowBlocks, 1, MOST_BLOCKS);
  });
  return { totalBlocks, blockBytes, windows };
}

/** Options of whoever takes part. @throws TypeError, RangeError */
export function attachmentOf(
  where: string,
  options: AttachOptions,
): { lockTimeoutMs: number; policy: 'free' | 'keep' } {
  const { lockTimeoutMs = LOCK_TIMEOUT_MS, onOwnerDeath = 'free', scope } = options;
  checkOwner(where, scope);
  if (onOwnerDeath !== 'free' && onOwnerDeath !== 'keep') {
    throw new RangeError(`${where}: onOwnerDeath must be free or keep, got ${kindOf(onOwnerDeath)}`);
  }
  return { lockTimeoutMs: whole(where, 'lockTimeoutMs', lockTimeoutMs, 0, MOST_TIMEOUT_MS), policy: onOwnerDeath };
}

/** @throws TypeError */
export function checkAttachOptions(where: string, options: AttachOptions): void {
  checkOptionNames(where, options, ATTACH_NAMES);
}

/** @throws TypeError */
export function checkLayoutOptions(where: string, options: BlockLayout, more: readonly string[]): void {
  checkOptionNames(where, options, [...LAYOUT_NAMES, ...more]);
}
