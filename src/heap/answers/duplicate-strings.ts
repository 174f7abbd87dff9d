import type { HeapSnapshot } from '../heap-snapshot.js';
import { NODE_TYPES } from '../meta.js';

export interface DuplicateString {
  /** The first characters. Untrusted, and may be secret. */
  readonly head: string;
  /** Characters in the file; V8 cuts at 1024 unless told otherwise. */
  readonly chars: number;
  /** True when the text may go on: strings that differ later look alike. */
  readonly isCut: boolean;
  readonly count: number;
  readonly bytes: number;
  /** Bytes that one copy would save. */
  readonly wastedBytes: number;
  /** V8's id of one of them. */
  readonly exampleId: number;
}

export interface DuplicateStrings {
  readonly strings: readonly DuplicateString[];
  /** Texts that are there more than once. */
  readonly duplicated: number;
  readonly wastedBytes: number;
  /** All flat strings. */
  readonly count: number;
  readonly bytes: number;
}

const STRING = NODE_TYPES.indexOf('string');
const HEAD_CHARS = 80;
/** V8's default for `--heap-snapshot-string-limit`. */
const STRING_LIMIT = 1024;
/** Most bytes of a string that is all there: the header, and one byte a character, or two beyond Latin-1. */
const wholeBytes = (text: string): number => 32 + text.length * (/^[\0-\xff]*$/.test(text) ? 1 : 2);

/**
 * Texts that the heap holds more than once, most wasted bytes first. Equal text and size count as equal; V8 gives one
 * name to equal texts, so that no text is read to compare.
 * Cost: one map entry a string node, about 60 ns.
 */
export function duplicateStrings(snapshot: HeapSnapshot, top: number): DuplicateStrings {
  const groups = new Map<number, { first: number; count: number; bytes: number }>();
  let count = 0;
  let bytes = 0;
  for (let node = 0; node < snapshot.nodeCount; node++) {
    const size = snapshot.selfSizes[node]!;
    if (snapshot.nodeTypes[node] !== STRING || size === 0) continue;
    count++;
    bytes += size;
    const key = snapshot.nodeNames[node]! + size * 2 ** 32;
    const group = groups.get(key);
    if (group) {
      group.count++;
      group.bytes += size;
    } else groups.set(key, { first: node, count: 1, bytes: size });
  }
  const repeated = [...groups.values()].filter((group) => group.count > 1);
  const wasted = (group: { count: number; bytes: number }): number => group.bytes - group.bytes / group.count;
  repeated.sort((a, b) => wasted(b) - wasted(a) || a.first - b.first);
  return {
    strings: repeated.slice(0, top).map((group) => describe(snapshot, group, wasted(group))),
    duplicated: repeated.length,
    wastedBytes: repeated.reduce((sum, group) => sum + wasted(group), 0),
    count,
    bytes,
  };
}

function describe(
  snapshot: HeapSnapshot,
  { first, count, bytes }: { first: number; count: number; bytes: number },
  wastedBytes: number,
): DuplicateString {
  const text = snapshot.name(first);
  return {
    head: text.slice(0, HEAD_CHARS),
    chars: text.length,
    isCut: text.length >= STRING_LIMIT || snapshot.selfSizes[first]! > wholeBytes(text),
    count,
    bytes,
    wastedBytes,
    exampleId: snapshot.nodeIds[first]!,
  };
}
