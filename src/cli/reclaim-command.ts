import { parseArgs } from 'node:util';
import { plainText } from '../core/index.js';
import { type LeaseRow, listLeases, type ReclaimReport, reclaim } from '../leases/index.js';
import { usage } from './arguments.js';
import { EXIT } from './exit-codes.js';
import { RECLAIM_HELP } from './help.js';

const SCHEMA = 1;
/** Rows that are printed of each list; all of them are in the JSON. */
const MOST_ROWS = 20;

const OPTIONS = {
  'dry-run': { type: 'boolean' },
  list: { type: 'boolean' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** `watertight reclaim`: everything that it prints and exits with. */
export async function reclaimCommand(argv: readonly string[]): Promise<number> {
  const values = parse(argv);
  if (values.help) {
    process.stdout.write(RECLAIM_HELP);
    return EXIT.clean;
  }
  if (values.list) {
    const leases = listLeases();
    process.stdout.write(values.json ? jsonText({ leases }) : listText(leases));
    return EXIT.clean;
  }
  const report = await reclaim({ dryRun: values['dry-run'] === true });
  process.stdout.write(values.json ? jsonText(report) : reportText(report));
  return report.failures.length > 0 ? EXIT.leak : EXIT.clean;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS }).values;
  } catch (error) {
    throw usage((error as Error).message.split('\n')[0]!, 'watertight reclaim --help lists the options');
  }
}

function jsonText(data: object): string {
  return `${JSON.stringify({ schema: SCHEMA, ...data }, null, 2)}\n`;
}

function reportText(report: ReclaimReport): string {
  const { reclaimed, locks, failures, deadOwners, alive, unknown, isDryRun } = report;
  const all = [...reclaimed.map(rowText), ...locks.map((path) => `  lock     ${plainText(path, 160)}`)];
  const verb = isDryRun ? 'would be reclaimed' : 'reclaimed';
  return [
    all.length === 0 ? 'nothing was left behind' : `${all.length} ${verb}, of ${count(deadOwners, 'dead owner')}`,
    ...shortened(all),
    ...(failures.length > 0 ? [`${failures.length} could not be, and will be tried again`] : []),
    ...shortened(failures.map(({ kind, path, reason }) => `  ${kind.padEnd(8)} ${plainText(path, 160)}: ${reason}`)),
    ...(alive > 0
      ? [`${alive} ${alive === 1 ? 'lease of a live process' : 'leases of live processes'}, untouched`]
      : []),
    ...(unknown > 0 ? [`${unknown} of owners of whom nothing is known from here, untouched`] : []),
  ]
    .join('\n')
    .concat('\n');
}

function listText(leases: readonly LeaseRow[]): string {
  const rows = leases.map((lease) => `${rowText(lease)}  ${lease.ownerState}, process ${lease.pid}`);
  return [leases.length === 0 ? 'no leases' : count(leases.length, 'lease'), ...shortened(rows)]
    .join('\n')
    .concat('\n');
}

/** Names are of files that anyone of this user may have made. */
function rowText({ kind, path, target }: LeaseRow): string {
  return `  ${kind.padEnd(8)} ${plainText(path, 160)}${target === '' ? '' : ` → ${plainText(target, 160)}`}`;
}

function shortened(rows: readonly string[]): string[] {
  const more = rows.length - MOST_ROWS;
  return more <= 0 ? [...rows] : [...rows.slice(0, MOST_ROWS), `  … and ${more} more (--json has all)`];
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
