import { describe, expect, it } from 'vitest';
import { type HandMadeNode, handMade } from '../hand-made.fixture.js';
import { HeapGraph } from '../heap-graph.js';
import type { NodeType } from '../meta.js';
import { readSnapshot } from '../read-snapshot.js';
import { RetainingPaths } from '../retaining-paths.js';
import { closureCaptures } from './closure-captures.js';
import { eventListeners } from './event-listeners.js';
import { isOddball } from './object-child.js';
import { pendingTimers } from './pending-timers.js';
import { promiseStates } from './promise-states.js';
import { referenceGraph } from './reference-graph.js';

/** How versions write `null`, `undefined` and the hole. */
const SHAPES: readonly (readonly [string, NodeType, string, string, string])[] = [
  ['Node 20', 'hidden', 'system / Oddball', 'system / Oddball', 'system / Oddball'],
  ['Node 24', 'hidden', 'null', 'undefined', 'system / Hole'],
  ['Chrome', 'native', 'null', 'undefined', 'system / Hole'],
];
const [NULL, UNDEFINED, HOLE, CALLED, LIST] = [1, 2, 3, 4, 5];

describe.each(SHAPES)('null, undefined and the hole as %s writes them', (_version, type, none, unset, hole) => {
  async function heapOf(...nodes: readonly HandMadeNode[]) {
    const oddballs = [none, unset, hole].map((name): HandMadeNode => ({ type, name }));
    const root: HandMadeNode = { type: 'synthetic', edges: [['1', 6, 'shortcut']] };
    const called: HandMadeNode = { type: 'closure', name: 'called' };
    const snapshot = await readSnapshot(
      Buffer.from(handMade([root, ...oddballs, called, { name: 'TimersList' }, ...nodes])),
    );
    return { snapshot, sizes: new Float64Array(snapshot.nodeCount).fill(1) };
  }

  it('are oddballs, and no other node is', async () => {
    const { snapshot } = await heapOf({ name: 'null' }, { type: 'string', name: 'undefined' });
    const found = Array.from({ length: snapshot.nodeCount }, (_, node) => node).filter((n) => isOddball(snapshot, n));
    expect(found).toEqual([NULL, UNDEFINED, HOLE]);
  });

  it('tell a timeout from an interval, and one that is cleared', async () => {
    const timer = (next: number, callback: number): HandMadeNode => ({
      name: 'Timeout',
      edges: [
        ['_idleNext', next],
        ['_onTimeout', callback],
        ['_repeat', NULL],
      ],
    });
    const { snapshot, sizes } = await heapOf(timer(LIST, CALLED), timer(NULL, UNDEFINED));
    expect(pendingTimers(snapshot, sizes)).toMatchObject([
      { kind: 'timeout', functionName: 'called', count: 1, inactive: 0 },
      { kind: 'timeout', functionName: '(cleared)', count: 1, inactive: 1 },
    ]);
  });

  it('end the chain of listeners of an EventTarget', async () => {
    const { snapshot } = await heapOf(
      { name: 'EventTarget', edges: [['<symbol kEvents>', 7]] },
      { name: 'Map', edges: [['table', 8, 'internal']] },
      {
        type: 'array',
        edges: [
          ['3', 9, 'internal'],
          ['4', 10, 'internal'],
        ],
      },
      { type: 'string', name: 'tick' },
      { name: 'Object', edges: [['next', 11]] },
      {
        name: 'Listener',
        edges: [
          ['next', UNDEFINED],
          ['listener', CALLED],
        ],
      },
    );
    expect(eventListeners(snapshot)).toMatchObject([
      { listeners: 1, events: [{ event: 'tick', listeners: 1, functions: [{ functionName: 'called' }] }] },
    ]);
  });

  it('are not among what a function captures, nor in a picture', async () => {
    const { snapshot, sizes } = await heapOf(
      { type: 'closure', name: 'keeps', edges: [['context', 7, 'internal']] },
      {
        name: 'system / Context',
        edges: [
          ['none', NULL, 'context'],
          ['later', HOLE, 'context'],
          ['kept', 9, 'context'],
          ['previous', 8, 'internal'],
        ],
      },
      { name: 'system / Context' },
      { name: 'Kept', edges: [['unset', UNDEFINED]] },
    );
    const [group] = closureCaptures(snapshot, sizes);
    expect(group!.captures.map(({ name }) => name)).toEqual(['kept']);
    const { retainers } = new HeapGraph(snapshot);
    const picture = referenceGraph(snapshot, retainers, new RetainingPaths(snapshot), [9]);
    expect(picture.nodes.map(({ className }) => className)).not.toContain(snapshot.className(UNDEFINED));
    expect(picture.nodes.length).toBeGreaterThan(1);
  });

  it('are no value of a promise, while a reaction of the same type is one who waits', async () => {
    const { snapshot, sizes } = await heapOf(
      { name: 'Promise', edges: [['reactions_or_result', 8, 'internal']] },
      { name: 'Promise', edges: [['reactions_or_result', UNDEFINED, 'internal']] },
      {
        type,
        name: 'system / PromiseReaction',
        edges: [
          [1, 9, 'hidden'],
          [3, CALLED, 'hidden'],
        ],
      },
      { type, name: 'system / PromiseReaction', edges: [[3, CALLED, 'hidden']] },
    );
    expect(promiseStates(snapshot, sizes)).toMatchObject([
      { state: 'awaited', detail: '2 × then called()', count: 1, waiters: 2 },
      { state: 'quiet', detail: '', count: 1, waiters: 0 },
    ]);
  });
});
