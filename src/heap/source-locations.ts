import { fileURLToPath } from 'node:url';
import type { SnapshotColumns } from './columns.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { NODE_TYPES } from './meta.js';

/** A place in source text. */
export interface SourceLocation {
  /** Path of a file, or a URL that is none (`node:internal/timers`). */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

const CLOSURE = NODE_TYPES.indexOf('closure');
/** Edge from shared function info to its script: Node 22 and later, Node 20. */
const SCRIPT_EDGES = ['script', 'script_or_debug_info'];

/**
 * Joins the `locations` section, which names scripts by number, with the graph, which names them by URL:
 * the closures have both. Objects carry the location of their constructor.
 */
export class SourceLocations {
  readonly #snapshot: HeapSnapshot;
  /** Script id, line from 0, column from 0 of each location. */
  readonly #places: Int32Array;
  /** Place of a node's location plus one, 0 for none. */
  readonly #rows: Uint32Array;
  readonly #files = new Map<number, string>();

  constructor(snapshot: HeapSnapshot, columns: SnapshotColumns) {
    this.#snapshot = snapshot;
    this.#places = new Int32Array(columns.locations.reduce((sum, { objects }) => sum + objects.length * 3, 0));
    this.#rows = new Uint32Array(snapshot.nodeCount);
    let end = 0;
    for (const { objects, scripts, lines, columns: places } of columns.locations) {
      for (let row = 0; row < objects.length; row++, end += 3) {
        const node = (objects[row]! >>> 0) / columns.meta.nodeFields;
        // Where there is no such node, nothing is written.
        this.#rows[node] = end + 1;
        this.#places[end] = scripts[row]!;
        this.#places[end + 1] = lines[row]!;
        this.#places[end + 2] = places[row]!;
        if (snapshot.nodeTypes[node] === CLOSURE && !this.#files.has(scripts[row]!))
          this.#nameScript(scripts[row]!, node);
      }
    }
  }

  of(nodeIndex: number): SourceLocation | null {
    const at = (this.#rows[nodeIndex] || this.#rows[this.#constructorOf(nodeIndex)] || 0) - 1;
    if (at < 0) return null;
    const file = this.#files.get(this.#places[at]!);
    if (file === undefined) return null;
    return { file, line: this.#places[at + 1]! + 1, column: this.#places[at + 2]! + 1 };
  }

  #nameScript(script: number, closure: number): void {
    const url = this.#scriptUrl(closure);
    if (url !== '') this.#files.set(script, asPath(url));
  }

  #scriptUrl(closure: number): string {
    const snapshot = this.#snapshot;
    const shared = snapshot.child(closure, 'shared');
    if (shared < 0) return '';
    for (const edge of SCRIPT_EDGES) {
      const script = snapshot.child(shared, edge);
      if (script < 0) continue;
      const name = snapshot.child(script, 'name');
      const url = name < 0 ? '' : snapshot.name(name);
      return url === '' ? snapshot.name(script) : url;
    }
    return '';
  }

  /** Object → prototype → constructor; the node itself when the chain breaks. */
  #constructorOf(nodeIndex: number): number {
    const prototype = this.#snapshot.child(nodeIndex, '__proto__');
    const maker = prototype < 0 ? -1 : this.#snapshot.child(prototype, 'constructor');
    return maker < 0 ? nodeIndex : maker;
  }
}

function asPath(url: string): string {
  if (!url.startsWith('file://')) return url;
  try {
    return fileURLToPath(url);
  } catch {
    return url.slice('file://'.length);
  }
}
