/**
 * The walks over the edges of a snapshot that everything else waits for. AssemblyScript; compiled by
 * `scripts/build.mjs` into `graph.wasm`. The memory, what lies where in it, and why each step is right: see
 * `graph-memory.ts`, `essential-walk.ts`, `dominators.ts`, `shallow-sizes.ts`, `retainers.ts`.
 *
 * All arguments are addresses of arrays of u32 (of bytes: types; of f64: none), or counts. Unlike typed arrays, they
 * are not checked at each access: the columns were, when they were read.
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

/**
 * Numbers `start`, which was come to for the first time, and all that essential edges reach from it.
 * @param isInOwned 1 while all that is reached is owned
 * @returns the next free number
 */
export function walk(
  start: u32,
  nextNumber: u32,
  isInOwned: bool,
  firstEdges: usize,
  edgeTypes: usize,
  edgeTargets: usize,
  repeated: usize,
  owned: usize,
  order: usize,
  parents: usize,
  arrivals: usize,
  cursors: usize,
  outside: usize,
): u32 {
  let numbered = nextNumber;
  let depth: u32 = 0;
  let number = numbered++;
  let node = start;
  put(order, number, start);
  if (isInOwned) setBit(owned, start);
  let holdsOwned = hasBit(owned, start);
  let edge = at(firstEdges, start);
  let end = at(firstEdges, start + 1);
  while (true) {
    if (edge == end) {
      if (depth == 0) break;
      edge = at(cursors, --depth);
      number = at(parents, number);
      node = at(order, number);
      end = at(firstEdges, node + 1);
      holdsOwned = hasBit(owned, node);
      continue;
    }
    const here = edge++;
    const target = at(edgeTargets, here);
    if (load<u8>(edgeTypes + <usize>here) == WEAK || target == node || hasBit(repeated, here)) continue;
    if (!holdsOwned && hasBit(owned, target)) continue;
    const known = at(arrivals, target);
    put(arrivals, target, known + 1);
    if (known != 0) {
      setBit(outside, here);
      continue;
    }
    if (isInOwned) setBit(owned, target);
    put(parents, numbered, number);
    put(order, numbered, target);
    const first = at(firstEdges, target);
    const last = at(firstEdges, target + 1);
    if (first == last) {
      numbered++;
      continue;
    }
    put(cursors, depth++, edge);
    number = numbered++;
    node = target;
    holdsOwned = hasBit(owned, node);
    edge = first;
    end = last;
  }
  return numbered;
}

/**
 * Phase 2 of the dominators: arrivals become the starts of the ranges of sources.
 * @returns the number of sources
 */
export function gather(
  reached: u32,
  firstEdges: usize,
  edgeTargets: usize,
  order: usize,
  slots: usize,
  outside: usize,
  sources: usize,
): u32 {
  let total: u32 = 0;
  for (let number: u32 = 0; number < reached; number++) {
    const node = at(order, number);
    total += at(slots, node) - 1;
    put(slots, node, total);
  }
  for (let number: u32 = 0; number < reached; number++) {
    const node = at(order, number);
    const end = at(firstEdges, node + 1);
    for (let edge = at(firstEdges, node); edge < end; edge++) {
      if (!hasBit(outside, edge)) continue;
      const target = at(edgeTargets, edge);
      const slot = at(slots, target) - 1;
      put(slots, target, slot);
      put(sources, slot, number);
    }
  }
  return total;
}

/** Phase 3. Ancestor and label of each number lie side by side in `links`, as they are read together. */
export function semidominators(
  reached: u32,
  sourceCount: u32,
  order: usize,
  parents: usize,
  slots: usize,
  sources: usize,
  links: usize,
  semi: usize,
): void {
  for (let number: u32 = 0; number < reached; number++) put(links, 2 * number, at(parents, number));
  put(semi, 0, 0);
  let end = sourceCount;
  for (let number = reached - 1; number > 0; number--) {
    const first = at(slots, at(order, number));
    let lowest = at(parents, number);
    for (let slot = first; slot < end && lowest > 0; slot++) {
      const source = at(sources, slot);
      lowest = min(lowest, source <= number ? source : lowestAbove(links, source, number));
    }
    end = first;
    put(semi, number, lowest);
    put(links, 2 * number + 1, lowest);
  }
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
  reached: u32,
  nodeCount: u32,
  order: usize,
  parents: usize,
  semi: usize,
  immediate: usize,
): void {
  for (let number: u32 = 1; number < reached; number++) {
    const top = at(semi, number);
    let dominator = at(parents, number);
    while (dominator > top) dominator = at(semi, dominator);
    put(semi, number, dominator);
    put(immediate, at(order, number), at(order, dominator));
  }
  put(immediate, at(order, 0), at(order, 0));
  for (let number = reached; number < nodeCount; number++) put(immediate, at(order, number), at(order, 0));
}

/** Ends of the ranges of retainers become their starts; owners are filled in, in order. */
export function retainers(
  nodeCount: u32,
  edgeCount: u32,
  firstEdges: usize,
  edgeTargets: usize,
  firstRetainer: usize,
  owners: usize,
): void {
  memory.fill(firstRetainer, 0, <usize>(nodeCount + 1) << 2);
  for (let edge: u32 = 0; edge < edgeCount; edge++) {
    const target = at(edgeTargets, edge);
    put(firstRetainer, target, at(firstRetainer, target) + 1);
  }
  let total: u32 = 0;
  for (let node: u32 = 0; node < nodeCount; node++) {
    total += at(firstRetainer, node);
    put(firstRetainer, node, total);
  }
  put(firstRetainer, nodeCount, total);
  for (let node = nodeCount; node > 0; ) {
    node--;
    const first = at(firstEdges, node);
    for (let edge = at(firstEdges, node + 1); edge > first; ) {
      edge--;
      const target = at(edgeTargets, edge);
      const slot = at(firstRetainer, target) - 1;
      put(firstRetainer, target, slot);
      put(owners, slot, node);
    }
  }
}

/** Node that has each node: itself for what is no part, `NOBODY`, or `SEVERAL`. */
export function partOwners(
  nodeCount: u32,
  firstEdges: usize,
  edgeTypes: usize,
  edgeTargets: usize,
  parts: usize,
  owners: usize,
  stack: usize,
): void {
  for (let node: u32 = 0; node < nodeCount; node++) put(owners, node, hasBit(parts, node) ? NOBODY : node);
  for (let start: u32 = 0; start < nodeCount; start++) {
    if (hasBit(parts, start)) continue;
    let height: u32 = 0;
    let node = start;
    while (true) {
      const owner = at(owners, node);
      const end = at(firstEdges, node + 1);
      for (let edge = at(firstEdges, node); edge < end; edge++) {
        const target = at(edgeTargets, edge);
        if (!hasBit(parts, target) || load<u8>(edgeTypes + <usize>edge) == WEAK) continue;
        const known = at(owners, target);
        if (known == owner || known == SEVERAL) continue;
        put(owners, target, known == NOBODY ? owner : SEVERAL);
        put(stack, height++, target);
      }
      if (height == 0) break;
      node = at(stack, --height);
    }
  }
}
