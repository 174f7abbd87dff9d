import type { HeapSnapshot } from '../heap-snapshot.js';
import { NODE_TYPES, type NodeType } from '../meta.js';
import { Scopes } from '../scopes.js';

const TYPES: ReadonlySet<NodeType> = new Set(['hidden', 'array', 'code', 'synthetic', 'object shape']);
const IS_MACHINERY_TYPE = NODE_TYPES.map((type) => TYPES.has(type));
const OBJECT = NODE_TYPES.indexOf('object');
const NATIVE = NODE_TYPES.indexOf('native');
const UNKNOWN = 0;
const OWN = 1;
const WRITTEN = 2;

/**
 * Tells what V8 makes for its own bookkeeping (stores, scopes, code, roots) from what a program makes. By type, and by
 * name, as versions of V8 differ in the type that they give to scopes.
 * Cost: 1 byte a string.
 */
export class Machinery {
  readonly #snapshot: HeapSnapshot;
  /** By string index of the name of an object or native. */
  readonly #names: Uint8Array;
  readonly #scopes: Scopes;

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    this.#names = new Uint8Array(snapshot.strings.length);
    this.#scopes = Scopes.of(snapshot);
  }

  has(node: number): boolean {
    const type = this.#snapshot.nodeTypes[node]!;
    if (IS_MACHINERY_TYPE[type]) return true;
    if (type !== OBJECT && type !== NATIVE) return false;
    const name = this.#snapshot.nodeNames[node]!;
    if (this.#names[name] === UNKNOWN) {
      this.#names[name] = this.#snapshot.strings.get(name).startsWith('system / ') ? OWN : WRITTEN;
    }
    return this.#names[name] === OWN;
  }

  /** True for the variables of a call, a block or a module. */
  isScope(node: number): boolean {
    return this.#scopes.isScope(node);
  }

  /** True for the scope of a call or a block. */
  isCallScope(node: number): boolean {
    return this.#scopes.isCallScope(node);
  }
}
