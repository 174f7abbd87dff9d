import { plainText, WatertightError } from '../core/index.js';
import type { Relative } from './family.js';

/** Longest name of a command or a child in a message. */
const NAME_CHARS = 80;

export const plain = (text: string): string => plainText(text, NAME_CHARS) || '(no name)';

/** What stands behind a code of the system, and what to do. */
const CAUSES: Readonly<Record<string, readonly [why: string, hint: string]>> = {
  ENOENT: ['there is no such file', 'check the name, cwd, and PATH in env'],
  EACCES: ['it may not be executed', 'check its rights, and those of the folders above it'],
  ENOTDIR: ['its folder is none', 'check cwd and the path of the command'],
  E2BIG: ['its arguments and environment are too large', 'pass long data by input or in a file'],
  EAGAIN: ['the system starts no more processes', 'look at ulimit -u and pids.max, and at what runs already'],
  EMFILE: ['this process has no descriptor left', 'close some, or raise ulimit -n'],
  ENFILE: ['the system has no descriptor left', 'close some, or raise fs.file-max'],
  ENOEXEC: [
    'the system cannot execute it',
    'see the error output: a missing library or interpreter, or another machine',
  ],
  ENOMEM: ['there is not enough memory', 'start fewer at a time'],
};
const UNKNOWN = ['the system refuses', 'see the cause'] as const;

/** What callers may get from children, worded in one place. */
export class ChildrenErrors {
  readonly #name: string;

  constructor(name: string) {
    this.#name = plain(name);
  }

  closed(what: string): WatertightError {
    return new WatertightError('WT_CHILDREN_CLOSED', `Cannot start ${plain(what)} as ${this.#name} is closed`, {
      hint: 'start children before their owner closes',
    });
  }

  limit(what: string, limit: number): WatertightError {
    return new WatertightError('WT_CHILDREN_LIMIT', `Cannot start ${plain(what)} as ${limit} of ${limit} run`, {
      hint: 'wait for the end of one (child.ended), or raise limit',
      details: { limit },
    });
  }

  /** @param code of the system, as `ENOENT` */
  start(what: string, code: string, cause?: unknown, said = ''): WatertightError {
    const [why, hint] = CAUSES[code] ?? UNKNOWN;
    const message = `Cannot start ${plain(what)} as ${said || why} (${code})`;
    return new WatertightError('WT_CHILDREN_START', message, { hint, details: { command: what, code }, cause });
  }

  stuck(stuck: readonly Relative[]): WatertightError {
    const names = stuck.slice(0, 5).map(({ name, pid, state }) => `${plain(name)} ${pid} (${state})`);
    const message = `Cannot close ${this.#name} as ${stuck.length} processes do not end: ${names.join(', ')}`;
    return new WatertightError('WT_CHILDREN_STUCK', message, {
      hint: 'state D waits in the kernel for a device or a network folder; a frozen cgroup has to be thawed',
      details: { stuck },
    });
  }

  cannotReap(why: string): WatertightError {
    return new WatertightError('WT_CHILDREN_CANNOT_REAP', `Cannot reap zombies as ${why}`, {
      hint: 'run a small init as process 1 (docker run --init), which reaps them',
    });
  }
}
