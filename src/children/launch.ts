import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { builtin, procStat } from '../core/index.js';
import { type ChildLease, registerChild } from '../leases/index.js';
import type { ChildPlan, Protection } from './child.js';
import { type ChildrenErrors, plain } from './children-errors.js';
import { type Command, findCommand } from './command.js';
import { deathSignalWrapper, withDeathSignal } from './death-signal.js';
import { lackOfDescriptors } from './descriptors.js';
import { markedEnvironment, newMark } from './family.js';
import { ensureGuard, guardWaits } from './guard.js';
import type { ChildrenSettings, ForkOptions, StartOptions } from './settings.js';

/** Longest label of a lease; the end of a path says more than its beginning. */
const LABEL_CHARS = 63;

/** What is to be started: a command, or with `fork` a module in Node. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly options: StartOptions | ForkOptions;
  readonly isFork: boolean;
}

/** A process that has been started, and the lease that outlives us. */
export interface Launched {
  readonly plan: ChildPlan;
  readonly lease: ChildLease;
}

/**
 * Starts a process in this order: look for the command, register the intent, start, bind. Whatever fails leaves nothing.
 * @throws WatertightError WT_CHILDREN_START, WT_LEASES_FOLDER
 */
export function launch(what: Launch, settings: ChildrenSettings, errors: ChildrenErrors): Launched {
  const { command, options } = what;
  const cwd = options.cwd instanceof URL ? fileURLToPath(options.cwd) : (options.cwd ?? process.cwd());
  const found = lookFor(command, cwd, options.env ?? process.env, errors);
  const streams = streamsOf(what);
  const lack =
    process.platform === 'win32' ? undefined : lackOfDescriptors(streams.filter((use) => use !== 'ignore').length);
  if (lack !== undefined) throw errors.start(command, lack);
  const name = plain(options.name ?? command);
  const lease = registerChild(labelOf(name));
  try {
    const mark = newMark();
    const { deathSignal = 'SIGKILL', graceMs = settings.graceMs } = options;
    const wrapper = deathSignal && !found.changesRights ? deathSignalWrapper() : null;
    const isGuarded = settings.guard && ensureGuard();
    if (isGuarded && deathSignal === 'SIGTERM') guardWaits(graceMs);
    const child = spawnProcess(what, deathSignal && wrapper, optionsOf(what, streams, cwd, mark, lease.mark), errors);
    const pid = child.pid!;
    lease.bind(pid);
    if (options.input !== undefined) child.stdin?.end(options.input);
    const stat = procStat(pid);
    const plan = {
      process: child,
      head: { pid, startTicks: stat?.startTicks ?? 0, mark, name, state: stat?.state ?? '?' },
      name,
      command,
      protection: protectionOf(wrapper !== null, isGuarded),
      isWrapped: wrapper !== null,
      outputBytes: options.outputBytes ?? settings.outputBytes,
      graceMs,
      timeoutMs: options.timeoutMs,
      signal: options.signal,
      group: options.group ?? false,
      asksByChannel: 'ask' in options && options.ask === 'disconnect',
    };
    return { plan, lease };
  } catch (error) {
    void lease.release();
    throw error;
  }
}

function lookFor(command: string, cwd: string, env: NodeJS.ProcessEnv, errors: ChildrenErrors): Command {
  // Windows has rules of its own for names.
  if (process.platform === 'win32') return { path: command, changesRights: false };
  const found = findCommand(command, cwd, env);
  if ('path' in found) return found;
  throw errors.start(command, found.code, undefined, found.said);
}

function streamsOf({ options, isFork }: Launch): string[] {
  const { stdio = [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] } = options;
  const streams = typeof stdio === 'string' ? [stdio, stdio, stdio] : [...stdio];
  return isFork ? [...streams, 'ipc'] : streams;
}

function optionsOf({ options }: Launch, stdio: string[], cwd: string, mark: string, lease: string): SpawnOptions {
  const { serialization, env = process.env } = options as ForkOptions;
  return {
    cwd,
    env: markedEnvironment(env, mark, lease),
    stdio,
    detached: options.group ?? false,
    ...(serialization ? { serialization } : {}),
  } as SpawnOptions;
}

function spawnProcess(
  { command, args, options }: Launch,
  wrapper: string | null | false,
  spawnOptions: SpawnOptions,
  errors: ChildrenErrors,
): ChildProcess {
  const signal = options.deathSignal || 'SIGKILL';
  const line = wrapper ? withDeathSignal(wrapper, signal, command, args) : { command, args };
  let child: ChildProcess;
  try {
    child = builtin.childProcess.spawn(line.command, [...line.args], spawnOptions);
  } catch (error) {
    throw errors.start(command, codeOf(error), error);
  }
  // Of Node's own: a signal that could not be sent, a message that could not be delivered.
  child.on('error', doNothing);
  child.stdin?.on('error', doNothing);
  // Node tells why only a moment later; the others have been asked for before.
  if (child.pid === undefined) throw errors.start(command, 'EAGAIN');
  return child;
}

function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : 'unknown';
}

/** What `lease.list()` shows: letters, digits, `_` and `-`. */
function labelOf(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]+/g, '-').slice(-LABEL_CHARS);
}

function protectionOf(isWrapped: boolean, isGuarded: boolean): Protection {
  if (isWrapped) return 'death-signal';
  return isGuarded ? 'guard' : 'reclaim-only';
}

function doNothing(): void {}
