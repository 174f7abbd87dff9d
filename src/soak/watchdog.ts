import { type ChildProcess, spawn } from 'node:child_process';

/*
 * Reads one line with the program's process group, then waits. A second line says that all is cleaned up; the end of
 * the input without one says that the runner died. Twice, as a process may fork while it is looked for.
 */
const SCRIPT = `
read -r group
read -r word && exit 0
[ -n "$group" ] && kill -s KILL -- "-$group"
for round in 1 2; do
  for file in /proc/[0-9]*/environ; do
    grep -qsF "$1" "$file" && { pid=\${file#/proc/}; kill -s KILL "\${pid%/environ}"; }
  done
done
rm -rf -- "$2"
`;

/**
 * Cleans up when the runner cannot: a SIGKILL, a second Ctrl-C, a closed terminal, a crash. A shell in a session of its
 * own, which notices the runner's end by its standard input. Where there is no `sh` the soak runs without.
 */
export class Watchdog {
  readonly #shell: ChildProcess;
  readonly #ended: Promise<void>;

  /**
   * @param mark variable of the environment (`NAME=value`) that all processes of the program inherit
   * @param folder removed with all that is in it
   */
  constructor(mark: string, folder: string) {
    this.#shell = spawn('sh', ['-c', SCRIPT, 'watertight-watchdog', mark, folder], {
      detached: true,
      cwd: '/',
      env: { PATH: process.env.PATH },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    this.#ended = new Promise((resolve) => {
      this.#shell.once('error', () => resolve());
      this.#shell.once('exit', () => resolve());
    });
    this.#shell.stdin?.on('error', () => {});
    this.#shell.unref();
    (this.#shell.stdin as { unref?: () => void } | null)?.unref?.();
  }

  /** Tells the process group to kill. */
  guard(group: number): void {
    this.#shell.stdin?.write(`${group}\n`);
  }

  /** All is cleaned up: nothing to do any more. */
  async dismiss(): Promise<void> {
    this.#shell.ref();
    this.#shell.stdin?.end('\ndone\n');
    await this.#ended;
  }
}
