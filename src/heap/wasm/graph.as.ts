/**
 * The walks over the edges of a snapshot that everything else waits for. AssemblyScript; compiled by
 * `scripts/build.mjs` into `graph.wasm`. Why each step is right: see `essential-walk.ts`, `dominators.ts`,
 * `shallow-sizes.ts`, `retainers.ts`.
 *
 * Unlike typed arrays, memory is not checked at each access: the columns were, when they were read.
 *
 * Every function does a slice of the work. V8 begins with code that is compiled fast and runs slowly, and takes the
 * better one, which it compiles meanwhile, at the next call: one call for all of it would take twice the time.
 * Addresses are copied to locals, which V8 keeps in registers.
 */

const WEAK: u8 = 6;
const NOBODY: u32 = 0xffff_ffff;
const SEVERAL: u32 = 0xffff_fffe;

// Addresses, see `GraphMemory` for what lies there. Arrays of u32, but types are bytes and retained sizes f64.
export let immediateAt: usize = 0;
export let retainedAt: usize = 0;
export let firstEdgesAt: usize = 0;
export let edgeTargetsAt: usize = 0;
export let edgeTypesAt: usize = 0;
export let orderAt: usize = 0;
export let parentsAt: usize = 0;
export let firstSourcesAt: usize = 0;
export let sourcesAt: usize = 0;
export let outsideAt: usize = 0;
export let repeatedAt: usize = 0;
export let ownedAt: usize = 0;
export let visitedAt: usize = 0;
export let firstRetainerAt: usize = 0;
export let ownersAt: usize = 0;
export let partsAt: usize = 0;
export let partsBeforeAt: usize = 0;
export let partOwnersAt: usize = 0;
let stackAt: usize = 0;
/** Ancestor and label of each number side by side, as they are read together: `immediate` and half of `retained`. */
let linksAt: usize = 0;
/** Semidominators, and before them the next edges of the walk's path: the other half of `retained`. */
let semiAt: usize = 0;

/** Lays out the memory, and gives the bytes that it takes: doubles first, as they lie at multiples of eight. */
export function layout(nodeCount: u32, edgeCount: u32): f64 {
  end = (nodeCount & 1) != 0 ? 4 : 0;
  immediateAt = column(nodeCount);
  retainedAt = column(2 * <f64>nodeCount);
  linksAt = immediateAt;
  semiAt = retainedAt + (<usize>nodeCount << 2);
  firstEdgesAt = column(<f64>nodeCount + 1);
  edgeTargetsAt = column(edgeCount);
  orderAt = column(nodeCount);
  parentsAt = column(nodeCount);
  firstSourcesAt = column(nodeCount);
  sourcesAt = column(edgeCount);
  outsideAt = column(bitWords(edgeCount));
  repeatedAt = column(bitWords(edgeCount));
  ownedAt = column(bitWords(nodeCount));
  visitedAt = column(bitWords(nodeCount));
  firstRetainerAt = column(<f64>nodeCount + 1);
  ownersAt = column(edgeCount);
  partsAt = column(bitWords(nodeCount));
  partsBeforeAt = column(bitWords(nodeCount));
  partOwnersAt = column(nodeCount);
  stackAt = column(2 * <f64>nodeCount);
  edgeTypesAt = column(ceil(<f64>edgeCount / 4));
  return end;
}

/** Sums are doubles, as they may exceed what can be addressed: then the caller gives up. */
let end: f64 = 0;

function column(words: f64): usize {
  const start = <usize>end;
  end += 4 * words;
  return start;
}

function bitWords(bits: u32): f64 {
  return ceil(<f64>bits / 32);
}

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
let nextEdge: u32 = 0;
let lastEdge: u32 = 0;
let depth: u32 = 0;
/** The next free number. */
export let numbered: u32 = 1;

/** Begins to walk at a node that was come to for the first time. */
export function enter(start: u32): void {
  put(orderAt, numbered, start);
  put(parentsAt, numbered, 0);
  node = start;
  number = numbered++;
  nextEdge = at(firstEdgesAt, start);
  lastEdge = at(firstEdgesAt, start + 1);
  depth = 0;
}

/**
 * Numbers all that essential edges reach from the node that was entered.
 * @param steps edges to look at before it returns
 * @param isInOwned all that is reached is owned
 * @returns true when all is numbered
 */
export function walk(steps: u32, isInOwned: bool): bool {
  const firstEdges = firstEdgesAt;
  const edgeTypes = edgeTypesAt;
  const edgeTargets = edgeTargetsAt;
  const repeated = repeatedAt;
  const owned = ownedAt;
  const visited = visitedAt;
  const order = orderAt;
  const parents = parentsAt;
  const firstSources = firstSourcesAt;
  const semi = semiAt;
  const outside = outsideAt;
  let n = node;
  let e = nextEdge;
  let last = lastEdge;
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
      e = at(semi, --d);
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
    put(firstSources, target, at(firstSources, target) + 1);
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
    put(semi, d++, e);
    own = next++;
    n = target;
    holdsOwned = hasBit(owned, n);
    e = first;
    last = afterLast;
  }
  node = n;
  nextEdge = e;
  lastEdge = last;
  depth = d;
  number = own;
  numbered = next;
  return isOver;
}

