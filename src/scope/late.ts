import { builtin, errorText, plainText, WatertightError } from '../core/index.js';

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === 'object' && typeof (value as PromiseLike<unknown>).then === 'function';
}

/** Paths whose failure was a warning already: what comes again and again is only published. */
const warned = new Set<string>();
const MOST_WARNED = 1000;

/**
 * Tells of a failure that no report can hold any more, as its close has returned: on the channel
 * `watertight:scope-late-failure` as `{ path, error }`, and, once for each of the first 1,000 paths, as a warning of the process.
 */
export function lateFailure(path: string, error: unknown, when = 'after its scope had given up on it'): void {
  builtin.diagnostics.channel('watertight:scope-late-failure').publish({ path, error });
  if (warned.has(path) || warned.size >= MOST_WARNED) return;
  warned.add(path);
  const message = `Release of ${plainText(path, 200)} failed ${when}: ${errorText(error)}`;
  process.emitWarning(
    new WatertightError('WT_SCOPE_LATE_FAILURE', message, {
      hint: 'see the cause; a release that takes long gets more time by `timeoutMs`',
      details: { path },
      cause: error,
    }),
  );
}

/** What work throws because its scope has closed under it: its own refusal, or the abort of a signal that it was given. */
export function isStopped(error: unknown): boolean {
  if (error instanceof WatertightError) return error.code === 'WT_SCOPE_CLOSED';
  return error instanceof Error && error.name === 'AbortError';
}

const CAME_LATE = 'when it came to its scope, which had closed';

/** Releases what came to a scope that takes nothing any more; nobody waits for it, so its failure is a late one. */
export function releaseAtOnce(path: string, release: () => unknown): void {
  try {
    const ending = release();
    if (isThenable(ending)) ending.then(undefined, (error) => lateFailure(path, error, CAME_LATE));
  } catch (error) {
    lateFailure(path, error, CAME_LATE);
  }
}
