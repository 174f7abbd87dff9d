import { WatertightError } from '../core/index.js';
import { HeapGraph, type HeapSnapshot, NodeClasses, nodeWithId, RetainingPaths, readSnapshot } from '../heap/index.js';
import { bytesText } from './heap-numbers.js';
import { ProgressLine } from './progress-line.js';

/** Smaller files are read before anyone looks for progress. */
const PROGRESS_FROM_BYTES = 100_000_000;
/** Names that are offered for one that is unknown. */
const MAX_NEAR = 5;

/** One snapshot file and what is worked out from it, each part when it is first asked for. */
export class HeapFile {
  readonly path: string;
  readonly snapshot: HeapSnapshot;
  #graph: HeapGraph | null = null;
  #paths: RetainingPaths | null = null;
  #classes: NodeClasses | null = null;

  private constructor(path: string, snapshot: HeapSnapshot) {
    this.path = path;
    this.snapshot = snapshot;
  }

  /**
   * Reads a file, showing progress on stderr where it is over 100 MB.
   *
   * @throws WatertightError `WT_HEAP_CANNOT_OPEN`, and those of `readSnapshot`
   */
  static async open(path: string): Promise<HeapFile> {
    const line = new ProgressLine();
    try {
      return new HeapFile(path, await readSnapshot(path, { onProgress: progressOf(path, line) }));
    } catch (error) {
      if (error instanceof WatertightError) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'permission denied' : message;
      throw new WatertightError('WT_HEAP_CANNOT_OPEN', `Cannot read ${path} as ${reason}`, {
        hint: 'check the path; watertight heap take <pid> makes a snapshot',
        cause: error,
      });
    } finally {
      line.clear();
    }
  }

  get graph(): HeapGraph {
    this.#graph ??= new HeapGraph(this.snapshot);
    return this.#graph;
  }

  get paths(): RetainingPaths {
    this.#paths ??= new RetainingPaths(this.snapshot);
    return this.#paths;
  }

  get classes(): NodeClasses {
    this.#classes ??= new NodeClasses(this.snapshot);
    return this.#classes;
  }

  /**
   * The nodes that a class name or `@id` means. A class is named as `heap classes` shows it, or as paths do
   * (`onMessage()`).
   *
   * @throws WatertightError `WT_HEAP_UNKNOWN_NODE`, `WT_HEAP_UNKNOWN_CLASS`
   */
  nodesOf(target: string): number[] {
    return /^@\d+$/.test(target) ? [this.#nodeOf(Number(target.slice(1)))] : this.#nodesOfClass(target);
  }

  #nodeOf(id: number): number {
    const node = nodeWithId(this.snapshot, id);
    if (node >= 0) return node;
    throw new WatertightError('WT_HEAP_UNKNOWN_NODE', `Cannot find @${id} as ${this.path} has no object of that id`, {
      hint: 'ids are those of this file and of later snapshots of the same process; watertight heap largest shows some',
    });
  }

  #nodesOfClass(name: string): number[] {
    const { classes } = this;
    const wanted = new Set(classes.named(name));
    const isWanted = (node: number): boolean =>
      wanted.size > 0 ? wanted.has(classes.classOf[node]!) : this.snapshot.className(node) === name;
    const nodes: number[] = [];
    for (let node = 0; node < this.snapshot.nodeCount; node++) if (isWanted(node)) nodes.push(node);
    if (nodes.length > 0) return nodes;
    const near = nearNames(name, new Set(classes.classes.map((known) => known.name)));
    throw new WatertightError('WT_HEAP_UNKNOWN_CLASS', `Cannot find class ${name} in ${this.path}`, {
      hint: near.length > 0 ? `did you mean ${near.join(', ')}?` : 'watertight heap classes lists those that are there',
    });
  }
}

/** Shows how far reading is; where stderr is no terminal, that it has begun. */
function progressOf(path: string, line: ProgressLine): (readBytes: number, totalBytes: number) => void {
  let isSaid = false;
  return (readBytes, totalBytes) => {
    if (totalBytes < PROGRESS_FROM_BYTES) return;
    if (!line.isLive && !isSaid) process.stderr.write(`reading ${path} (${bytesText(totalBytes)})\n`);
    isSaid = true;
    line.show(`reading ${bytesText(totalBytes)}`, readBytes / totalBytes);
  };
}

/** Known names that hold the unknown one, or differ from it by few letters; the nearest first. */
function nearNames(name: string, known: ReadonlySet<string>): string[] {
  const wanted = name.toLowerCase();
  const most = Math.max(2, Math.floor(wanted.length / 3));
  const scored: { name: string; score: number }[] = [];
  for (const candidate of known) {
    const text = candidate.toLowerCase().slice(0, 80);
    const isPart = wanted.length >= 3 && text.includes(wanted);
    const whole = isPart ? 0.5 + text.length / 1_000 : editDistance(wanted, text, most);
    // `Identifer` may be meant for the start of `IdentifierObject`.
    const start = 0.5 + editDistance(wanted, text.slice(0, wanted.length + 1), most);
    const score = Math.min(whole, wanted.length >= 3 ? start : whole);
    if (score <= most) scored.push({ name: candidate, score });
  }
  return scored
    .sort((a, b) => a.score - b.score)
    .slice(0, MAX_NEAR)
    .map((entry) => entry.name);
}

/** Levenshtein's distance, `most + 1` for all that is larger. Cost: the product of the lengths. */
function editDistance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return Math.min(row[b.length]!, most + 1);
}
