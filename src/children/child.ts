import type { ChildProcess } from 'node:child_process';
import { checkOptionNames, type DeadlineClock, monotonicMs, settleBy } from '../core/index.js';
import { identityOf, signalProcess } from '../processes/index.js';
import { Alarm } from './alarm.js';
import type { Census } from './census.js';
import type { ChildReport, EndReason } from './child-report.js';
import type { ChildrenErrors } from './children-errors.js';
import { couldNotExec } from './death-signal.js';
import { type FamilyHead, isLinux, type Relative } from './family.js';
import { askFamily, killFamily, stillThere } from './killing.js';
import type { Lines, LinesOptions } from './lines.js';
import { OutputReader } from './output-reader.js';
import { checkMs } from './settings.js';

export type ChildState = 'running' | 'ending' | 'ended' | 'stuck';

/**
 * What ends a child when this process dies without a word: the kernel at once (`death-signal`), a shell that watches from
 * outside within some 50 ms (`guard`), or the next `reclaim` of any process on the machine (`reclaim-only`). Each includes
 * those behind it; descendants of the child are always left to those behind.
 */
export type Protection = 'death-signal' | 'guard' | 'reclaim-only';

/** What a child is made of. */
export interface ChildPlan {
  readonly process: ChildProcess;
  readonly head: FamilyHead & Relative;
  readonly name: string;
  readonly command: string;
  readonly protection: Protection;
  readonly isWrapped: boolean;
  readonly outputBytes: number;
  readonly graceMs: number;
  readonly timeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly group: boolean;
  readonly asksByChannel: boolean;
}

/** What a child needs of its owner. */
export interface ChildHome {
  readonly census: Census;
  readonly clock: DeadlineClock;
  readonly errors: ChildrenErrors;
  /** Once, when `ended` settles. */
  onReport(child: Child, report: ChildReport): void;
  /** Once, when it and all that it started are gone. */
  onGone(child: Child): void;
}

/** After the exit, for pipes that somebody else holds: longer than the kernel needs, short enough not to be felt. */
const PIPE_MS = 250;
/** From SIGKILL to being called stuck: the kernel needs 2 to 10 ms, and some 100 for a process of many GB. */
const KILL_MS = 1_000;

/**
 * A process under `Children`. `ended` always settles, and never rejects: when the child and all that it started are gone, or
 * when they could not be killed in time.
 */
