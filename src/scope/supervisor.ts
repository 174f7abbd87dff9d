import { builtin, monotonicMs } from '../core/index.js';
import type { CloseReport } from './close-report.js';
import { closeReportText } from './report-text.js';
import type { Scope } from './scope.js';

/** What ends a process that runs through `main`. */
type End =
  | { readonly kind: 'signal'; readonly signal: NodeJS.Signals }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'idle' }
  | { readonly kind: 'returned' };

export interface SupervisorOptions {
  /** Signals that close gracefully; a second one forces. Default SIGTERM, SIGINT and SIGHUP. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Signal that prints the tree of what is held, or `null` for none. Default SIGUSR2. */
  readonly treeSignal?: NodeJS.Signals | null;
  /** Longest time for closing everything, in ms. Default 9,000: `docker stop` kills after 10 s. */
  readonly closeTimeoutMs?: number;
  /** Exit code after a signal when everything was released. Default 128 + its number, as a shell gives it. */
  readonly signalExitCode?: number;
  /** Gets each text that is printed. Default: standard error. */
  readonly print?: (text: string) => void;
  /** Gets the report of each root scope before the process exits; what it throws is printed, and gives exit code 1. */
  readonly onClosed?: (report: CloseReport) => void;
}

const CLOSE_TIMEOUT_MS = 9_000;
const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP'];
/** npm passes a Ctrl-C on that the terminal has sent to the whole group already: two within a moment are one. */
const SAME_INTERRUPT_MS = 100;
const EXIT_FAILURE = 1;
const EXIT_SIGNAL = 128;

/**
 * The one owner of signals, uncaught errors and the exit code in a process; every `main` of the process joins it, also one
 * of another copy of this package.
 */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #print: (text: string) => void;
  readonly #scopes: Scope[] = [];
  readonly #errors: unknown[] = [];
  #first: End | null = null;
  #closingSince = 0;
  /** A signal has come: the next one forces. */
  #isSignalled = false;
  #isOver = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#print = options.print ?? ((text) => void process.stderr.write(`${text}\n`));
    const { signals = SIGNALS, treeSignal = 'SIGUSR2' } = options;
    for (const signal of signals) process.on(signal, () => this.#onSignal(signal));
    if (treeSignal !== null) process.on(treeSignal, () => this.#print(this.tree()));
    process.on('uncaughtException', (error) => this.end({ kind: 'error', error }));
    process.on('beforeExit', () => this.end({ kind: 'idle' }));
    process.on('exit', (code) => this.#onExit(code));
  }

  /** One that comes while all the others are closing is closed at once. */
  join(scope: Scope): void {
    if (this.#first === null) this.#scopes.push(scope);
    else void scope.close();
  }

  get isClosing(): boolean {
    return this.#first !== null;
  }

  /** What every `main` of the process holds. */
  tree(): string {
    return this.#scopes.map((scope) => String(scope.tree())).join('\n');
  }

  /** Closes everything, newest first, prints the report and exits. */
  end(end: End): void {
    if (end.kind === 'error') {
      this.#errors.push(end.error);
      this.#print(builtin.util.inspect(end.error));
    }
    if (this.#first !== null) return;
    this.#first = end;
    this.#closingSince = monotonicMs();
    void this.#close(end);
  }

  #onSignal(signal: NodeJS.Signals): void {
    const isFirst = !this.#isSignalled;
    this.#isSignalled = true;
    if (this.#first === null) {
      this.end({ kind: 'signal', signal });
      return;
    }
    // A supervisor sends it because the program fails: that must not cut the closing short.
    if (isFirst) {
      this.#print(`watertight: ${signal}: is closing already; once more ends at once`);
      return;
    }
    const isSame = signal === 'SIGINT' && monotonicMs() - this.#closingSince < SAME_INTERRUPT_MS;
    if (isSame && this.#first.kind === 'signal' && this.#first.signal === signal) return;
    this.#print(`watertight: ${signal} while closing: ends now, still held:\n${this.tree()}`);
    this.#exit(this.#errors.length > 0 ? EXIT_FAILURE : EXIT_SIGNAL + builtin.os.constants.signals[signal]);
  }

  async #close(end: End): Promise<void> {
    const endsAt = this.#closingSince + (this.#options.closeTimeoutMs ?? CLOSE_TIMEOUT_MS);
    const reports: CloseReport[] = [];
    for (const scope of this.#scopes.reverse()) {
      reports.push(await scope.close({ timeoutMs: Math.max(0, endsAt - monotonicMs()) }));
    }
    this.#tell(end, reports);
    this.#report(reports);
    this.#exit(this.#codeAfter(end, reports));
  }

  /** A quiet end of a program that went well needs no words. */
  #tell(end: End, reports: readonly CloseReport[]): void {
    const cause = end.kind === 'signal' ? `${end.signal}, ` : end.kind === 'error' ? 'an error, ' : '';
    for (const report of reports) {
      const isQuiet = cause === '' && report.failures.length === 0 && report.remaining === 0;
      if (!isQuiet) this.#print(`watertight: ${cause}${closeReportText(report)}`);
    }
  }

  #report(reports: readonly CloseReport[]): void {
    for (const report of reports) {
      try {
        this.#options.onClosed?.(report);
      } catch (error) {
        this.#errors.push(error);
        this.#print(builtin.util.inspect(error));
      }
    }
  }

  #codeAfter(end: End, reports: readonly CloseReport[]): number {
    const isClean = reports.every(({ failures, remaining }) => failures.length === 0 && remaining === 0);
    if (this.#errors.length > 0 || !isClean) return EXIT_FAILURE;
    if (end.kind === 'signal')
      return this.#options.signalExitCode ?? EXIT_SIGNAL + builtin.os.constants.signals[end.signal];
    return Number(process.exitCode ?? 0);
  }

  #exit(code: number): void {
    this.#isOver = true;
    process.exit(code);
  }

  /** Somebody else's `process.exit()` takes the chance to release away: it is not left unsaid. */
  #onExit(code: number): void {
    if (this.#isOver || this.#scopes.every((scope) => scope.tree().count === 0)) return;
    const what = this.#first === null ? 'while open' : 'before closing was over';
    this.#print(`watertight: process.exit(${code}) was called elsewhere ${what}; still held:\n${this.tree()}`);
  }
}

/** The place of the supervisor in a process, for every copy of this package. */
const PLACE = Symbol.for('watertight.supervisor.1');

interface SharedPlace {
  [PLACE]?: Supervisor;
}

/** The supervisor of this process; made by the first `main`, whose options count. */
export function supervisorOf(options: SupervisorOptions): Supervisor {
  const shared = globalThis as SharedPlace;
  shared[PLACE] ??= new Supervisor(options);
  return shared[PLACE];
}
