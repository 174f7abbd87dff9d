import { types } from 'node:util';
import type { InspectorSession } from './inspector-session.js';

type Container = unknown[] | Map<unknown, unknown> | Set<unknown>;

/** Most containers that are followed; an ordinary server holds 5,000 to 30,000 arrays, maps and sets. */
const MAX_CONTAINERS = 300_000;
/** Among so many, those with hardly a member are records of the program's data, not its collections. */
const MANY = 50_000;
const LEAST_SIZE = 8;
/** Most sizes in one answer; a program with more changing containers than this is answered in part. */
const MAX_CHANGED = 50_000;

/** Name under which inspector calls find this module's callback on the global object; removed after each call. */
const BRIDGE = '__watertightContainers';

/**
 * Follows the sizes of all arrays, maps and sets that are alive at one moment, by weak references.
 *
 * V8 enumerates all objects (`Runtime.queryObjects`: some collections and one heap walk a call, so everything is asked
 * for at once: ≈ 90 ms and 0.7 µs an object). Sizes are then exact at any time for some 20 ns a container, which a
 * snapshot cannot give: numbers in an array leave no objects behind, and its backing store grows only in leaps of 1.5×.
 */
export class ContainerWatch {
  #containers: WeakRef<Container>[] = [];
  #firstSizes = new Float64Array(0);

  watch(session: InspectorSession): number {
    this.#containers = [];
    this.#collect(session);
    session.releaseHandles();
    this.#firstSizes = Float64Array.from(this.#containers, (ref) => sizeOf(ref.deref()));
    return this.#containers.length;
  }

  /** Those that have grown since they were first seen: index, first size, size now. */
  grown(): [index: number, first: number, now: number][] {
    const grown: [number, number, number][] = [];
    for (let index = 0; index < this.#containers.length && grown.length < MAX_CHANGED; index++) {
      const now = sizeOf(this.#containers[index]!.deref());
      const first = this.#firstSizes[index]!;
      if (now > first) grown.push([index, first, now]);
    }
    return grown;
  }

  /** Heap ids (the `id` of the node in a snapshot) of some of the containers, 0 for one that is gone. */
  heapIds(session: InspectorSession, indexes: readonly number[]): number[] {
    const ids = indexes.map((index) => {
      const container = this.#containers[index]?.deref();
      return container ? withBridge(container, () => heapIdOf(session, `globalThis.${BRIDGE}`)) : 0;
    });
    session.releaseHandles();
    return ids;
  }

  forget(): void {
    this.#containers = [];
    this.#firstSizes = new Float64Array(0);
  }

  #collect(session: InspectorSession): void {
    const prototypeObjectId = session.evaluate('Object.prototype');
    const { objects } = session.post('Runtime.queryObjects', { prototypeObjectId, objectGroup: 'watertight' }) as {
      objects: { objectId: string };
    };
    const add = (all: unknown[]): void => {
      const containers = all.filter(isContainer);
      const least = containers.length > MANY ? LEAST_SIZE : 0;
      for (const container of containers) {
        if (this.#containers.length >= MAX_CONTAINERS) return;
        if (sizeOf(container) >= least) this.#containers.push(new WeakRef(container));
      }
    };
    withBridge(add, () => session.callOn(objects.objectId, `function () { globalThis.${BRIDGE}(this); }`));
  }
}

/** By their internal kind: a proxy or an object that only has the prototype is none, and nothing of theirs is run. */
const isContainer = (value: unknown): value is Container =>
  types.isMap(value) || types.isSet(value) || (Array.isArray(value) && !types.isProxy(value));

/** Hands one object to code that the inspector evaluates, for the length of a call. */
export function withBridge<T>(value: unknown, call: () => T): T {
  Object.defineProperty(globalThis, BRIDGE, { value, configurable: true, enumerable: false });
  try {
    return call();
  } finally {
    delete (globalThis as Record<string, unknown>)[BRIDGE];
  }
}

function heapIdOf(session: InspectorSession, expression: string): number {
  const objectId = session.evaluate(expression);
  const { heapSnapshotObjectId } = session.post('HeapProfiler.getHeapObjectId', { objectId }) as {
    heapSnapshotObjectId: string;
  };
  return Number(heapSnapshotObjectId);
}

const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, 'size')!.get!;
const setSize = Object.getOwnPropertyDescriptor(Set.prototype, 'size')!.get!;

/** Number of members, -1 for one that is gone. Runs no code of the program. */
function sizeOf(container: Container | undefined): number {
  if (container === undefined) return -1;
  if (Array.isArray(container)) return container.length;
  return (types.isMap(container) ? mapSize : setSize).call(container) as number;
}
