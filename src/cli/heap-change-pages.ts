import { WatertightError } from '../core/index.js';
import { describePath, HeapInventory, type HeapSnapshot, heapDiff, NODE_TYPES, nodeWithId } from '../heap/index.js';
import { CohortLedger, findHeapGrowth } from '../leaks/index.js';
import { EXIT } from './exit-codes.js';
import { type HeapAnswer, shortPlace } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import { HeapFile } from './heap-files.js';
import { bytesChange, bytesText, countChange, counted, countText, shareText } from './heap-numbers.js';
import { left, right, wide } from './heap-page.js';

const NAMED_TYPES = [NODE_TYPES.indexOf('object'), NODE_TYPES.indexOf('closure')];
/** Objects of one name that are remembered: 2,700 to 4,100 of a Node program, of some thousand functions and classes. */
const SAME_NAME = 4;
const MAX_REMEMBERED = 100_000;
/** Remembered objects that must be there again: Node's own functions live as long as the process. */
const MIN_FOUND = 32;
/** Share of them with the same name: 1.0000 in one process, up to 0.70 in two runs of a program, 0.03 in two programs. */
const SAME_PROCESS = 0.95;
/** Windows in a row that must have grown before a verdict; one snapshot more. */
const SNAPSHOTS_FOR_VERDICT = 4;

/** Compares the files one after the other, so that only one snapshot lies in memory. */
export async function diffAnswer({ files, top }: HeapArguments): Promise<HeapAnswer> {
  const { before, trace } = await earlier(files[0]!);
  const file = await HeapFile.open(files[1]!);
  const diff = heapDiff(before, inventoryOf(file));
  const isComparable = trace.hasSameIds(file.snapshot);
  const isInOrder = isComparable ? newestId(file.snapshot) >= trace.newestId : null;
  const heldBy = (id: number): string =>
    describePath(file.snapshot, file.paths.path(nodeWithId(file.snapshot, id))).text;
  const classes = diff.classes.slice(0, top);
  const containers = diff.containers.slice(0, top).map((row) => ({ ...row, heldBy: heldBy(row.id) }));
  return {
    data: {
      ...diff,
      isComparable,
      isInOrder,
      total: { classes: diff.classes.length, containers: diff.containers.length },
      classes,
      containers,
    },
    page: {
      meaning: `${bytesChange(diff.deltaBytes)} and ${countChange(diff.deltaObjects)} objects; ${shareText(diff.survivors)} of the earlier objects are still there`,
      sections: [
        {
          table: {
            columns: [
              wide('class'),
              right('bytes'),
              right('born'),
              right('gone'),
              right('now'),
              right('one born'),
              wide('declared'),
            ],
            rows: classes.map((row) => [
              row.className,
              bytesChange(row.deltaBytes),
              countText(row.born),
              countText(row.gone),
              countText(row.after),
              row.exampleId > 0 ? `@${row.exampleId}` : '',
              shortPlace(row.location),
            ]),
            more: diff.classes.length - classes.length,
          },
        },
        ...(containers.length === 0
          ? []
          : [
              {
                heading: 'Containers that grew',
                table: {
                  columns: [
                    left('container'),
                    right('id'),
                    right('before'),
                    right('now'),
                    right('store'),
                    wide('held by'),
                  ],
                  rows: containers.map((row) => [
                    row.kind,
                    `@${row.id}`,
                    countText(row.before),
                    countText(row.after),
                    bytesChange(row.deltaStoreBytes),
                    row.heldBy,
                  ]),
                  more: diff.containers.length - containers.length,
                },
              },
            ]),
      ],
      notes: [
        ...(isComparable
          ? []
          : [
              'ids mean other objects in each file, so do not trust born and gone: two processes, or two inspector sessions',
            ]),
        ...(isInOrder === false ? ['the first file is the later one: born and gone are exchanged'] : []),
      ],
    },
  };
}

/** What is kept of the first file, so that the second has the memory to itself. */
async function earlier(path: string): Promise<{ before: HeapInventory; trace: ProcessTrace }> {
  const file = await HeapFile.open(path);
  return { before: inventoryOf(file), trace: new ProcessTrace(file.snapshot) };
}

const inventoryOf = (file: HeapFile): HeapInventory => new HeapInventory(file.snapshot, file.graph.shallowSizes);

export async function cohortsAnswer({ files, top }: HeapArguments): Promise<HeapAnswer> {
  const { ledger, last, order } = await addInOrder(files);
  const findings = findHeapGrowth(ledger, last.file.snapshot, last.file.paths, last.signatures).map((finding) => {
    const { snapshot, paths } = last.file;
    const isGone = finding.member < 0;
    return {
      className: finding.className,
      verdict: finding.growth.verdict,
      unit: finding.unit,
      perSnapshot: finding.growth.perIteration,
      ci: finding.growth.ci,
      bytesPerSnapshot: finding.bytesPerIteration,
      population: finding.population,
      heldBy: isGone ? '' : describePath(snapshot, paths.path(finding.member)).text,
      exampleId: isGone ? 0 : snapshot.nodeIds[finding.member]!,
    };
  });
  const leaks = findings.filter(({ verdict }) => verdict === 'leak').length;
  const isOpen = findings.some(({ verdict }) => verdict === 'unclear');
  return {
    data: { snapshots: files.length, order, totalBytes: ledger.totalBytes, findings: findings.slice(0, top) },
    exitCode: leaks > 0 ? EXIT.leak : isOpen ? EXIT.undecided : EXIT.clean,
    page: {
      meaning: meaningOf(leaks, findings.length, files.length),
      sections: findings.length === 0 ? [] : [{ table: findingTable(findings, top) }],
      notes: [
        ...(order.every((path, at) => path === files[at]) ? [] : [`in the order of time: ${order.join(', ')}`]),
        `heap of the program: ${ledger.totalBytes.map(bytesText).join(' → ')}`,
        ...(files.length < SNAPSHOTS_FOR_VERDICT
          ? [
              `a verdict takes three windows of growth: give ${SNAPSHOTS_FOR_VERDICT} snapshots or more, with equal work between them`,
            ]
          : []),
      ],
    },
  };
}

