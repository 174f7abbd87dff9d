import { displayWidth, fitCells, plainText } from '../../core/index.js';
import { NAME_CHARS } from './facts.js';
import { countNoun, formatDuration, formatLargeCount } from './numbers.js';

/** Ten writes a second: as fast as anyone reads, and no load on a slow terminal. */
const WRITE_INTERVAL_MS = 100;
const BAR_CELLS = 20;
const PHASE_CELLS = 12;
/** An estimate from less than this is a guess. */
const ESTIMATE_FROM = { ms: 1000, fraction: 0.02 };
const CLEAR_LINE = '\r\x1b[2K';

/** What is shown; `process.stderr` is one. */
export interface ProgressStream {
  write(text: string): unknown;
  /** Cells in a line now, where the stream knows: a terminal may be resized. */
  readonly columns?: number;
}

export interface ProgressOptions {
  /** Whether the stream is a terminal whose line may be rewritten; the caller has looked at `isTTY` and CI. */
  readonly interactive: boolean;
  /** Cells in a line. */
  readonly width: number;
  /** Clock in milliseconds; default `performance.now`. */
  readonly now?: () => number;
}

export interface ProgressState {
  /** What is being done: `warm-up`, `measuring`, `snapshots`. A new phase starts a new estimate. */
  readonly phase: string;
  /** Part of `total` that is done, in any unit. */
  readonly done: number;
  /** 0 where it is not known. */
  readonly total: number;
  readonly iterations: number;
  /** One more fact, shown while there is room. */
  readonly detail?: string;
}

/**
 * Shows how far a soak is: on a terminal one status line, rewritten at most ten times a second, with an estimate of the
 * time left; elsewhere one plain line a phase. Never hides the cursor, so nothing is to be restored after a crash.
 *
 * The caller owns the stream; `finish` leaves it at the start of an empty line.
 */
export class SoakProgress {
  readonly #stream: ProgressStream;
  readonly #options: ProgressOptions;
  readonly #now: () => number;
  #phase: string | null = null;
  #phaseStart = 0;
  #doneAtStart = 0;
  #lastWrite = -Infinity;
  #isFinished = false;

  constructor(stream: ProgressStream, options: ProgressOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  update(state: ProgressState): void {
    if (this.#isFinished) return;
    const now = this.#now();
    const isNewPhase = state.phase !== this.#phase;
    if (isNewPhase) {
      this.#phase = state.phase;
      this.#phaseStart = now;
      this.#doneAtStart = state.done;
    }
    if (this.#options.interactive) this.#rewrite(state, now);
    else if (isNewPhase) this.#stream.write(`${phaseLine(state)}\n`);
  }

  /** Takes the status line away. Further updates show nothing; a second call does nothing. */
  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#options.interactive && this.#lastWrite !== -Infinity) this.#stream.write(CLEAR_LINE);
  }

  #rewrite(state: ProgressState, now: number): void {
    if (now - this.#lastWrite < WRITE_INTERVAL_MS) return;
    this.#lastWrite = now;
    // A line of full width would wrap in some terminals, and then could not be rewritten.
    const width = Math.max(1, Math.min(this.#options.width, this.#stream.columns || Infinity) - 1);
    this.#stream.write(`${CLEAR_LINE}${statusLine(state, this.#timeLeftMs(state, now), width)}`);
  }

  #timeLeftMs({ done, total }: ProgressState, now: number): number | null {
    const elapsed = now - this.#phaseStart;
    const gained = done - this.#doneAtStart;
    const isEarly = elapsed < ESTIMATE_FROM.ms || gained < ESTIMATE_FROM.fraction * total;
    return isEarly || !(total > done) || !(gained > 0) ? null : (elapsed / gained) * (total - done);
  }
}

/** The parts that fit, the most telling first. */
function statusLine(state: ProgressState, timeLeftMs: number | null, width: number): string {
  const fraction = state.total > 0 ? Math.min(1, Math.max(0, state.done / state.total)) : null;
  const parts = [
    fitCells(plainText(state.phase, NAME_CHARS), PHASE_CELLS),
    fraction === null ? '' : `${bar(fraction)} ${String(Math.floor(fraction * 100)).padStart(3)}%`,
    iterationCount(state),
    timeLeftMs === null ? '' : `${formatDuration(Math.ceil(timeLeftMs / 1000) * 1000)} left`,
    plainText(state.detail ?? '', NAME_CHARS),
  ].filter((part) => part !== '');
  let line = parts[0]!;
  for (const part of parts.slice(1)) {
    if (displayWidth(`${line}  ${part}`) > width) break;
    line += `  ${part}`;
  }
  return fitCells(line, width).trimEnd();
}

function phaseLine(state: ProgressState): string {
  const detail = plainText(state.detail ?? '', NAME_CHARS);
  const done = state.iterations > 0 ? ` (after ${iterationCount(state)})` : '';
  return `${plainText(state.phase, NAME_CHARS)}${done}${detail && `: ${detail}`}`;
}

function iterationCount({ iterations }: ProgressState): string {
  return countNoun(formatLargeCount(iterations), 'iterations');
}

function bar(fraction: number): string {
  const full = Math.round(fraction * BAR_CELLS);
  return '━'.repeat(full) + '╌'.repeat(BAR_CELLS - full);
}
