import type { HeapSnapshot } from '../heap-snapshot.js';
import type { SourceLocation } from '../source-locations.js';
import { type Container, containers } from './container-sizes.js';
import { IdTable } from './id-table.js';
import { NodeClasses } from './node-classes.js';

export interface ClassCount {
  readonly className: string;
  readonly location: SourceLocation | null;
  count: number;
  bytes: number;
}

/**
 * What a comparison needs to know of one snapshot: which objects, of which class, how many bytes; and the sizes of
 * containers. The snapshot itself may go, so that two large ones never lie in memory together.
 *
 * @param sizes shallow bytes: `HeapGraph.shallowSizes` counts stores with their owner, `selfSizes` by themselves.
 * Cost: that of `NodeClasses`; 20 bytes a node are kept.
 */
export class HeapInventory {
  /** Classes by `NodeClasses.key`; plain objects by their exact shape. */
  readonly classes = new Map<string, ClassCount>();
  /** Containers by V8's id. */
  readonly containers: ReadonlyMap<number, Container>;
  /** V8's id of each object of the JavaScript heap, with its class and bytes. */
  readonly ids: Float64Array;
  readonly classKeys: readonly string[];
  readonly classOf: Uint32Array;
  readonly bytesOf: Float64Array;
  readonly #table: IdTable;

  constructor(snapshot: HeapSnapshot, sizes: Float64Array | Uint32Array) {
    const classes = new NodeClasses(snapshot, 'exact');
    this.classKeys = classes.classes.map((_, index) => classes.key(index));
    const counts = classes.classes.map(({ name, location }) => ({ className: name, location, count: 0, bytes: 0 }));
    for (let node = 0; node < snapshot.nodeCount; node++) {
      if (sizes[node] === 0) continue;
      const count = counts[classes.classOf[node]!]!;
      count.count++;
      count.bytes += sizes[node]!;
    }
    for (const [index, count] of counts.entries()) if (count.count > 0) this.classes.set(this.classKeys[index]!, count);
    this.classOf = classes.classOf;
    this.ids = Float64Array.from(snapshot.nodeIds);
    this.bytesOf = Float64Array.from(sizes);
    this.#table = new IdTable(this.ids);
    this.containers = new Map(containers(snapshot, 1).map((container) => [container.id, container]));
  }

  /** Index of the object with V8's id, -1 when it is not there. Cost: 20 to 100 ns. */
  indexOf(id: number): number {
    return this.#table.indexOf(id);
  }
}
