import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import type { SoakResult } from '../../src/soak/index.js';

/** The built command line; another build can be named to test that one. */
const CLI = process.env.WATERTIGHT_CLI ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Inherited by all that a run starts, so that whatever outlives it is found. */
const MARK = 'WATERTIGHT_FAULT_TEST';
/** A killed process leaves /proc when its parent, or init, has taken note. */
const GONE_MS = 4_000;
const POLL_MS = 20;

export interface SoakSetup {
  /** Files by name in the run's working folder. */
  readonly files: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** Symbolic links by name. */
  readonly links?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  /** A file in place of the pipe for standard output. */
  readonly stdout?: number;
}

export interface SoakEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * One run of the real command line on real files, in a folder of its own. Ends with the test that started it, which
 * also checks that nothing was left behind.
 */
export class SoakProcess {
  readonly folder = mkdtempSync(join(tmpdir(), 'wt-faults-'));
  readonly child: ChildProcess;
  stdout = '';
  stderr = '';
  readonly #ended: Promise<SoakEnd>;
  readonly #written: Set<string>;
  #onOutput: () => void = () => {};

  constructor({ files, args, links = {}, env, stdout }: SoakSetup) {
    mkdirSync(join(this.folder, 'tmp'));
    mkdirSync(join(this.folder, 'work'));
    this.#written = new Set([...Object.keys(files), ...Object.keys(links)]);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    for (const [name, target] of Object.entries(links)) symlinkSync(target, this.path(name));
    this.child = spawn(process.execPath, [CLI, 'soak', ...args], {
      cwd: this.path('.'),
      stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
      env: { ...process.env, CI: '1', TMPDIR: join(this.folder, 'tmp'), [MARK]: this.folder, ...env },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take('stdout', text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#take('stderr', text));
    this.#ended = once(this.child, 'close').then(([code, signal]) => {
      return { code, signal, stdout: this.stdout, stderr: this.stderr };
    });
    onTestFinished(() => this.#clean());
  }

  path(name: string): string {
    return join(this.folder, 'work', name);
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  json(name = 'result.json'): SoakResult {
    return JSON.parse(readFileSync(this.path(name), 'utf8')) as SoakResult;
  }

  /** Resolves when the output holds the text; rejects when the run ends without. */
  async until(pattern: RegExp): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (pattern.test(this.stderr) || pattern.test(this.stdout)) resolve();
      };
      this.#onOutput();
    });
    const end = this.#ended.then(() => {
      throw new Error(`the run ended without ${pattern}:\n${this.stdout}\n${this.stderr}`);
    });
    await Promise.race([seen, end]);
  }

  /** The end of the command; nothing that it started or wrote may be left, except the reports named in `reports`. */
  async end(reports: readonly string[] = []): Promise<SoakEnd> {
    const end = await this.#ended;
    await this.expectNothingLeft(reports);
    return end;
  }

  async expectNothingLeft(reports: readonly string[] = []): Promise<void> {
    const deadline = performance.now() + GONE_MS;
    while (this.#left().length > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    expect(this.#left()).toEqual([]);
    const files = readdirSync(this.path('.')).filter((name) => !this.#written.has(name.split('/')[0]!));
    expect(files.sort()).toEqual([...reports].sort());
  }

  /** Processes of this run, the command itself not counted. */
  processes(): { pid: number; command: string }[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && Number(name) !== this.child.pid)
      .filter((name) => readProc(name, 'environ').includes(`${MARK}=${this.folder}\0`) || this.#isWatchdog(name))
      .map((name) => ({ pid: Number(name), command: readProc(name, 'cmdline').replaceAll('\0', ' ').trim() }));
  }

  #left(): string[] {
    const files = readdirSync(join(this.folder, 'tmp')).map((name) => `file ${name}`);
    return [...files, ...this.processes().map(({ command }) => `process ${command}`)];
  }

  /** It inherits nothing, but its arguments name the private folder. */
  #isWatchdog(name: string): boolean {
    return readProc(name, 'cmdline').includes(join(this.folder, 'tmp', 'watertight-'));
  }

  #take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.#onOutput();
  }

  async #clean(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
    for (const { pid } of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone since it was listed.
      }
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
