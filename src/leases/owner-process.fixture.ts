import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Programs are bundled once a test file: a process then starts in 60 ms, and TypeScript takes it 400.
 * @param external packages that are loaded as they are installed
 */
export async function bundleProgram(url: URL, external: string[] = []): Promise<string> {
  // Beneath node_modules, from where koffi is found.
  const folder = fileURLToPath(new URL('../../node_modules/.cache/watertight-tests/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  const source = fileURLToPath(url);
  const outfile = `${folder}${process.pid}-${source.split('/').at(-1)?.replace('.ts', '.mjs')}`;
  const settings = { bundle: true, platform: 'node', format: 'esm', logLevel: 'error' } as const;
  await build({ ...settings, entryPoints: [source], outfile, external });
  return outfile;
}

/** A real process that holds leases as it is told to. */
export class OwnerProcess {
  readonly child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(program: string, env: Record<string, string> = {}, launcher: readonly string[] = []) {
    const [command, ...args] = launcher;
    this.child = fork(program, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
      ...(command === undefined ? {} : { execPath: command, execArgv: [...args, process.execPath] }),
    });
    this.#exited = once(this.child, 'exit');
  }

  /** One order, and its answer. Rejects when the process ends before it answers. */
  async ask<T = unknown>(order: string, ...values: unknown[]): Promise<T> {
    const answered = once(this.child, 'message') as Promise<[{ value?: T; error?: string }]>;
    this.child.send({ order, values });
    const ended = this.#exited.then(() => {
      throw new Error(`the process ended before it answered to ${order}`);
    });
    const [{ value, error }] = await Promise.race([answered, ended]);
    if (error !== undefined) throw new Error(error);
    return value as T;
  }

  /** One order to a process that may kill itself meanwhile: did it? */
  async isCutBy(order: string, ...values: unknown[]): Promise<boolean> {
    try {
      await this.ask(order, ...values);
      return false;
    } catch (error) {
      if (this.child.signalCode === 'SIGKILL') return true;
      throw error;
    }
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exited;
  }

  ended(): Promise<unknown> {
    return this.#exited;
  }
}
