import { findSourceMap } from 'node:module';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { getHeapStatistics, setFlagsFromString, writeHeapSnapshot } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { threadId } from 'node:worker_threads';
import { Channel } from '../core/index.js';
import {
  type AdditionSite,
  type CommandName,
  type Commands,
  type FromAgent,
  OriginRecorder,
  type Position,
  ProcessSampler,
  type Request,
  sampleIsolate,
  trapContainer,
} from '../monitor/index.js';
import { readAllocations, startAllocations } from './allocations.js';
import { ContainerWatch, withBridge } from './containers.js';
import { InspectorSession } from './inspector-session.js';
import { numbersOf } from './numbers.js';

type Handlers = {
  [Name in CommandName]?: (
    args: Commands[Name]['args'],
  ) => Commands[Name]['answer'] | Promise<Commands[Name]['answer']>;
};

/** Longest string kept in a snapshot; the default of 1,024 costs 2× the time on heaps of long strings. */
const SNAPSHOT_STRING_LIMIT = 128;

/**
 * The observer inside one isolate of the observed program. It answers the runner's commands and otherwise sleeps:
 * it holds one unreferenced socket and allocates nothing that lasts, so that it is not itself seen growing.
 */
export class Agent {
  readonly #handlers: Handlers;
  readonly #early: Request[] = [];
  readonly #channel: Channel<Request, FromAgent>;
  readonly #collect: () => void;
  readonly #processSampler: ProcessSampler;
  readonly #containers = new ContainerWatch();
  readonly #origins = new OriginRecorder();
  #session: InspectorSession | null = null;
  #undoTraps: (() => void)[] = [];
  #additions = new Map<string, { heapId: number; count: number; stack: Position[] }>();

