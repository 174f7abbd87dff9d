import { closeSync, linkSync, lstatSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { WatertightError } from '../core/index.js';
import type { HeapAnswer } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import { bytesText, secondsText } from './heap-numbers.js';
import { InspectorConnection } from './inspector-connection.js';
import { findInspector, type InspectorTarget } from './inspector-target.js';
import { ProgressLine } from './progress-line.js';
import { cannotWrite } from './report-files.js';

/**
 * What V8 needs for a snapshot beyond all that is resident, in heaps: the most of bench/heap/take-memory.bench.ts, 22.5
 * for empty objects on Node 20; 14 to 19 for small objects, maps and closures (Node 20 to 26), below 1 for long texts.
 */
const MORE_HEAPS = 23;
/** Time that the process stands still: 81 s for 552 MB (Node 20), a third of it on Node 24. */
const MS_PER_MEGABYTE = 150;
/** Characters of a string that go into the file: enough to know it, and the file stays small. */
const STRING_LIMIT = 256;
const DEFAULT_STRING_LIMIT = 1024;
const PRIVATE = 0o600;
const WORTH_SAYING_MS = 1_000;
/** Share of the free memory that nobody wants to learn of afterwards. */
const WORTH_SAYING_SHARE = 0.25;
const CLOSED_WITHIN_MS = 3_000;
const POLL_MS = 25;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** `process.getBuiltinModule` since Node 20.16 and 22.3; before it, `require` of the command line API. */
const builtin = (name: string): string => `(process.getBuiltinModule ?? require)('${name}')`;

/**
 * `heap take`: a snapshot of a running process, through its inspector. The process stands still while V8 walks its heap
 * and goes on afterwards; an inspector that we opened is closed again.
 *
 * @throws WatertightError `WT_HEAP_LOW_MEMORY`, `WT_HEAP_STOPPED`, `WT_CLI_CANNOT_WRITE`, and those of `findInspector`
 * and `InspectorConnection`
 */
export async function takeAnswer({
  files: [wanted],
  out,
  isForced,
  count,
  everySeconds,
}: HeapArguments): Promise<HeapAnswer> {
  const path = out ?? `heap-${/^\d+$/.test(wanted!) ? wanted : 'remote'}-${timestamp()}.heapsnapshot`;
  // All are opened before the process is touched: nobody should wait for a snapshot that has no place.
  const drafts: Draft[] = [];
  const discard = (): void => {
    for (const draft of drafts) draft.discard();
  };
  const stop = new StopRequest(discard);
  try {
    for (const name of pathsOf(path, count)) drafts.push(new Draft(name));
    const target = await findInspector(wanted!);
    stop.leavesOpen = target.isOpenedByUs ? `${target.name} at ${new URL(target.webSocketUrl).host}` : null;
    const start = performance.now();
    const left = await take(target, drafts, stop, isForced, everySeconds);
    const took = performance.now() - start;
    const files = drafts.map(({ path }) => path);
    const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
    const what = count === 1 ? files[0]! : `${count} snapshots, ${files[0]} to ${files.at(-1)}`;
    return {
      data: {
        out: files[0]!,
        files,
        bytes,
        durationMs: Math.round(took),
        target: target.name,
        isInspectorOpen: left,
      },
      page: {
        meaning: `${what}: ${bytesText(bytes)}, taken from ${target.name} in ${secondsText(took)}`,
        sections: [
          {
            lines: [
              { text: `watertight heap ${count > 3 ? 'cohorts' : count > 1 ? 'diff' : 'stats'} ${files.join(' ')}` },
            ],
          },
        ],
        notes: [
          'it holds data of the program: only you may read the file',
          ...(left ? ['the inspector that was opened is still open; it closes with the process'] : []),
        ],
      },
    };
  } finally {
    stop.release();
    discard();
  }
}

/** `a.heapsnapshot`, or `a-1.heapsnapshot` and so on; padded, so that they sort in the order of time. */
function pathsOf(path: string, count: number): string[] {
  if (count === 1) return [path];
  const [, stem, ending] = /^(.*?)(\.heapsnapshot)?$/s.exec(path)!;
  const digits = String(count).length;
  return Array.from({ length: count }, (_, n) => `${stem}-${String(n + 1).padStart(digits, '0')}${ending ?? ''}`);
}

/**
 * Takes one snapshot for each draft, all in one session of the inspector: V8 numbers objects anew in the next.
 * @returns whether an inspector that we opened is still open.
 */
async function take(
  target: InspectorTarget,
  drafts: readonly Draft[],
  stop: StopRequest,
  isForced: boolean,
  everySeconds: number,
): Promise<boolean> {
  const connection = await InspectorConnection.open(target.webSocketUrl);
  let isOpen = target.isOpenedByUs;
  try {
    for (const [n, draft] of drafts.entries()) {
      if (n > 0) await stop.pause(everySeconds * 1000);
      await checkMemory(connection, isForced);
      stop.check();
      await receive(connection, draft, stop);
      draft.keep();
      stop.kept++;
    }
  } finally {
    // The program goes on in any case; these are courtesies that must not hide an error.
    if (target.isOpenedByUs) {
      const close = `setTimeout(() => ${builtin('inspector')}.close(), 50).unref()`;
      await connection.evaluate(`${close}; 0`).catch(() => undefined);
    }
    await connection.close();
    if (target.isOpenedByUs) isOpen = await isStillOpen(target);
  }
  return isOpen;
}

/** Says what it will cost, and refuses what would not fit. */
async function checkMemory(connection: InspectorConnection, isForced: boolean): Promise<void> {
  const text = await connection.evaluate(
    `(() => { const { heapUsed } = process.memoryUsage();
      const free = process.availableMemory?.() ?? ${builtin('os')}.freemem();
      return JSON.stringify([heapUsed, free]); })()`,
  );
  const [heapUsed, free] = numbers(text);
  if (heapUsed === undefined || free === undefined) return;
  // What is resident is no help: the heap stays, and V8 cannot use the memory of buffers.
  const more = heapUsed * MORE_HEAPS;
  const costs = `up to ${bytesText(more)} more memory for a heap of ${bytesText(heapUsed)}, ${bytesText(free)} are free`;
  if (more > free && !isForced) {
    throw new WatertightError('WT_HEAP_LOW_MEMORY', `Cannot take the snapshot as V8 needs ${costs}`, {
      hint: 'free some memory or give the process a larger limit; --force takes it all the same, and may end the process',
    });
  }
  const standstillMs = (heapUsed / 1e6) * MS_PER_MEGABYTE;
  if (standstillMs > WORTH_SAYING_MS || more > free * WORTH_SAYING_SHARE) {
    process.stderr.write(`the process stands still for about ${secondsText(standstillMs)}; V8 needs ${costs}\n`);
  }
}

async function receive(connection: InspectorConnection, draft: Draft, stop: StopRequest): Promise<void> {
  let failure: Error | null = null;
  connection.on('HeapProfiler.addHeapSnapshotChunk', (params) => {
    try {
      if (!failure && !stop.isWanted) draft.write(String((params as { chunk?: unknown }).chunk ?? ''));
    } catch (error) {
      failure = error as Error;
    }
  });
  const line = new ProgressLine();
  connection.on('HeapProfiler.reportHeapSnapshotProgress', (params) => showProgress(line, params));
  const setLimit = (chars: number): Promise<unknown> =>
    connection.evaluate(`${builtin('v8')}.setFlagsFromString('--heap-snapshot-string-limit=${chars}')`);
  try {
    await setLimit(STRING_LIMIT);
    await connection.call('HeapProfiler.takeHeapSnapshot', { reportProgress: true }, Number.POSITIVE_INFINITY);
  } finally {
    line.clear();
    await setLimit(DEFAULT_STRING_LIMIT).catch(() => undefined);
  }
  if (failure) throw failure;
  stop.check();
}

/** The first SIGINT, SIGTERM or SIGHUP waits for V8, so that the inspector can be closed; the second leaves at once. */
class StopRequest {
  isWanted = false;
  /** Snapshots that are whole and stay. */
  kept = 0;
  /** Whose inspector stays open when we leave at once, in words. */
  leavesOpen: string | null = null;
  readonly #listener: () => void;

  constructor(cleanUp: () => void) {
    this.#listener = () => {
      if (this.isWanted) {
        cleanUp();
        if (this.leavesOpen)
          process.stderr.write(`the inspector of ${this.leavesOpen} stays open until that process ends\n`);
        process.exit(130);
      }
      this.isWanted = true;
      process.stderr.write('waiting until V8 is done, so that the process can go on; again to leave at once\n');
    };
    for (const signal of STOP_SIGNALS) process.on(signal, this.#listener);
  }

  /** @throws WatertightError `WT_HEAP_STOPPED` */
  check(): void {
    if (!this.isWanted) return;
    throw new WatertightError('WT_HEAP_STOPPED', 'The snapshot was not kept as you stopped the command', {
      hint: this.kept > 0 ? `the process goes on; those taken before are kept: ${this.kept}` : 'the process goes on',
    });
  }

  /** Waits, at most until the command is stopped. @throws as `check` */
  async pause(ms: number): Promise<void> {
    for (const end = performance.now() + ms; performance.now() < end && !this.isWanted; ) {
      await pause(Math.min(POLL_MS, Math.max(1, end - performance.now())));
    }
    this.check();
  }

  release(): void {
    for (const signal of STOP_SIGNALS) process.off(signal, this.#listener);
  }
}

/** The file while it is written: private, beside its final name, and gone unless it is kept. */
class Draft {
  readonly path: string;
  readonly #draft: string;
  #file: number | null;

  constructor(path: string) {
    this.path = path;
    this.#draft = `${path}.${process.pid}.part`;
    // Also a link that leads nowhere: it would be in the way when all is taken.
    if (lstatSync(path, { throwIfNoEntry: false })) {
      throw cannotWrite(path, new Error('it is there already'), 'name another file with --out, or remove this one');
    }
    try {
      this.#file = openSync(this.#draft, 'wx', PRIVATE);
    } catch (error) {
      throw cannotWrite(path, error, 'nothing was taken; create the folder or choose another path with --out');
    }
  }

  write(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#file!, bytes, at);
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  keep(): void {
    this.#close();
    try {
      // A link does not replace a file that came to be meanwhile.
      linkSync(this.#draft, this.path);
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
  }

  discard(): void {
    this.#close();
    rmSync(this.#draft, { force: true });
  }

  #close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}

function showProgress(line: ProgressLine, params: unknown): void {
  const { done, total } = params as { done?: unknown; total?: unknown };
  if (typeof done !== 'number' || typeof total !== 'number') return;
  line.show('taking the snapshot', total > 0 ? Math.min(1, done / total) : 0);
}

async function isStillOpen(target: InspectorTarget): Promise<boolean> {
  for (const end = performance.now() + CLOSED_WITHIN_MS; performance.now() < end; await pause(POLL_MS)) {
    if (target.isListening() === false) return false;
  }
  return true;
}

/** Numbers of a JSON array that the program gave; none when it is something else. */
function numbers(text: unknown): number[] {
  try {
    const values: unknown = JSON.parse(String(text));
    return Array.isArray(values) ? values.filter((value) => Number.isFinite(value)) : [];
  } catch {
    return [];
  }
}

const timestamp = (): string => new Date().toISOString().replace(/[-:]/g, '').slice(0, 15);
