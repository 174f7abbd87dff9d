/** Names are numbered below this, so that two of them fit into one exact number. */
const MAX_NAMES = 2 ** 26;

/**
 * Path signatures: the sequence of (edge label, class) from the root to an object, indexes and dictionary keys
 * wildcarded, the same in every snapshot. Hash-consed, so that a signature is one number.
 *
 * Recursive structures fold: a step that repeats the last one, two or three steps (`next.next`, a chain of promises)
 * has the signature of the first occurrence. Otherwise each node of a growing list would be a group of its own.
 */
export class Signatures {
  /** Parent signature; -1 for the root's. */
  readonly parents: number[] = [-1];
  readonly labels: number[] = [0];
  readonly classes: number[] = [0];
  readonly #names: string[] = [''];
  readonly #nameIds = new Map<string, number>([['', 0]]);
  /** By parent: label and class packed into one number → signature. */
  readonly #known: (Map<number, number> | undefined)[] = [];

  static readonly ROOT = 0;
  /** Longest period that folds. */
  static readonly MAX_PERIOD = 3;

  get count(): number {
    return this.parents.length;
  }

  nameId(name: string): number {
    let id = this.#nameIds.get(name);
    if (id === undefined) {
      id = this.#names.push(name) - 1;
      this.#nameIds.set(name, id);
    }
    return id;
  }

  name(id: number): string {
    return this.#names[id]!;
  }

  label(signature: number): string {
    return this.#names[this.labels[signature]!]!;
  }

  className(signature: number): string {
    return this.#names[this.classes[signature]!]!;
  }

  /** The signature of a node of class `classId` that is reached from `parent` by an edge labelled `labelId`. */
  step(parent: number, labelId: number, classId: number): number {
    let known = this.#known[parent];
    if (!known) {
      known = new Map();
      this.#known[parent] = known;
    }
    const key = labelId * MAX_NAMES + classId;
    let signature = known.get(key);
    if (signature === undefined) {
      signature = this.#fold(parent, labelId, classId) ?? this.#add(parent, labelId, classId);
      known.set(key, signature);
    }
    return signature;
  }

  #add(parent: number, labelId: number, classId: number): number {
    this.parents.push(parent);
    this.labels.push(labelId);
    this.classes.push(classId);
    return this.parents.length - 1;
  }

  #fold(parent: number, labelId: number, classId: number): number | null {
    for (let period = 1; period <= Signatures.MAX_PERIOD; period++) {
      let one = this.#ancestor(parent, period - 1);
      if (one <= 0 || this.labels[one] !== labelId || this.classes[one] !== classId) continue;
      const first = one;
      // The period − 1 steps before must repeat as well.
      let two = parent;
      one = this.parents[one]!;
      let repeats = true;
      for (let i = 1; i < period && repeats; i++) {
        repeats = one > 0 && this.labels[one] === this.labels[two] && this.classes[one] === this.classes[two];
        one = one > 0 ? this.parents[one]! : -1;
        two = this.parents[two]!;
      }
      if (repeats) return first;
    }
    return null;
  }

  #ancestor(signature: number, steps: number): number {
    let at = signature;
    for (let i = 0; i < steps && at > 0; i++) at = this.parents[at]!;
    return at;
  }
}