interface LastFile {
  readonly file: HeapFile;
  readonly signatures: Int32Array;
}

interface Cohorts {
  readonly ledger: CohortLedger;
  readonly last: LastFile;
  /** The files in the order of time. */
  readonly order: readonly string[];
}

/**
 * Adds the snapshots one after the other; only the last one is kept. A shell names `snap-10` before `snap-2`: when a file
 * turns out to be earlier than the one before it, all are added once more in the order that their ids tell.
 *
 * @throws WatertightError `WT_HEAP_OTHER_IDS`
 */
async function addInOrder(files: readonly string[]): Promise<Cohorts> {
  const newest: number[] = [];
  const given = await addAll(files, newest);
  if (newest.every((id, at) => at === 0 || id >= newest[at - 1]!)) return { ...given, order: files };
  const order = files.map((path, at) => ({ path, id: newest[at]! })).sort((a, b) => a.id - b.id);
  const paths = order.map(({ path }) => path);
  return { ...(await addAll(paths, [])), order: paths };
}

/** Appends the newest id of each file to `newest`. */
async function addAll(files: readonly string[], newest: number[]): Promise<Pick<Cohorts, 'ledger' | 'last'>> {
  const ledger = new CohortLedger();
  let last: LastFile | null = null;
  let trace: ProcessTrace | null = null;
  for (const [index, path] of files.entries()) {
    last = null;
    const file = await HeapFile.open(path);
    if (trace && !trace.hasSameIds(file.snapshot)) throw otherIds(files[index - 1]!, path);
    trace = new ProcessTrace(file.snapshot);
    newest.push(trace.newestId);
    last = { file, signatures: ledger.add(file.snapshot, file.paths, index) };
  }
  return { ledger, last: last! };
}

function otherIds(before: string, path: string): WatertightError {
  const message = `Cannot follow objects from ${before} to ${path} as ids mean other objects in it: it is of another process or inspector session`;
  return new WatertightError('WT_HEAP_OTHER_IDS', message, {
    hint: 'take them in one session with heap take --count 4, or write them in one run with v8.writeHeapSnapshot()',
  });
}

/**
 * What tells whether another snapshot means the same objects by its ids: the names of a sample of them. Ids alone tell
 * nothing, as V8 counts them from 1 in every process, and again when an inspector session has ended.
 */
class ProcessTrace {
  readonly newestId: number;
  readonly #nameOf = new Map<number, string>();

  /** Few objects of each name: two programs may both consist of `Object`. Cost: 0.1 µs a node. */
  constructor(snapshot: HeapSnapshot) {
    this.newestId = newestId(snapshot);
    const seen = new Map<number, number>();
    for (let node = 0; node < snapshot.nodeCount && this.#nameOf.size < MAX_REMEMBERED; node++) {
      const id = snapshot.nodeIds[node]!;
      if (!NAMED_TYPES.includes(snapshot.nodeTypes[node]!) || id % 2 === 0) continue;
      const name = snapshot.nodeNames[node]!;
      const count = (seen.get(name) ?? 0) + 1;
      seen.set(name, count);
      if (count <= SAME_NAME) this.#nameOf.set(id, nameOf(snapshot, node));
    }
  }

  /** Whether the other snapshot, earlier or later, is of the same process and numbering. */
  hasSameIds(snapshot: HeapSnapshot): boolean {
    let found = 0;
    let same = 0;
    for (let node = 0; node < snapshot.nodeCount; node++) {
      const name = this.#nameOf.get(snapshot.nodeIds[node]!);
      if (name === undefined) continue;
      found++;
      if (name === nameOf(snapshot, node)) same++;
    }
    return found >= MIN_FOUND && same >= found * SAME_PROCESS;
  }
}

const nameOf = (snapshot: HeapSnapshot, node: number): string => `${snapshot.nodeTypes[node]} ${snapshot.name(node)}`;

/** The highest id of the JavaScript heap: V8 gives higher ones to what is made later, and a program always makes some. */
function newestId(snapshot: HeapSnapshot): number {
  let newest = 0;
  for (const id of snapshot.nodeIds) if (id % 2 === 1 && id > newest) newest = id;
  return newest;
}

type Row = {
  readonly className: string;
  readonly verdict: string;
  readonly unit: string;
  readonly perSnapshot: number;
  readonly bytesPerSnapshot: number;
  readonly population: number;
  readonly heldBy: string;
};

function findingTable(findings: readonly Row[], top: number) {
  const shown = findings.slice(0, top);
  return {
    columns: [left('verdict'), wide('class'), right('per snapshot'), right('bytes'), right('now'), wide('held by')],
    rows: shown.map((row) => [
      row.verdict,
      row.className,
      row.unit === 'bytes' ? '' : countChange(Math.round(row.perSnapshot)),
      bytesChange(row.bytesPerSnapshot),
      countText(row.population),
      row.heldBy,
    ]),
    more: findings.length - shown.length,
  };
}

function meaningOf(leaks: number, findings: number, snapshots: number): string {
  if (leaks > 0) return `${counted(leaks, 'leak')}: born in every window and never freed, over ${snapshots} snapshots`;
  if (findings > 0)
    return `${counted(findings, 'group')} of objects grew over ${snapshots} snapshots; none is proven to leak`;
  return `Nothing grew over ${snapshots} snapshots`;
}