/**
 * Phase 2 of the dominators: arrivals become the ends of the ranges of sources, before `before` come.
 * @returns the number of sources
 */
export function countSources(from: u32, to: u32, before: u32): u32 {
  const order = orderAt;
  const firstSources = firstSourcesAt;
  let total = before;
  for (let n = from; n < to; n++) {
    const target = at(order, n);
    total += at(firstSources, target) - 1;
    put(firstSources, target, total);
  }
  return total;
}

/** Ends of the ranges become their starts, as sources come in. */
export function gather(from: u32, to: u32): void {
  const firstEdges = firstEdgesAt;
  const edgeTargets = edgeTargetsAt;
  const order = orderAt;
  const firstSources = firstSourcesAt;
  const outside = outsideAt;
  const sources = sourcesAt;
  for (let n = from; n < to; n++) {
    const owner = at(order, n);
    const last = at(firstEdges, owner + 1);
    for (let e = at(firstEdges, owner); e < last; e++) {
      if (!hasBit(outside, e)) continue;
      const target = at(edgeTargets, e);
      const slot = at(firstSources, target) - 1;
      put(firstSources, target, slot);
      put(sources, slot, n);
    }
  }
}

/** Every number hangs below its parent. Ancestor and label lie side by side, as they are read together. */
export function plant(from: u32, to: u32): void {
  const parents = parentsAt;
  const links = linksAt;
  for (let n = from; n < to; n++) put(links, 2 * n, at(parents, n));
}

/** Phase 3, from number `to - 1` down to `from`, which is 1 or more; `endOfSources` is the end of the last range. */
export function semidominators(from: u32, to: u32, endOfSources: u32): u32 {
  const order = orderAt;
  const parents = parentsAt;
  const firstSources = firstSourcesAt;
  const sources = sourcesAt;
  const links = linksAt;
  const semi = semiAt;
  let last = endOfSources;
  for (let n = to; n > from; ) {
    n--;
    const first = at(firstSources, at(order, n));
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
export function immediateDominators(from: u32, to: u32): void {
  const order = orderAt;
  const parents = parentsAt;
  const semi = semiAt;
  const immediate = immediateAt;
  for (let n = from; n < to; n++) {
    const top = at(semi, n);
    let dominator = at(parents, n);
    while (dominator > top) dominator = at(semi, dominator);
    put(semi, n, dominator);
    put(immediate, at(order, n), at(order, dominator));
  }
}

/** Adds the sizes in `retained` to those of the dominators, from number `to - 1` down to `from`, which is 1 or more. */
export function retainSizes(from: u32, to: u32): void {
  const order = orderAt;
  const immediate = immediateAt;
  const retained = retainedAt;
  for (let n = to; n > from; ) {
    n--;
    const held = at(order, n);
    const sum = retained + (<usize>at(immediate, held) << 3);
    store<f64>(sum, load<f64>(sum) + load<f64>(retained + (<usize>held << 3)));
  }
}

export function countRetainers(from: u32, to: u32): void {
  const edgeTargets = edgeTargetsAt;
  const firstRetainer = firstRetainerAt;
  for (let e = from; e < to; e++) {
    const target = at(edgeTargets, e);
    put(firstRetainer, target, at(firstRetainer, target) + 1);
  }
}

/** Counts become the ends of ranges, after `before`. */
export function sumRetainers(from: u32, to: u32, before: u32): u32 {
  const firstRetainer = firstRetainerAt;
  let total = before;
  for (let n = from; n < to; n++) {
    total += at(firstRetainer, n);
    put(firstRetainer, n, total);
  }
  return total;
}

/** Ends become starts, as owners come in from the last node to the first. */
export function fillRetainers(from: u32, to: u32): void {
  const firstEdges = firstEdgesAt;
  const edgeTargets = edgeTargetsAt;
  const firstRetainer = firstRetainerAt;
  const owners = ownersAt;
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
 */
export function ownParts(from: u32, to: u32): void {
  const firstEdges = firstEdgesAt;
  const edgeTypes = edgeTypesAt;
  const edgeTargets = edgeTargetsAt;
  const parts = partsAt;
  const partsBefore = partsBeforeAt;
  const partOwners = partOwnersAt;
  const stack = stackAt;
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
        const place = rank(parts, partsBefore, target);
        const known = at(partOwners, place);
        if (known == owner || known == SEVERAL) continue;
        put(partOwners, place, known == NOBODY ? owner : SEVERAL);
        put(stack, height++, target);
      }
      if (height == 0) break;
      n = at(stack, --height);
      owner = at(partOwners, rank(parts, partsBefore, n));
    }
  }
}
