/**
 * The walks over the edges of a snapshot that everything else waits for. AssemblyScript; compiled by
 * `scripts/build.mjs` into `graph.wasm`. The memory, what lies where in it, and why each step is right: see
 * `graph-memory.ts`, `essential-walk.ts`, `dominators.ts`, `shallow-sizes.ts`, `retainers.ts`.
 *
 * Arguments are counts, or addresses of arrays: bytes for types, else u32. Unlike typed arrays, they are not checked at
 * each access: the columns were, when they were read.
 *
 * Every function does a slice of the work. V8 begins with code that is compiled fast and runs slowly, and takes the
 * better one, which it compiles meanwhile, at the next call: one call for all of it would take twice the time.
 */

const WEAK: u8 = 6;
const NOBODY: u32 = 0xffff_ffff;
const SEVERAL: u32 = 0xffff_fffe;

// @ts-expect-error decorators of functions are AssemblyScript's
@inline
function at(array: usize, index: u32): u32 {
  return load<u32>(array + (<usize>index << 2));
}

// @ts-expect-error as above
@inline
function put(array: usize, index: u32, value: u32): void {
  store<u32>(array + (<usize>index << 2), value);
}

// @ts-expect-error as above
@inline
function hasBit(bits: usize, index: u32): bool {
  return ((load<u32>(bits + (<usize>(index >> 5) << 2)) >> (index & 31)) & 1) != 0;
}

// @ts-expect-error as above
@inline
function setBit(bits: usize, index: u32): void {
  const word = bits + (<usize>(index >> 5) << 2);
  store<u32>(word, load<u32>(word) | (1 << (index & 31)));
}

// Where the walk stands: the node with its number, the next edge of it and the one after its last.
let node: u32 = 0;
let number: u32 = 0;
let edge: u32 = 0;
let end: u32 = 0;
let depth: u32 = 0;
/** The next free number. */
export let numbered: u32 = 1;

/** Begins to walk at a node that was come to for the first time. */
export function enter(start: u32, firstEdges: usize, order: usize, parents: usize): void {
  put(order, numbered, start);
  put(parents, numbered, 0);
  node = start;
  number = numbered++;
  edge = at(firstEdges, start);
  end = at(firstEdges, start + 1);
  depth = 0;
}

/**
 * Numbers all that essential edges reach from the node that was entered.
 * @param steps edges to look at before it returns
 * @param isInOwned all that is reached is owned
 * @returns true when all is numbered
 */
export function walk(
  steps: u32,
  isInOwned: bool,
  firstEdges: usize,
  edgeTypes: usize,
  edgeTargets: usize,
  repeated: usize,
  owned: usize,
  visited: usize,
  order: usize,
  parents: usize,
  arrivals: usize,
  cursors: usize,
  outside: usize,
): bool {
  let n = node;
  let e = edge;
  let last = end;
  let d = depth;
  let own = number;
  let next = numbered;
  setBit(visited, n);
  if (isInOwned) setBit(owned, n);
  let holdsOwned = hasBit(owned, n);
  let isOver = false;
  for (let left = steps; left > 0; left--) {
    if (e == last) {
      if (d == 0) {
        isOver = true;
        break;
      }
      e = at(cursors, --d);
      own = at(parents, own);
      n = at(order, own);
      last = at(firstEdges, n + 1);
      holdsOwned = hasBit(owned, n);
      continue;
    }
    const here = e++;
    const target = at(edgeTargets, here);
    if (load<u8>(edgeTypes + <usize>here) == WEAK || target == n || hasBit(repeated, here)) continue;
    if (!holdsOwned && hasBit(owned, target)) continue;
    // Bits stay in the second-level cache; the counts do not, but nothing waits for them.
    put(arrivals, target, at(arrivals, target) + 1);
    if (hasBit(visited, target)) {
      setBit(outside, here);
      continue;
    }
    setBit(visited, target);
    if (isInOwned) setBit(owned, target);
    put(parents, next, own);
    put(order, next, target);
    const first = at(firstEdges, target);
    const afterLast = at(firstEdges, target + 1);
    if (first == afterLast) {
      next++;
      continue;
    }
    put(cursors, d++, e);
    own = next++;
    n = target;
    holdsOwned = hasBit(owned, n);
    e = first;
    last = afterLast;
  }
  node = n;
  edge = e;
  end = last;
  depth = d;
  number = own;
  numbered = next;
  return isOver;
}

/**
 * Phase 2 of the dominators: arrivals become the ends of the ranges of sources, before `before` come.
 * @returns the number of sources
 */
export function countSources(from: u32, to: u32, before: u32, order: usize, slots: usize): u32 {
  let total = before;
  for (let n = from; n < to; n++) {
    const target = at(order, n);
    total += at(slots, target) - 1;
    put(slots, target, total);
  }
  return total;
}

/** Ends of the ranges become their starts, as sources come in. */
export function gather(
  from: u32,
  to: u32,
  firstEdges: usize,
  edgeTargets: usize,
  order: usize,
  slots: usize,
  outside: usize,
  sources: usize,
): void {
  for (let n = from; n < to; n++) {
    const owner = at(order, n);
    const last = at(firstEdges, owner + 1);
    for (let e = at(firstEdges, owner); e < last; e++) {
      if (!hasBit(outside, e)) continue;
      const target = at(edgeTargets, e);
      const slot = at(slots, target) - 1;
      put(slots, target, slot);
      put(sources, slot, n);
    }
  }
}

