import { beforeAll, describe, expect, it } from 'vitest';
import { type HandMadeNode, handMade } from '../hand-made.fixture.js';
import { readSnapshot } from '../read-snapshot.js';
import { type ProgramHeap, programHeap } from './answers.fixture.js';
import { closureCaptures } from './closure-captures.js';
import { eventListeners } from './event-listeners.js';
import { pendingTimers } from './pending-timers.js';
import { promiseStates } from './promise-states.js';
import { weakReferences } from './weak-references.js';

const PROGRAM = `
import { EventEmitter } from 'node:events';
class Bus extends EventEmitter {}
globalThis.bus = new Bus().setMaxListeners(0);
class Payload { constructor() { this.bytes = new Array(1000).fill('x'); } }
function subscribe(i) {
  const payload = new Payload();
  const unused = 'u' + i;
  bus.on('message', function onMessage() { return payload; });
  return () => unused;
}
globalThis.unsubscribers = Array.from({ length: 30 }, (_, i) => subscribe(i));
bus.once('close', function onClose() {});
globalThis.other = new Bus().on('data', (function onData() {}).bind(null));
globalThis.target = new EventTarget();
for (let i = 0; i < 4; i++) target.addEventListener('tick', function onTick() { return i; });

for (let i = 0; i < 7; i++) setInterval(function poll() {}, 100_000 + i);
globalThis.cleared = setTimeout(function late() {}, 1e6);
clearTimeout(cleared);
setTimeout(function once() {}, 1e6);
setTimeout((function retry() {}).bind(null).bind(null), 1e6);

globalThis.never = new Promise(() => {});
async function fetchUser() { await never; }
for (let i = 0; i < 5; i++) fetchUser();
class Answer {}
globalThis.answers = Array.from({ length: 6 }, () => Promise.resolve(new Answer()));
globalThis.chained = new Promise(() => {});
chained.then(function onDone() {});

class Key {} class Held {} class Loose {}
globalThis.keys = Array.from({ length: 9 }, () => new Key());
globalThis.meta = new WeakMap(keys.map((key) => [key, { of: 'key' }]));
globalThis.seen = new WeakSet(keys.slice(0, 3));
globalThis.held = new Held();
globalThis.refs = [new WeakRef(held), new WeakRef(new Loose())];
globalThis.registry = new FinalizationRegistry(() => {});
// A WeakRef holds its target until the job is done.
await new Promise((done) => setImmediate(done));
setImmediate(function soon() {});
takeSnapshot();
process.exit();
`;

let heap: ProgramHeap;
beforeAll(async () => {
  heap = await programHeap(PROGRAM);
});

describe('closureCaptures()', () => {
  it('shows that a function keeps what only its neighbour uses', () => {
    const groups = closureCaptures(heap.snapshot, heap.graph.retainedSizes);
    const group = groups.find(({ functions }) => functions.some(({ name }) => name === 'onMessage'))!;
    expect(group).toMatchObject({ count: 60, scopes: 30, places: 2, variables: 2 });
    expect(group.captures[0]).toMatchObject({ name: 'payload', className: 'Payload' });
    expect(group.captures[0]!.retainedBytes).toBeGreaterThan(30 * 4_000);
    expect(group.captures.map(({ name }) => name)).toContain('unused');
    expect(group.functions[0]!.location!.file).toMatch(/program\.mjs$/);
  });

  it('gives the largest of them first, and as many as asked', () => {
    const [first, ...rest] = closureCaptures(heap.snapshot, heap.graph.retainedSizes, 1);
    expect(rest).toEqual([]);
    expect(first).toEqual(closureCaptures(heap.snapshot, heap.graph.retainedSizes)[0]);
  });
});

describe('closureCaptures() of a block', () => {
  it('names its variable', async () => {
    const { snapshot, graph } = await programHeap(`
      class Held {}
      { const inBlock = new Held(); globalThis.ofBlock = function ofBlock() { return inBlock; }; }
      takeSnapshot();`);
    const group = closureCaptures(snapshot, graph.retainedSizes).find(
      ({ functions }) => functions[0]!.name === 'ofBlock',
    )!;
    expect(group.captures).toMatchObject([{ name: 'inBlock', className: 'Held' }]);
  });
});

describe('closureCaptures() of functions that Node wrote', () => {
  it('come last, whatever they keep', async () => {
    const { snapshot, graph } = await programHeap(`
      globalThis.small = [(() => { const word = 'w' + Date.now(); return function tell() { return word; }; })(), 1];
      const moduleVariable = {}; globalThis.keep = () => moduleVariable;
      takeSnapshot();`);
    const groups = closureCaptures(snapshot, graph.retainedSizes);
    const own = groups.filter(({ functions }) => functions[0]!.location?.file.startsWith('node:'));
    expect(own.length).toBeGreaterThan(10);
    expect(groups[0]!.functions).toMatchObject([{ name: 'tell' }]);
    expect(Math.max(...own.map(({ retainedBytes }) => retainedBytes))).toBeGreaterThan(groups[0]!.retainedBytes);
    expect(groups.slice(-own.length)).toEqual(own);
    expect(groups.map(({ isNodeInternal }) => isNodeInternal)).toEqual(groups.map((group) => own.includes(group)));
  });
});

