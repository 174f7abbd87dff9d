import { isStopped } from './late.js';
import { checkMainOptions } from './main-options.js';
import { Scope } from './scope.js';
import { type SupervisorOptions, supervisorOf } from './supervisor.js';

export interface MainOptions extends SupervisorOptions {
  /** Name of the root scope, in the report and the tree. Default `main`. */
  readonly name?: string;
  /**
   * When a program that gets no signal is over. `idle`, the default: when nothing keeps Node's event loop going, as any
   * program; a server stays, a script ends. `returned`: when `work` returns, whatever it has left open.
   */
  readonly until?: 'idle' | 'returned';
}

/**
 * Runs a program under a root scope, and owns its end: the first SIGTERM, SIGINT or SIGHUP closes the scope, the second
 * one exits at once; an error that nobody caught closes it too. What is failed or stuck is printed on standard error, and
 * SIGUSR2 prints what is held. Called again, a second program joins the first: they close together, newest first.
 *
 * Exit codes: 0 when it ended by itself; 1 after an error, or when something failed or is still held after closing;
 * 128 + n after signal n (POSIX shells; 143 for SIGTERM, 130 for SIGINT) or `signalExitCode`.
 *
 * @param work gets the root scope; may return while servers and timers go on. Errors that it throws because its scope
 *   closes (WT_SCOPE_CLOSED, AbortError) are the normal end of a start that was interrupted.
 * @returns never: the process exits
 *
 * @example
 * main(async (scope) => {
 *   const database = await scope.acquire('database', () => connect(), (database) => database.end());
 *   scope.server(createServer(handle(database)).listen(3000));
 * });
 */
export async function main(work: (scope: Scope) => unknown, options: MainOptions = {}): Promise<never> {
  if (typeof work !== 'function') throw new TypeError(`main(work): work must be a function, not ${typeof work}`);
  checkMainOptions(options);
  const { name = 'main', until = 'idle' } = options;
  const scope = new Scope(name);
  const supervisor = supervisorOf(options);
  supervisor.join(scope);
  try {
    await work(scope);
    if (until === 'returned') supervisor.end({ kind: 'returned' });
  } catch (error) {
    if (!supervisor.isClosing || !isStopped(error)) supervisor.end({ kind: 'error', error });
  }
  return new Promise<never>(() => {});
}
