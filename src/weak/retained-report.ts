import diagnostics from 'node:diagnostics_channel';
import { WatertightError } from '../core/index.js';
import { explainRetained } from './explain-retained.js';

/** What became of a watched object. */
export interface WatchOutcome {
  readonly label: string;
  /**
   * `collected`; `retained`: two collections of the whole heap that began after its time have left it; `undecided`: there
   * were no two in `patienceMs`.
   */
  readonly outcome: 'collected' | 'retained' | 'undecided';
  /** What keeps it: `sessions.#byId.get('ann').socket`. Only for a retained one that was explained. */
  readonly path?: string;
  /** From the end of its owner to the answer, in ms. */
  readonly ms: number;
}

/** A watched object that should be gone. */
export interface Suspect {
  readonly label: string;
  readonly ref: WeakRef<object>;
  /** `auto`: in development, while the heap is small and not too many snapshots were taken. */
  readonly explain: boolean | 'auto';
  settle(outcome: 'collected' | 'retained', path?: string): WatchOutcome;
}

/** Above this, nobody is made to wait for a snapshot that was not asked for: it blocks for about 1 s per 50 MB. */
const MOST_HEAP_BYTES = 64 * 2 ** 20;
/** Snapshots that a process takes without being asked. */
const MOST_SNAPSHOTS = 5;

const channel = diagnostics.channel('watertight:retained');
let pending: Suspect[] = [];
let snapshots = 0;
let explaining: Promise<void> = Promise.resolve();

/** Says of a suspect that it is retained, and by what; one snapshot serves all that come up in the same moment. */
export function reportRetained(suspect: Suspect): void {
  pending.push(suspect);
  if (pending.length > 1) return;
  explaining = explaining.then(() => new Promise<void>((resolve) => setImmediate(resolve))).then(reportPending);
}

async function reportPending(): Promise<void> {
  const batch = pending;
  pending = [];
  const chosen = batch.filter(({ explain }) => isWanted(explain));
  const paths = chosen.length === 0 ? [] : await explain(chosen);
  for (const suspect of batch) {
    const path = paths[chosen.indexOf(suspect)];
    if (path === null) suspect.settle('collected');
    else if (typeof path === 'string') report(suspect.settle('retained', path));
    else report(suspect.settle('retained'), path?.failure);
  }
}

function isWanted(explain: boolean | 'auto'): boolean {
  if (explain !== 'auto') return explain;
  if (process.env.NODE_ENV === 'production' || snapshots >= MOST_SNAPSHOTS) return false;
  return process.memoryUsage().heapUsed <= MOST_HEAP_BYTES;
}

/** Paths, `null` for what nothing keeps; or why no snapshot could be had: the disk is full, memory is short. */
async function explain(suspects: readonly Suspect[]): Promise<(string | null | { readonly failure: unknown })[]> {
  snapshots++;
  try {
    return await explainRetained(suspects.map(({ ref }) => ref));
  } catch (failure) {
    return suspects.map(() => ({ failure }));
  }
}

/** @param cause why it could not be explained */
function report(outcome: WatchOutcome, cause?: unknown): void {
  channel.publish(outcome);
  const { label } = outcome;
  const seconds = (outcome.ms / 1000).toFixed(1);
  const by = outcome.path === undefined ? '' : `, by ${outcome.path}`;
  process.emitWarning(
    new WatertightError('WT_WEAK_RETAINED', `${label} is still held ${seconds} s after its owner ended${by}`, {
      hint: outcome.path === undefined ? 'watch it with { explain: true } to see by what' : 'let go of it there',
      details: { ...outcome },
      cause,
    }),
  );
}
