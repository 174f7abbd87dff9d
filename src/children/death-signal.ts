import { accessSync, constants, statSync } from 'node:fs';
import { builtin } from '../core/index.js';
import { isLinux } from './family.js';

/*
 * Node has no place for code between fork and exec, where a child asks the kernel for a signal at its parent's death
 * (PR_SET_PDEATHSIG, prctl(2)). `setpriv` of util-linux 2.33 (2018) or newer asks for it and becomes the command: same pid,
 * same start. It costs 1 ms. What the kernel says about that signal:
 *
 * - it comes when the THREAD that forked ends: a worker's children end with the worker;
 * - it is not inherited: grandchildren have none (the guard is for them);
 * - it is gone when a program with set-user-ID, set-group-ID or file capabilities is executed.
 *
 * Between the fork and the asking, some 0.5 ms, the parent may die unseen: the marks of the child stay, for the guard and for
 * `reclaim`.
 */
const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];
/** Group and others may not write what runs in the place of every command. */
const OTHERS_WRITE = 0o022;
/** It has only to print its version. */
const TRIAL_MS = 2_000;
const ROOT = 0;

let wrapper: string | null | undefined;

/** Path of a `setpriv` that can ask for a death signal; looked for and tried once. Cost: 3 ms, once. */
export function deathSignalWrapper(): string | null {
  if (wrapper === undefined) wrapper = isLinux ? (FOLDERS.map((at) => `${at}/setpriv`).find(works) ?? null) : null;
  return wrapper;
}

/** The command line that becomes `command` after asking for the signal. */
export function withDeathSignal(path: string, signal: 'SIGKILL' | 'SIGTERM', command: string, args: readonly string[]) {
  return { command: path, args: ['--pdeathsig', signal.slice(3), '--', command, ...args] };
}

/** What `setpriv` says when it could not become the command: 126 and 127 are its codes for that. */
export function couldNotExec(code: number | null, stderr: string): boolean {
  return (code === 126 || code === 127) && /^setpriv: failed to execute /.test(stderr);
}

function works(path: string): boolean {
  try {
    const { uid, mode } = statSync(path);
    if (uid !== ROOT || (mode & OTHERS_WRITE) !== 0) return false;
    accessSync(path, constants.X_OK);
    // Busybox has one that knows no such option.
    const args = ['--pdeathsig', 'KILL', '--', path, '--version'];
    return builtin.childProcess.spawnSync(path, args, { stdio: 'ignore', timeout: TRIAL_MS, env: {} }).status === 0;
  } catch {
    return false;
  }
}