  /** @param onRunnerGone called when the runner's end closes: nobody is left to stop this program */
  constructor(socketPath: string, onRunnerGone: () => void) {
    this.#collect = garbageCollector();
    this.#handlers = this.#commonHandlers();
    const socket = createConnection(socketPath);
    socket.unref();
    this.#channel = new Channel<Request, FromAgent>(socket, (request) => void this.#handle(request), onRunnerGone);
    this.#processSampler = new ProcessSampler({
      tempDirs: [tmpdir()],
      ignoreDescriptors: () => new Set([descriptorOf(socket)]),
    });
    this.send({
      hello: {
        pid: process.pid,
        ppid: process.ppid,
        threadId,
        title: process.argv.slice(0, 3).join(' ').slice(0, 200),
        nodeVersion: process.version,
        heapLimitBytes: getHeapStatistics().heap_size_limit,
      },
    });
  }

  /** Adds commands that only the scenario host has; those that came too early are answered now. */
  serve(handlers: Handlers): void {
    Object.assign(this.#handlers, handlers);
    for (const request of this.#early.splice(0)) void this.#handle(request);
  }

  send(message: FromAgent): void {
    this.#channel.send(message);
  }

  /** While referenced, the connection keeps the process alive. */
  keepAlive(alive: boolean): void {
    if (alive) this.#channel.socket.ref();
    else this.#channel.socket.unref();
  }

  async #handle(request: Request): Promise<void> {
    const { id, command, args } = request;
    const handler = this.#handlers[command] as ((args: unknown) => unknown) | undefined;
    if (!handler) {
      this.#early.push(request);
      return;
    }
    try {
      this.send({ id, answer: await handler(args) });
    } catch (error) {
      this.send({ id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }

  #commonHandlers(): Handlers {
    return {
      sample: async ({ process }) => {
        const gcMs = await this.#settle();
        return { isolate: sampleIsolate(), process: process ? this.#processSampler.sample() : null, gcMs };
      },
      snapshot: ({ file }) => {
        const start = performance.now();
        setFlagsFromString(`--heap-snapshot-string-limit=${SNAPSHOT_STRING_LIMIT}`);
        writeHeapSnapshot(file);
        return { ms: performance.now() - start };
      },
      watchContainers: () => ({ watched: this.#containers.watch(this.#inspector()) }),
      grownContainers: () => ({ grown: this.#containers.grown() }),
      containerIds: ({ indexes }) => ({ heapIds: this.#containers.heapIds(this.#inspector(), indexes) }),
      numbers: ({ heapIds }) => ({ numbers: heapIds.map((heapId) => numbersOf(this.#inspector(), heapId)) }),
      forgetContainers: () => {
        this.#containers.forget();
        return {};
      },
      startAllocations: ({ intervalBytes }) => {
        startAllocations(this.#inspector(), intervalBytes);
        return {};
      },
      allocations: () => ({ sites: readAllocations(this.#inspector()) }),
      stopAllocations: () => {
        this.#inspector().post('HeapProfiler.stopSampling');
        return {};
      },
      startOrigins: ({ containers }) => {
        this.#origins.start();
        return { trapped: containers.filter((heapId) => this.#trap(heapId)) };
      },
      origins: (wanted) => this.#readOrigins(wanted),
      stopOrigins: () => {
        for (const undo of this.#undoTraps.splice(0)) undo();
        this.#additions.clear();
        this.#origins.stop();
        this.#origins.reset();
        return {};
      },
      mapPositions: ({ positions }) => ({ positions: positions.map(originalPosition) }),
    };
  }

  #inspector(): InspectorSession {
    this.#session ??= new InspectorSession();
    return this.#session;
  }

  /** Two full collections with event-loop turns between, so that finalizers and close callbacks have run. */
  async #settle(): Promise<number> {
    this.#session?.forgetConsole();
    const start = performance.now();
    this.#collect();
    const between = performance.now();
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    const second = performance.now();
    this.#collect();
    return performance.now() - second + between - start;
  }

  #trap(heapId: number): boolean {
    const session = this.#inspector();
    let done = false;
    try {
      const { result } = session.post('HeapProfiler.getObjectByHeapObjectId', {
        objectId: String(heapId),
        objectGroup: 'watertight',
      }) as { result: { objectId: string } };
      const trap = (container: object): void => {
        const handle = trapContainer(container, (stack) => this.#countAddition(heapId, stack));
        done = handle.supported !== 'none';
        this.#undoTraps.push(handle);
      };
      withBridge(trap, () =>
        session.callOn(result.objectId, 'function () { globalThis.__watertightContainers(this); }'),
      );
    } catch {
      // The object died, or the snapshot's node has no JavaScript object: the other witnesses must do.
    }
    session.releaseHandles();
    return done;
  }

  #countAddition(heapId: number, stack: readonly Position[]): void {
    const key = `${heapId} ${stack.map((frame) => `${frame.file}:${frame.line}:${frame.column}`).join(' ')}`;
    const known = this.#additions.get(key);
    if (known) known.count++;
    else if (this.#additions.size < 500) this.#additions.set(key, { heapId, count: 1, stack: [...stack] });
  }

  #readOrigins({ paths, descriptors }: Commands['origins']['args']): Commands['origins']['answer'] {
    const additions: AdditionSite[] = [...this.#additions.values()].sort((a, b) => b.count - a.count);
    const creators = [
      ...paths.map((path) => this.#origins.pathOrigin(path)),
      ...descriptors.map((descriptor) => this.#origins.stackOfDescriptor(descriptor)),
    ].flatMap((stack) => (stack && stack.length > 0 ? [[...stack]] : []));
    return { origins: this.#origins.report(), additions, creators };
  }
}

function descriptorOf(socket: unknown): number {
  return (socket as { _handle?: { fd?: number } })._handle?.fd ?? -1;
}

/** `gc()` without a flag on the command line, which a server that we did not start with our own arguments lacks. */
function garbageCollector(): () => void {
  const exposed = (globalThis as { gc?: () => void }).gc;
  if (exposed) return exposed;
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** Applies the source maps of this process (`--enable-source-maps`, as with TypeScript scenarios). */
function originalPosition(position: Position): Position {
  const path = position.file.startsWith('file:') ? fileURLToPath(position.file) : position.file;
  try {
    const map = findSourceMap(path) ?? findSourceMap(pathToFileURL(path).href);
    const entry = map?.findEntry(position.line - 1, position.column - 1);
    if (entry && 'originalSource' in entry && entry.originalSource) {
      const file = entry.originalSource.startsWith('file:') ? fileURLToPath(entry.originalSource) : path;
      return { ...position, file, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
    }
  } catch {
    // A broken map: the position in the generated code is still right.
  }
  return { ...position, file: path };
}
