import { plainText } from '../../core/index.js';
import type { HeapSnapshot } from '../heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from '../meta.js';

const OBJECT = NODE_TYPES.indexOf('object');
const PROPERTY = EDGE_TYPES.indexOf('property');
/** DevTools cuts the text of a shape here, and so does everybody's screen. */
const MAX_SHAPE_CHARS = 120;
/** A shape is worth a name from so many objects on, and from this share of all plain objects (DevTools' rule). */
const MIN_OBJECTS = 2;
const MIN_SHARE = 1 / 1000;
/** A first property may be longer: so much of it is shown. */
const MAX_SHOWN_CHARS = 160;
/** Distinct shapes that are counted, 20 MB of text: dictionaries of a million different keys are no shapes. */
const MAX_SHAPES = 100_000;

interface Shape {
  /** As the program named the properties: untrusted, and as long as they are. */
  readonly text: string;
  /** String indexes of its property names, sorted. */
  readonly properties: readonly number[];
  count: number;
}

/** Shapes by the sorted properties that they ask for: a trie. */
interface Branch {
  readonly next: Map<number, Branch>;
  rank: number;
}

/**
 * Names plain objects by what they hold: `{id, items, total}`.
 *
 * 1. *Count* the exact shapes: names of the own properties with heap values, in their order, up to 120 characters.
 * 2. *Keep* those that two objects and a thousandth of all plain objects have.
 * 3. *Match.* An object belongs to the kept shape with most properties that it has all of; of equals, to the commoner.
 *
 * Rules as in Chrome DevTools ("inferred interfaces"). Small integers and booleans are invisible to a snapshot, so that
 * a property that holds only these is no part of a shape.
 *
 * Cost: 100 ns an edge of a plain object, in each of the two passes.
 */
export class ObjectShapes {
  readonly #snapshot: HeapSnapshot;
  readonly #plainName: number;
  readonly #proto: number;
  readonly #shapes: Shape[];
  readonly #trie: Branch = { next: new Map(), rank: -1 };
  readonly #propertyTexts = new Map<number, string>();

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    this.#plainName = snapshot.strings.indexOf('Object');
    this.#proto = snapshot.strings.indexOf('__proto__');
    this.#shapes = this.#commonShapes();
    for (const [rank, { properties }] of this.#shapes.entries()) this.#plant(properties, rank);
  }

  /** True for what an object literal makes. */
  isPlain(node: number): boolean {
    return this.#snapshot.nodeTypes[node] === OBJECT && this.#snapshot.nodeNames[node] === this.#plainName;
  }

  /** The common shape of a plain object, `Object` where it has none. */
  commonShape(node: number): string {
    const rank = this.#best(this.#trie, this.#propertiesOf(node).sort(ascending), 0, -1);
    return rank < 0 ? 'Object' : plainText(this.#shapes[rank]!.text, MAX_SHOWN_CHARS);
  }

  /** The exact shape of a plain object, `Object` for an empty one: the same in every snapshot. */
  exactShape(node: number): string {
    const { text, properties } = this.#read(node);
    return properties.length === 0 ? 'Object' : plainText(text, MAX_SHOWN_CHARS);
  }

  #commonShapes(): Shape[] {
    const known = new Map<string, Shape>();
    let objects = 0;
    for (let node = 0; node < this.#snapshot.nodeCount; node++) {
      if (!this.isPlain(node)) continue;
      objects++;
      const { text, properties } = this.#read(node);
      if (properties.length === 0) continue;
      const shape = known.get(text);
      if (shape) shape.count++;
      else if (known.size < MAX_SHAPES) known.set(text, { text, properties: properties.sort(ascending), count: 1 });
    }
    const least = Math.max(MIN_OBJECTS, objects * MIN_SHARE);
    return [...known.values()].filter(({ count }) => count >= least).sort((a, b) => b.count - a.count);
  }

  /** Text and properties of a node's shape, cut at the longest text. */
  #read(node: number): { text: string; properties: number[] } {
    const properties: number[] = [];
    let text = '{';
    for (const property of this.#propertiesOf(node)) {
      const name = this.#propertyText(property);
      if (text.length > 1 && text.length + name.length > MAX_SHAPE_CHARS) break;
      text += text.length > 1 ? `, ${name}` : name;
      properties.push(property);
    }
    return { text: `${text}}`, properties };
  }

  #propertiesOf(node: number): number[] {
    const { edgeTypes, edgeNames } = this.#snapshot;
    const { from, to } = this.#snapshot.edgesOf(node);
    const properties: number[] = [];
    for (let edge = from; edge < to; edge++) {
      if (edgeTypes[edge] === PROPERTY && edgeNames[edge] !== this.#proto) properties.push(edgeNames[edge]!);
    }
    return properties;
  }

  #propertyText(property: number): string {
    let text = this.#propertyTexts.get(property);
    if (text === undefined) {
      const name = this.#snapshot.strings.get(property);
      text = /[,'"{}]/.test(name) ? JSON.stringify(name) : name;
      this.#propertyTexts.set(property, text);
    }
    return text;
  }

  #plant(properties: readonly number[], rank: number): void {
    let branch = this.#trie;
    for (const property of properties) {
      let next = branch.next.get(property);
      if (!next) {
        next = { next: new Map(), rank: -1 };
        branch.next.set(property, next);
      }
      branch = next;
    }
    if (branch.rank < 0) branch.rank = rank;
  }

  /** Rank of the best shape below a branch whose properties are all among `properties` from `at` on. */
  #best(branch: Branch, properties: readonly number[], at: number, found: number): number {
    let best = this.#better(found, branch.rank);
    if (branch.next.size === 0) return best;
    for (let i = at; i < properties.length; i++) {
      const next = branch.next.get(properties[i]!);
      if (next) best = this.#best(next, properties, i + 1, best);
    }
    return best;
  }

  #better(one: number, other: number): number {
    if (one < 0 || other < 0) return Math.max(one, other);
    const more = this.#shapes[other]!.properties.length - this.#shapes[one]!.properties.length;
    return more > 0 || (more === 0 && other < one) ? other : one;
  }
}

const ascending = (a: number, b: number): number => a - b;
