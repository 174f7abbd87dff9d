import type { HeapSnapshot } from '../heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from '../meta.js';
import type { SourceLocation } from '../source-locations.js';
import { calledFunction } from './called-function.js';
import { isOddball, objectChild } from './object-child.js';

export interface ListenerFunction {
  readonly functionName: string;
  readonly location: SourceLocation | null;
  readonly count: number;
}

export interface EventListeners {
  /** `(any)` for a DOM node, whose events the file does not name. */
  readonly event: string;
  readonly listeners: number;
  /** By place in the source, commonest first. */
  readonly functions: readonly ListenerFunction[];
}

export interface EmitterRow {
  readonly id: number;
  readonly className: string;
  readonly kind: 'EventEmitter' | 'EventTarget' | 'DOM';
  readonly listeners: number;
  /** Most listeners first. */
  readonly events: readonly EventListeners[];
}

const OBJECT = NODE_TYPES.indexOf('object');
const NATIVE = NODE_TYPES.indexOf('native');
const ELEMENT = EDGE_TYPES.indexOf('element');
const PROPERTY = EDGE_TYPES.indexOf('property');
/** Longest chain of listeners of one event of an EventTarget that is followed. */
const MAX_CHAIN = 1_000_000;
/** What Chrome has between a DOM node and the functions that listen to it, by the start of the name. */
const DOM_DATA = 'blink::EventTargetData';
const DOM_BETWEEN = /^(blink::(\w*Vector|RegisteredEventListener)|EventListener$|V8EventListener$)/;

/**
 * Emitters with listeners, most listeners first: Node's EventEmitter (its `_events`) and EventTarget (its listeners are
 * chained by `next` below a symbol `kEvents`); in Chrome DOM nodes with the functions that were given to
 * `addEventListener`, without the events.
 * Cost: one look at the edges of each object, 3 ns each.
 */
export function eventListeners(snapshot: HeapSnapshot): EmitterRow[] {
  const rows: EmitterRow[] = [];
  const eventsName = snapshot.strings.indexOf('_events');
  const targetName = snapshot.strings.indexOf('<symbol kEvents>');
  const domName = snapshot.strings.indexOf(DOM_DATA);
  const { nodeCount, nodeTypes, nodeNames, edgeTypes, edgeNames, edgeTargets } = snapshot;
  for (let node = 0; node < nodeCount; node++) {
    if (domName >= 0 && nodeTypes[node] === NATIVE && nodeNames[node] !== domName) {
      const data = domData(node);
      if (data >= 0) push(node, 'DOM', domEvents(snapshot, data));
    }
    if (nodeTypes[node] !== OBJECT) continue;
    const { from, to } = snapshot.edgesOf(node);
    for (let edge = from; edge < to; edge++) {
      if (edgeTypes[edge] !== PROPERTY) continue;
      if (edgeNames[edge] === eventsName) push(node, 'EventEmitter', emitterEvents(snapshot, edgeTargets[edge]!));
      if (edgeNames[edge] === targetName) push(node, 'EventTarget', targetEvents(snapshot, edgeTargets[edge]!));
    }
  }
  return rows.sort((a, b) => b.listeners - a.listeners);

  function domData(node: number): number {
    const { from, to } = snapshot.edgesOf(node);
    for (let edge = from; edge < to; edge++) {
      if (edgeTypes[edge] === ELEMENT && nodeNames[edgeTargets[edge]!] === domName) return edgeTargets[edge]!;
    }
    return -1;
  }

  function push(node: number, kind: EmitterRow['kind'], events: EventListeners[]): void {
    const listeners = events.reduce((sum, event) => sum + event.listeners, 0);
    if (listeners === 0) return;
    events.sort((a, b) => b.listeners - a.listeners);
    rows.push({ id: snapshot.nodeIds[node]!, className: snapshot.className(node), kind, listeners, events });
  }
}

