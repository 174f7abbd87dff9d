import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WatertightError } from '../core/index.js';
import { ENVIRONMENT, type Problem } from '../monitor/index.js';
import { AgentHub, type AgentLink } from './agents.js';

export interface TargetExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a process that ended on its own wrote before it did. */
export interface LastWords extends Problem {
  readonly why: 'exit' | 'unhandled' | 'stalled';
}

/** Output kept of each stream, for messages about a target that died. */
const OUTPUT_TAIL_CHARS = 16_384;
/** A unix socket's path has 108 bytes. */
const MAX_SOCKET_PATH = 100;

const preload = new URL('../agent/preload.js', import.meta.url);
const hostFile = fileURLToPath(new URL('../agent/host.js', import.meta.url));

/**
 * The observed program: a process group of its own with an agent in every Node.js isolate, a private folder for its
 * temporary files, and an end that leaves nothing behind.
 */
export class Target {
  readonly folder: string;
  readonly hub: AgentHub;
  readonly exited: Promise<TargetExit>;
  exit: TargetExit | null = null;
  outputChars = 0;
  readonly #child: ChildProcess;
  #output = '';

  private constructor(folder: string, hub: AgentHub, child: ChildProcess) {
    this.folder = folder;
    this.hub = hub;
    this.#child = child;
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.outputChars += text.length;
        this.#output = (this.#output + text).slice(-OUTPUT_TAIL_CHARS);
      });
    }
  }

  /** Starts the process that runs a scenario file. */
  static startScenario(file: string): Promise<Target> {
    const typescript = /\.[cm]?tsx?$/.test(file);
    const loader = typescript ? ['--enable-source-maps', '--import', import.meta.resolve('tsx')] : [];
    const args = ['--expose-gc', '--import', preload.href, ...loader, hostFile];
    return Target.#start(process.execPath, args, { [ENVIRONMENT.scenario]: file });
  }

  /** Starts any command; every Node.js process that comes of it loads the agent. */
  static startCommand(command: readonly string[]): Promise<Target> {
    const options = [process.env.NODE_OPTIONS, `--import=${preload.href}`].filter(Boolean).join(' ');
    return Target.#start(command[0]!, command.slice(1), { NODE_OPTIONS: options });
  }

  static async #start(command: string, args: readonly string[], variables: Record<string, string>): Promise<Target> {
    const folder = privateFolder();
    const temp = join(folder, 'tmp');
    mkdirSync(temp, { mode: 0o700 });
    const socketPath = join(folder, 'agents');
    const hub = await AgentHub.listen(socketPath);
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        // glibc gives each thread an arena of its own; few arenas make resident memory mean something.
        MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2',
        ...variables,
        TMPDIR: temp,
        [ENVIRONMENT.socket]: socketPath,
        [ENVIRONMENT.reports]: folder,
      },
    });
    const target = new Target(folder, hub, child);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error: NodeJS.ErrnoException) => {
        hub.close();
        rmSync(folder, { recursive: true, force: true });
        reject(cannotStart(command, error));
      });
    });
    return target;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The last lines that the program printed. Untrusted. */
  get outputTail(): string {
    return this.#output;
  }

  get links(): AgentLink[] {
    return [...this.hub.links].filter((link) => !link.isGone);
  }

  lastWords(): LastWords | null {
    const file = join(this.folder, 'last-words.json');
    try {
      return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as LastWords) : null;
    } catch {
      return null;
    }
  }

  /** Ends the program, its descendants and its folder: asks, waits, then kills. Safe to call at any time, twice too. */
  async stop(graceMs: number): Promise<void> {
    const family = descendants(this.pid);
    if (!this.exit) {
      signalGroup(this.pid, 'SIGTERM');
      await Promise.race([this.exited, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    }
    for (const pid of new Set([...family, ...descendants(this.pid)])) signal(pid, 'SIGKILL');
    signalGroup(this.pid, 'SIGKILL');
    await this.exited;
    this.hub.close();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function privateFolder(): string {
  const base = tmpdir();
  const folder = mkdtempSync(join(base.length < MAX_SOCKET_PATH - 30 ? base : '/tmp', 'watertight-'));
  return folder;
}

function cannotStart(command: string, error: NodeJS.ErrnoException): WatertightError {
  const missing = error.code === 'ENOENT';
  return new WatertightError(
    'WT_SOAK_CANNOT_START',
    missing ? `Cannot start ${command} as there is no such command` : `Cannot start ${command}: ${error.message}`,
    {
      hint: missing ? 'check its spelling, or give the full path' : 'run the command by hand to see why',
      cause: error,
    },
  );
}

/** All descendants of a process, also those that left its group; newest generation last. Linux only. */
function descendants(pid: number): number[] {
  const found: number[] = [];
  const pending = [pid];
  for (let next = pending.pop(); next !== undefined && found.length < 10_000; next = pending.pop()) {
    for (const child of childrenOf(next)) {
      found.push(child);
      pending.push(child);
    }
  }
  return found;
}

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
      const list = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8');
      return list.split(' ').filter(Boolean).map(Number);
    });
  } catch {
    return [];
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone already.
  }
}

const signalGroup = (pid: number, name: NodeJS.Signals): void => signal(-pid, name);
