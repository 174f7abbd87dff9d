import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WatertightError } from '../core/index.js';
import { ENVIRONMENT, type Problem } from '../monitor/index.js';
import { type ProcessId, signalProcess } from '../processes/index.js';
import { AgentHub, type AgentLink } from './agents.js';
import { descendants, markedProcesses, sendSignal } from './family.js';
import { Watchdog } from './watchdog.js';

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
/** What `privateFolder` and the socket add to the path of the temporary folder. */
const SOCKET_NAME_BYTES = '/watertight-XXXXXX/agents'.length;
/** What was printed last is still in the pipe when a process ends; a grandchild may hold that pipe open for ever. */
const LAST_OUTPUT_MS = 250;
/** A process that forks while it is looked for is found in the next round. */
const KILL_ROUNDS = 20;
const KILL_ROUND_MS = 5;

const preload = new URL('../agent/preload.js', import.meta.url);
const workerPreload = fileURLToPath(new URL('../agent/worker-preload.cjs', import.meta.url));
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
  readonly #watchdog: Watchdog;
  readonly #isScenario: boolean;
  #output = '';
  #stopping: Promise<void> | null = null;

  private constructor(
    parts: { folder: string; hub: AgentHub; child: ChildProcess; watchdog: Watchdog },
    isScenario: boolean,
  ) {
    const { child } = parts;
    this.folder = parts.folder;
    this.hub = parts.hub;
    this.#watchdog = parts.watchdog;
    this.#child = child;
    this.#isScenario = isScenario;
    this.exited = new Promise((resolve) => {
      child.once('close', () => resolve(this.exit!));
      child.once('exit', (code, signal) => {
        this.exit = { code, signal };
        setTimeout(resolve, LAST_OUTPUT_MS, this.exit).unref();
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
    return Target.#start(process.execPath, ['--expose-gc', ...loader, hostFile], { [ENVIRONMENT.scenario]: file });
  }

  /** Starts any command; every Node.js process that comes of it loads the agent. */
  static startCommand(command: readonly string[]): Promise<Target> {
    return Target.#start(command[0]!, command.slice(1), {});
  }

  static async #start(command: string, args: readonly string[], variables: Record<string, string>): Promise<Target> {
    const folder = privateFolder();
    const socketPath = join(folder, 'agents');
    const watchdog = new Watchdog(`${ENVIRONMENT.socket}=${socketPath}`, folder);
    let hub: AgentHub | null = null;
    try {
      mkdirSync(join(folder, 'tmp'), { mode: 0o700 });
      hub = await AgentHub.listen(socketPath);
      const child = await spawned(command, args, { ...environment(folder, socketPath), ...variables });
      watchdog.guard(child.pid!);
      return new Target({ folder, hub, child, watchdog }, ENVIRONMENT.scenario in variables);
    } catch (error) {
      hub?.close();
      removeFolder(folder);
      await watchdog.dismiss();
      throw error;
    }
  }

  /** Whether iterations of a scenario run in it; else it is a command of its own. */
  get isScenario(): boolean {
    return this.#isScenario;
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
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    const family = descendants(this.pid);
    if (!this.exit) {
      sendSignal(-this.pid, 'SIGTERM');
      await Promise.race([this.exited, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
    }
    await this.#kill(family);
    await this.exited;
    this.hub.close();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
    removeFolder(this.folder);
    await this.#watchdog.dismiss();
  }

  /** Those who knew the program as parent, those of its group, and those who only carry its mark. */
  async #kill(family: readonly ProcessId[]): Promise<void> {
    for (const member of [...family, ...descendants(this.pid)]) signalProcess(member, 'SIGKILL');
    sendSignal(-this.pid, 'SIGKILL');
    for (let round = 0; round < KILL_ROUNDS; round++) {
      const marked = markedProcesses(ENVIRONMENT.socket, join(this.folder, 'agents'));
      if (marked.length === 0) return;
      for (const member of marked) signalProcess(member, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, KILL_ROUND_MS));
    }
  }
}

function privateFolder(): string {
  const base = tmpdir();
  const fits = Buffer.byteLength(base) + SOCKET_NAME_BYTES <= MAX_SOCKET_PATH;
  return mkdtempSync(join(fits ? base : '/tmp', 'watertight-'));
}

function environment(folder: string, socketPath: string): NodeJS.ProcessEnv {
  // Workers made from source text skip --import; the second module is for them.
  const quoted = workerPreload.replace(/[\\"]/g, '\\$&');
  const options = [process.env.NODE_OPTIONS, `--import=${preload.href}`, `--require="${quoted}"`];
  return {
    ...process.env,
    // glibc gives each thread an arena of its own; few arenas make resident memory mean something.
    MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '2',
    NODE_OPTIONS: options.filter(Boolean).join(' '),
    TMPDIR: join(folder, 'tmp'),
    [ENVIRONMENT.socket]: socketPath,
    [ENVIRONMENT.reports]: folder,
  };
}

/** Some errors of `spawn` are thrown (ENOTDIR, E2BIG), others are emitted (ENOENT, EACCES). */
async function spawned(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
  try {
    const child = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
    await once(child, 'spawn');
    return child;
  } catch (error) {
    throw cannotStart(command, error as NodeJS.ErrnoException);
  }
}

/** A program may leave folders in which even their owner may not delete. */
function removeFolder(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    makeWritable(folder);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

function makeWritable(folder: string): void {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) makeWritable(join(folder, entry.name));
  }
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