describe('eventListeners()', () => {
  it('counts the listeners of an EventEmitter by event and function', () => {
    const [bus] = eventListeners(heap.snapshot);
    expect(bus).toMatchObject({ className: 'Bus', kind: 'EventEmitter', listeners: 31 });
    expect(bus!.events[0]).toMatchObject({ event: 'message', listeners: 30 });
    expect(bus!.events[0]!.functions).toMatchObject([{ functionName: 'onMessage', count: 30 }]);
    expect(bus!.events[1]).toMatchObject({ event: 'close', functions: [{ functionName: 'onClose' }] });
  });

  it('counts the listeners of an EventTarget', () => {
    const target = eventListeners(heap.snapshot).find(({ kind }) => kind === 'EventTarget')!;
    expect(target).toMatchObject({ className: 'EventTarget', listeners: 4 });
    expect(target.events).toMatchObject([{ event: 'tick', functions: [{ functionName: 'onTick', count: 4 }] }]);
  });
});

describe('eventListeners() of a page', () => {
  it('finds the functions that listen to a DOM node, and no listener of the browser itself', async () => {
    const native = (name: string, ...to: number[]): HandMadeNode => ({
      type: 'native',
      name,
      edges: to.map((node, i) => [i + 1, node, 'element'] as const),
    });
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [[1, 1]] },
      native('<li>', 2, 1),
      native('blink::EventTargetData', 3),
      native('blink::BasicHeapVector<blink::internal::HeapCollectionType::kGCed>', 4, 5),
      native('blink::RegisteredEventListener', 6),
      native('blink::RegisteredEventListener', 7),
      native('EventListener', 8),
      native('EventListener', 1),
      native('V8EventListener', 9, 10),
      { type: 'closure', name: 'onClick' },
      native('blink::ScriptStateImpl', 11),
      { type: 'closure', name: 'Window' },
    ];
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    expect(eventListeners(snapshot)).toMatchObject([
      {
        className: '<li>',
        kind: 'DOM',
        listeners: 1,
        events: [{ functions: [{ functionName: 'onClick', count: 1 }] }],
      },
    ]);
  });
});

describe('a bound function', () => {
  it('is named and placed by its target, as a listener and as a timer', () => {
    const [data] = eventListeners(heap.snapshot).flatMap(({ events }) =>
      events.filter(({ event }) => event === 'data'),
    );
    expect(data!.functions).toMatchObject([{ functionName: 'bound onData', count: 1 }]);
    expect(data!.functions[0]!.location!.file).toMatch(/program\.mjs$/);
    const timers = pendingTimers(heap.snapshot, heap.graph.retainedSizes);
    const retry = timers.find(({ functionName }) => functionName === 'bound retry')!;
    expect(retry.location!.file).toMatch(/program\.mjs$/);
  });
});

describe('pendingTimers()', () => {
  it('groups timers by the function that they call', () => {
    const groups = pendingTimers(heap.snapshot, heap.graph.retainedSizes);
    expect(groups.find(({ functionName }) => functionName === 'poll')).toMatchObject({
      kind: 'interval',
      count: 7,
      inactive: 0,
    });
    expect(groups.find(({ functionName }) => functionName === 'soon')).toMatchObject({ kind: 'immediate', count: 1 });
    expect(groups.find(({ functionName }) => functionName === 'once')).toMatchObject({
      kind: 'timeout',
      count: 1,
      inactive: 0,
    });
    expect(groups.find(({ functionName }) => functionName === '(cleared)')).toMatchObject({
      kind: 'timeout',
      count: 1,
      inactive: 1,
    });
  });
});

describe('promiseStates()', () => {
  it('names the async function that waits, the callback, and the class of a result', () => {
    const groups = promiseStates(heap.snapshot, heap.graph.retainedSizes);
    expect(groups).toContainEqual(expect.objectContaining({ state: 'settled', detail: 'Answer', count: 6 }));
    expect(groups).toContainEqual(
      expect.objectContaining({ state: 'awaited', detail: '5 × async fetchUser()', count: 1, waiters: 5 }),
    );
    expect(groups).toContainEqual(expect.objectContaining({ state: 'awaited', detail: 'then onDone()', count: 1 }));
    // What the five calls and the `then` gave is pending, and nobody waits for it.
    expect(groups.find(({ state }) => state === 'quiet')!.count).toBeGreaterThanOrEqual(6);
  });
});

describe('weakReferences()', () => {
  it('tells targets that something else holds from those that may go, and counts keyed collections', () => {
    const found = weakReferences(heap.snapshot, heap.paths);
    expect(found.targets.find(({ className }) => className === 'Held')).toMatchObject({ count: 1, held: 1 });
    expect(found.targets.find(({ className }) => className === 'Loose')?.held ?? 0).toBe(0);
    expect(found.collections).toContainEqual(expect.objectContaining({ kind: 'WeakMap', entries: 9, keyClass: 'Key' }));
    expect(found.collections).toContainEqual(expect.objectContaining({ kind: 'WeakSet', entries: 3, keyClass: 'Key' }));
    expect(found.finalizationRegistries).toBeGreaterThanOrEqual(1);
  });
});
