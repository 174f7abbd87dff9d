import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeHeapSnapshot } from 'node:v8';
import { describePath, type HeapSnapshot, RetainingPaths, readSnapshot } from '../heap/index.js';

/** Finds objects in a snapshot: holder → `refs` → element → WeakRef → weak edge `target` → object. */
class RetainedSuspects {
  readonly refs: readonly WeakRef<object>[];

  constructor(refs: readonly WeakRef<object>[]) {
    this.refs = refs;
  }
}

/** The holder of the snapshot that is being written; one at a time, as it is found by its class. */
const holders = new Set<RetainedSuspects>();

/**
 * What keeps each object alive, as the text of a path (`bus._events.message[]`); null for one that nothing keeps: V8
 * collects all that it can before it writes a snapshot.
 *
 * Cost: blocks for about 1 s and needs up to 20 heaps of memory for 50 MB of small objects; a file in the folder for
 * temporary files, removed on every path.
 */
export async function explainRetained(refs: readonly WeakRef<object>[]): Promise<(string | null)[]> {
  const folder = await mkdtemp(join(tmpdir(), 'watertight-retained-'));
  try {
    const file = join(folder, 'now.heapsnapshot');
    holders.add(new RetainedSuspects(refs));
    writeHeapSnapshot(file);
    return pathsOf(await readSnapshot(file), refs.length);
  } finally {
    holders.clear();
    await rm(folder, { recursive: true, force: true });
  }
}

function pathsOf(snapshot: HeapSnapshot, count: number): (string | null)[] {
  const refs = refsOf(snapshot);
  const paths = new RetainingPaths(snapshot);
  return Array.from({ length: count }, (_, index) => {
    const ref = snapshot.child(refs, String(index));
    const target = ref < 0 ? -1 : snapshot.child(ref, 'target');
    const path = target < 0 ? [] : paths.path(target);
    // A WeakRef that is empty leads to `undefined`, which is a node too.
    return path.length === 0 || snapshot.nodeType(target) === 'hidden' ? null : describePath(snapshot, path).text;
  });
}

/** The array of our holder; prototypes have the name of their instances, but not their properties. */
function refsOf(snapshot: HeapSnapshot): number {
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (snapshot.nodeType(node) !== 'object' || snapshot.name(node) !== RetainedSuspects.name) continue;
    const refs = snapshot.child(node, 'refs');
    if (refs >= 0) return refs;
  }
  return -1;
}
