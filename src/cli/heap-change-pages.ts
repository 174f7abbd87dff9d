import { describePath, HeapInventory, heapDiff, nodeWithId } from '../heap/index.js';
import { CohortLedger, findHeapGrowth } from '../leaks/index.js';
import { EXIT } from './exit-codes.js';
import { type HeapAnswer, shortPlace } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import { HeapFile } from './heap-files.js';
import { bytesChange, bytesText, countChange, counted, countText, shareText } from './heap-numbers.js';
import { left, right, wide } from './heap-page.js';

/** Below this the two files are hardly of one process: a Node program shares more with itself from its start. */
const MIN_SURVIVORS = 0.2;
/** Windows in a row that must have grown before a verdict; one snapshot more. */
const SNAPSHOTS_FOR_VERDICT = 4;

/** Compares the files one after the other, so that only one snapshot lies in memory. */
export async function diffAnswer({ files, top }: HeapArguments): Promise<HeapAnswer> {
  const before = inventoryOf(await HeapFile.open(files[0]!));
  const file = await HeapFile.open(files[1]!);
  const diff = heapDiff(before, inventoryOf(file));
  const heldBy = (id: number): string =>
    describePath(file.snapshot, file.paths.path(nodeWithId(file.snapshot, id))).text;
  const classes = diff.classes.slice(0, top);
  const containers = diff.containers.slice(0, top).map((row) => ({ ...row, heldBy: heldBy(row.id) }));
  const isOneProcess = diff.survivors >= MIN_SURVIVORS;
  return {
    data: { ...diff, total: { classes: diff.classes.length, containers: diff.containers.length }, classes, containers },
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
      notes: isOneProcess ? [] : ['hardly any object is in both files: are they of one process, in the order of time?'],
    },
  };
}

const inventoryOf = (file: HeapFile): HeapInventory => new HeapInventory(file.snapshot, file.graph.shallowSizes);

export async function cohortsAnswer({ files, top }: HeapArguments): Promise<HeapAnswer> {
  const ledger = new CohortLedger();
  const last = await addAll(ledger, files);
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
    data: { snapshots: files.length, totalBytes: ledger.totalBytes, findings: findings.slice(0, top) },
    exitCode: leaks > 0 ? EXIT.leak : isOpen ? EXIT.undecided : EXIT.clean,
    page: {
      meaning: meaningOf(leaks, findings.length, files.length),
      sections: findings.length === 0 ? [] : [{ table: findingTable(findings, top) }],
      notes: [
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

/** Adds the snapshots one after the other; only the last one is kept. */
async function addAll(
  ledger: CohortLedger,
  files: readonly string[],
): Promise<{ file: HeapFile; signatures: Int32Array }> {
  let last: { file: HeapFile; signatures: Int32Array } | null = null;
  for (const [index, path] of files.entries()) {
    last = null;
    const file = await HeapFile.open(path);
    last = { file, signatures: ledger.add(file.snapshot, file.paths, index) };
  }
  return last!;
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