export class Child implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** `pid:startTicks`: no other process on this machine has it before the next boot. `pid:0` where there is no /proc. */
  readonly identity: string;
  readonly startedAt = new Date();
  readonly protection: Protection;
  /** Standard input (`stdio`), messages of a forked child: Node's own object. Its end is not its user's to bring about. */
  readonly process: ChildProcess;
  readonly ended: Promise<ChildReport>;
  readonly #plan: ChildPlan;
  readonly #home: ChildHome;
  readonly #startedMs = monotonicMs();
  readonly #alarm: Alarm;
  readonly #stdout: OutputReader;
  readonly #stderr: OutputReader;
  readonly #killed = new Map<string, Relative>();
  #state: ChildState = 'running';
  #reason: EndReason | null = null;
  #hasExited = false;
  /** Its pipes have come to their end: nobody holds them any more. */
  #isRead = false;
  #isReported = false;
  #killAt = Number.POSITIVE_INFINITY;
  #stuckAt = Number.POSITIVE_INFINITY;
  #forcing: Promise<void> | null = null;
  #left: readonly Relative[] = [];
  #resolve: (report: ChildReport) => void = () => {};
  readonly #onAbort = () => this.stop('aborted', this.#plan.graceMs);

  /** For `Children`. */
  constructor(plan: ChildPlan, home: ChildHome) {
    this.name = plan.name;
    this.pid = plan.head.pid;
    this.identity = identityOf(plan.head);
    this.protection = plan.protection;
    this.process = plan.process;
    this.#plan = plan;
    this.#home = home;
    this.#stdout = new OutputReader(plan.process.stdout, plan.outputBytes);
    this.#stderr = new OutputReader(plan.process.stderr, plan.outputBytes);
    this.#alarm = new Alarm(home.clock);
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    void this.#follow();
    plan.signal?.addEventListener('abort', this.#onAbort, { once: true });
    if (plan.timeoutMs !== undefined)
      this.#alarm.set(this.#startedMs + plan.timeoutMs, () => this.stop('timeout', plan.graceMs));
  }

  get state(): ChildState {
    return this.#state;
  }

  get graceMs(): number {
    return this.#plan.graceMs;
  }

  /** True when it did not end as it was asked, and was killed. */
  get wasKilled(): boolean {
    return this.#forcing !== null;
  }

  /** Storage of captured output, in bytes. */
  get outputBytes(): number {
    return this.#stdout.storageBytes + this.#stderr.storageBytes;
  }

  /**
   * All that it has started, at any depth, also what left its group or session, and what has lost its parent. Linux only; none
   * elsewhere. Not found: a process that cleared its environment and whose parent has ended.
   * Cost: 9 µs a process on the machine.
   */
  tree(): Relative[] {
    return this.#home.census.relativesNow([this.#plan.head]);
  }

  /**
   * Lines of its output from now on, as they come; beside what is captured. None of a stream that is not captured.
   * @throws TypeError, RangeError naming the option
   */
  lines(from: 'stdout' | 'stderr' = 'stdout', options?: LinesOptions): Lines {
    if (from !== 'stdout' && from !== 'stderr')
      throw new RangeError(`child.lines(from): from must be 'stdout' or 'stderr', not ${String(from)}`);
    return (from === 'stdout' ? this.#stdout : this.#stderr).lines(options);
  }

  /**
   * Asks it to end (SIGTERM, to its whole group if it has one; to what it leaves behind, if it ends first), and after `graceMs`
   * kills it and all that it started. A second
   * call can only make it shorter. What has not gone 1 s after SIGKILL is given up, and named in `stuck`.
   * @param options.graceMs that of its start unless told; 0 kills without asking
   * @returns as `ended`
   * @throws TypeError, RangeError for a wrong option
   */
  end(options: { readonly graceMs?: number } = {}): Promise<ChildReport> {
    const where = 'child.end(options)';
    checkOptionNames(where, options, ['graceMs']);
    this.stop('closed', checkMs(where, 'graceMs', options.graceMs ?? this.#plan.graceMs));
    return this.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }

  /** For `Children`: as `end`, and why, and when (`performance.now()`, ms) it is given up. */
  stop(reason: EndReason, graceMs: number, stuckAt?: number): void {
    if (this.#isReported) return;
    const killAt = monotonicMs() + graceMs;
    this.#stuckAt = Math.min(this.#stuckAt, stuckAt ?? killAt + KILL_MS);
    if (this.#forcing !== null) return;
    if (this.#reason === null && !this.#hasExited) {
      this.#reason = reason;
      this.#state = 'ending';
      if (graceMs > 0) this.#ask();
    }
    if (killAt >= this.#killAt) return;
    this.#killAt = killAt;
    if (this.#hasExited) return;
    if (graceMs > 0) this.#alarm.set(killAt, () => this.#force());
    else this.#force();
  }

  /** For `Children`: whom to kill at the end of this process. */
  get head(): FamilyHead & Relative {
    return this.#plan.head;
  }

  /** For `Children`: looks again whether what was given up has gone. */
  recheck(): void {
    if (this.#state !== 'stuck' || !this.#hasExited) return;
    this.#left = stillThere(this.#left);
    if (this.#left.length === 0) this.#gone();
  }

  #ask(): void {
    const { process: child, group, asksByChannel } = this.#plan;
    if (asksByChannel && child.connected) {
      child.disconnect();
      return;
    }
    const pid = group ? -this.pid : this.pid;
    try {
      process.kill(pid, 'SIGTERM');
      // One that is stopped gets SIGTERM when it goes on.
      process.kill(pid, 'SIGCONT');
    } catch {
      // It has ended, and its exit is on the way.
    }
  }

  #force(): void {
    this.#alarm.cancel();
    if (this.#hasExited || this.#forcing !== null) return;
    this.#forcing = isLinux ? this.#killAll(true) : this.#killPlainly();
  }

  async #killAll(withHead: boolean): Promise<void> {
    const { head } = this.#plan;
    const { killed, left } = await killFamily(
      head,
      withHead,
      this.#home.census,
      () => this.#stuckAt,
      () => this.#hasExited && !this.#isRead,
    );
    for (const [identity, relative] of killed) this.#killed.set(identity, relative);
    this.#left = left;
    if (withHead && left.some(({ pid }) => pid === head.pid)) this.#report();
  }

  /** Where descendants cannot be found. */
  async #killPlainly(): Promise<void> {
    const exited = new Promise((resolve) => this.process.once('exit', resolve));
    signalProcess(this.#plan.group ? { pid: -this.pid, startTicks: 0 } : this.#plan.head, 'SIGKILL');
    if ((await settleBy(exited, this.#stuckAt)) === 'settled') return;
    this.#left = [this.#plan.head];
    this.#report();
  }

  async #follow(): Promise<void> {
    const piped = new Promise<void>((resolve) => {
      this.process.once('close', () => {
        this.#isRead = true;
        resolve();
      });
    });
    await new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    this.#hasExited = true;
    this.#alarm.cancel();
    this.#stdout.readLast();
    this.#stderr.readLast();
    // Who was killed with it lets the pipes go; a shell that was asked and has ended has asked nobody else.
    if (this.#forcing !== null) await this.#forcing;
    else if (this.#reason !== null) await askFamily(this.#plan.head, this.#home.census, () => this.#killAt);
    else await settleBy(piped, monotonicMs() + PIPE_MS);
    this.#stuckAt = Math.min(this.#stuckAt, monotonicMs() + KILL_MS);
    await this.#killAll(false);
    if ((await settleBy(piped, monotonicMs() + PIPE_MS)) === 'deadline') {
      this.#stdout.destroy();
      this.#stderr.destroy();
    }
    this.process.stdin?.destroy();
    this.#report();
    if (this.#left.length === 0) this.#gone();
  }

  #report(): void {
    if (this.#isReported) return;
    this.#isReported = true;
    this.#state = 'stuck';
    this.#alarm.cancel();
    this.#plan.signal?.removeEventListener('abort', this.#onAbort);
    const report = this.#makeReport();
    this.#home.onReport(this, report);
    this.#resolve(report);
  }

  #gone(): void {
    this.#state = 'ended';
    this.#home.onGone(this);
  }

  #makeReport(): ChildReport {
    const { exitCode: code, signalCode: signal } = this.process;
    const [stdout, stderr] = [this.#stdout.take(), this.#stderr.take()];
    const isUnstarted = this.#plan.isWrapped && couldNotExec(code, stderr.text);
    const error = isUnstarted ? this.#home.errors.start(this.#plan.command, 'ENOEXEC') : undefined;
    return {
      name: this.name,
      pid: this.pid,
      identity: this.identity,
      reason: error ? 'failed-to-start' : (this.#reason ?? (signal === null ? 'exit' : 'signal')),
      code,
      signal,
      durationMs: monotonicMs() - this.#startedMs,
      stdout,
      stderr,
      survivors: this.#killed.size,
      stuck: this.#left,
      ...(error ? { error } : {}),
    };
  }
}
