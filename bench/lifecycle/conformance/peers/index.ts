// All peers, in the order of the table's columns: Watertight first.
import { coreJsStack, esShimsStack, nativeStack, whatwgStack } from './disposable-stacks.js';
import { effect3 } from './effect3.js';
import { effect4 } from './effect4.js';
import { effection } from './effection.js';
import { fastify } from './fastify.js';
import { lruCache } from './lru-cache.js';
import { moleculer } from './moleculer.js';
import { nest } from './nest.js';
import { cockatiel, node } from './node.js';
import type { Peer } from './peer.js';
import { genericPool, lightningPool, tarn } from './pools.js';
import { pLimit, pQueue } from './queues.js';
import { asyncExitHook, closeWithGrace, httpTerminator, lightship, stoppable, terminus } from './shutdown.js';
import { watertight } from './watertight.js';
import { piscina, tinypool, workerpool } from './worker-pools.js';

export const peers: readonly Peer[] = [
  watertight,
  node,
  nativeStack,
  coreJsStack,
  esShimsStack,
  whatwgStack,
  effect4,
  effect3,
  effection,
  fastify,
  nest,
  moleculer,
  closeWithGrace,
  terminus,
  lightship,
  asyncExitHook,
  httpTerminator,
  stoppable,
  genericPool,
  tarn,
  lightningPool,
  piscina,
  tinypool,
  workerpool,
  pQueue,
  pLimit,
  lruCache,
  cockatiel,
];
export type { Kinds, Peer } from './peer.js';