/** Every number hangs below its parent. Ancestor and label lie side by side, as they are read together. */
export function plant(from: u32, to: u32, parents: usize, links: usize): void {
  for (let n = from; n < to; n++) put(links, 2 * n, at(parents, n));
}

/** Phase 3, from number `to - 1` down to `from`, which is 1 or more; `endOfSources` is the end of the last range. */
export function semidominators(
  from: u32,
  to: u32,
  endOfSources: u32,
  order: usize,
  parents: usize,
  slots: usize,
  sources: usize,
  links: usize,
  semi: usize,
): u32 {
  let last = endOfSources;
  for (let n = to; n > from; ) {
    n--;
    const first = at(slots, at(order, n));
    let lowest = at(parents, n);
    for (let slot = first; slot < last && lowest > 0; slot++) {
      const source = at(sources, slot);
      lowest = min(lowest, source <= n ? source : lowestAbove(links, source, n));
    }
    last = first;
    put(semi, n, lowest);
    put(links, 2 * n + 1, lowest);
  }
  return last;
}

/** Lowest semidominator from a number up to the root of its tree: numbers to `last` are not linked yet. */
// @ts-expect-error as above
@inline
function lowestAbove(links: usize, from: u32, last: u32): u32 {
  let place = links + (<usize>from << 3);
  let lowest = load<u32>(place, 4);
  let up = load<u32>(place);
  while (up > last) {
    const above = links + (<usize>up << 3);
    const label = load<u32>(above, 4);
    if (label < load<u32>(place, 4)) store<u32>(place, label, 4);
    lowest = min(lowest, label);
    const next = load<u32>(above);
    store<u32>(place, next);
    place = above;
    up = next;
  }
  return lowest;
}

/** Phase 4: `semi` becomes the number of the immediate dominator, and `immediate` has it by node. */
export function immediateDominators(
  from: u32,
  to: u32,
  order: usize,
  parents: usize,
  semi: usize,
  immediate: usize,
): void {
  for (let n = from; n < to; n++) {
    const top = at(semi, n);
    let dominator = at(parents, n);
    while (dominator > top) dominator = at(semi, dominator);
    put(semi, n, dominator);
    put(immediate, at(order, n), at(order, dominator));
  }
}

export function countRetainers(from: u32, to: u32, edgeTargets: usize, firstRetainer: usize): void {
  for (let e = from; e < to; e++) {
    const target = at(edgeTargets, e);
    put(firstRetainer, target, at(firstRetainer, target) + 1);
  }
}

/** Counts become the ends of ranges, after `before`. */
export function sumUp(from: u32, to: u32, before: u32, counts: usize): u32 {
  let total = before;
  for (let n = from; n < to; n++) {
    total += at(counts, n);
    put(counts, n, total);
  }
  return total;
}

/** Ends become starts, as owners come in from the last node to the first. */
export function fillRetainers(
  from: u32,
  to: u32,
  firstEdges: usize,
  edgeTargets: usize,
  firstRetainer: usize,
  owners: usize,
): void {
  for (let n = to; n > from; ) {
    n--;
    const first = at(firstEdges, n);
    for (let e = at(firstEdges, n + 1); e > first; ) {
      e--;
      const target = at(edgeTargets, e);
      const slot = at(firstRetainer, target) - 1;
      put(firstRetainer, target, slot);
      put(owners, slot, n);
    }
  }
}

// @ts-expect-error as above
@inline
function rank(parts: usize, before: usize, n: u32): u32 {
  const word = at(parts, n >> 5);
  return at(before, n >> 5) + popcnt(word & ((1 << (n & 31)) - 1));
}

/**
 * Spreads the owners `from` to `to` over their parts: a part has the one that leads to it, or `SEVERAL`.
 * @param before parts before each word of `parts`
 * @param owners by rank of the part
 */
export function ownParts(
  from: u32,
  to: u32,
  firstEdges: usize,
  edgeTypes: usize,
  edgeTargets: usize,
  parts: usize,
  before: usize,
  owners: usize,
  stack: usize,
): void {
  for (let start = from; start < to; start++) {
    if (hasBit(parts, start)) continue;
    let height: u32 = 0;
    let n = start;
    let owner = start;
    while (true) {
      const last = at(firstEdges, n + 1);
      for (let e = at(firstEdges, n); e < last; e++) {
        const target = at(edgeTargets, e);
        if (!hasBit(parts, target) || load<u8>(edgeTypes + <usize>e) == WEAK) continue;
        const place = rank(parts, before, target);
        const known = at(owners, place);
        if (known == owner || known == SEVERAL) continue;
        put(owners, place, known == NOBODY ? owner : SEVERAL);
        put(stack, height++, target);
      }
      if (height == 0) break;
      n = at(stack, --height);
      owner = at(owners, rank(parts, before, n));
    }
  }
}