/** Each property of `_events` is one function, or an array of them. */
function emitterEvents(snapshot: HeapSnapshot, events: number): EventListeners[] {
  const found: EventListeners[] = [];
  const { from, to } = snapshot.edgesOf(events);
  for (let edge = from; edge < to; edge++) {
    const event = snapshot.edgeName(edge);
    const value = snapshot.edgeTargets[edge]!;
    if (snapshot.edgeTypes[edge] !== PROPERTY || event === '__proto__' || isOddball(snapshot, value)) continue;
    const functions = snapshot.nodeType(value) === 'closure' ? [value] : elementsOf(snapshot, value);
    if (functions.length > 0) found.push(summary(snapshot, event, functions));
  }
  return found;
}

/** Map of event → head of a chain. In the table of a Map a value's edge follows its key's. */
function targetEvents(snapshot: HeapSnapshot, map: number): EventListeners[] {
  const found: EventListeners[] = [];
  const table = snapshot.child(map, 'table');
  if (table < 0) return found;
  const { from, to } = snapshot.edgesOf(table);
  let event = '';
  for (let edge = from; edge < to; edge++) {
    const node = snapshot.edgeTargets[edge]!;
    if (snapshot.nodeTypes[node] !== OBJECT) {
      event = snapshot.stringValue(node, 1_000) || event;
      continue;
    }
    const functions = chainOf(snapshot, node);
    if (functions.length > 0) found.push(summary(snapshot, event, functions));
  }
  return found;
}

/** The functions below a head; a listener that is held weakly has none in sight and counts by itself. */
function chainOf(snapshot: HeapSnapshot, head: number): number[] {
  const functions: number[] = [];
  for (
    let at = objectChild(snapshot, head, 'next');
    at >= 0 && functions.length < MAX_CHAIN;
    at = objectChild(snapshot, at, 'next')
  ) {
    const called = objectChild(snapshot, at, 'listener');
    functions.push(called < 0 ? at : called);
  }
  return functions;
}

/** The functions below the data of a DOM node, through what Chrome puts between. */
function domEvents(snapshot: HeapSnapshot, data: number): EventListeners[] {
  const functions: number[] = [];
  const seen = new Set([data]);
  const pending = [data];
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    for (const node of elementsOf(snapshot, at)) {
      if (snapshot.nodeType(node) === 'closure') functions.push(node);
      if (snapshot.nodeTypes[node] !== NATIVE || seen.has(node) || !DOM_BETWEEN.test(snapshot.name(node))) continue;
      seen.add(node);
      pending.push(node);
    }
  }
  return functions.length > 0 ? [summary(snapshot, '(any)', functions)] : [];
}

function elementsOf(snapshot: HeapSnapshot, array: number): number[] {
  const { from, to } = snapshot.edgesOf(array);
  const elements: number[] = [];
  for (let edge = from; edge < to; edge++) {
    if (snapshot.edgeTypes[edge] === ELEMENT) elements.push(snapshot.edgeTargets[edge]!);
  }
  return elements;
}

function summary(snapshot: HeapSnapshot, event: string, nodes: readonly number[]): EventListeners {
  const functions = new Map<string, ListenerFunction>();
  for (const node of nodes) {
    const { functionName, location } = calledFunction(snapshot, listenerOf(snapshot, node));
    const key = `${functionName} ${location?.file}:${location?.line}:${location?.column}`;
    const known = functions.get(key) ?? { functionName, location, count: 0 };
    functions.set(key, { ...known, count: known.count + 1 });
  }
  const byCount = [...functions.values()].sort((a, b) => b.count - a.count);
  return { event, listeners: nodes.length, functions: byCount };
}

/** `once` wraps the function that was given, and keeps it as `listener`. */
function listenerOf(snapshot: HeapSnapshot, node: number): number {
  const wrapped = objectChild(snapshot, node, 'listener');
  return wrapped < 0 ? node : wrapped;
}
