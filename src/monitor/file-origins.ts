import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Stack } from './frames.js';
import type { StackCarrier } from './handle-origins.js';
import type { Creation } from './origin-table.js';
import type { AnyFunction, Patches } from './patches.js';

type Intercept = Parameters<Patches['wrap']>[2];
type Capture = (below: AnyFunction) => Stack | undefined;

/** Created paths and opened descriptors kept; the oldest path goes first. 10,000 paths of 100 characters: 2 MB. */
const PATH_LIMIT = 10_000;
const DESCRIPTOR_LIMIT = 65_536;

/** Channel on which `watertight/shm` tells of files that no function of Node's opened. */
const MEMORY_FILES = 'watertight:memory-file-opened';

/** Functions that create what their n-th argument names; each exists plain, with `Sync` and in `fs.promises`. */
const CREATORS: readonly (readonly [name: string, pathIndex: number])[] = [
  ['mkdir', 0],
  ['writeFile', 0],
  ['appendFile', 0],
  ['copyFile', 1],
  ['cp', 1],
  ['rename', 1],
  ['link', 1],
  ['symlink', 1],
];

// Taken once, before anything is wrapped.
const { fstatSync } = fs;

/** A descriptor that is a plain number: it ends when someone closes that number. */
class DescriptorCreation implements Creation {
  isOpen = true;
  readonly stack: Stack;

  constructor(stack: Stack) {
    this.stack = stack;
  }

  isLive(): boolean {
    return this.isOpen;
  }
}

/** A `FileHandle`, weakly held: its number is -1 once it is closed. */
class FileHandleCreation implements Creation {
  readonly #handle: WeakRef<fs.promises.FileHandle>;

  constructor(handle: fs.promises.FileHandle) {
    this.#handle = new WeakRef(handle);
  }

  isLive(): boolean {
    return this.fd >= 0;
  }

  get fd(): number {
    return this.#handle.deref()?.fd ?? -1;
  }
}

/** Who opened which descriptor and who created which path, while its wrappers on `fs` are in place. */
export class FileOrigins {
  readonly #carrier: StackCarrier;
  readonly #capture: Capture;
  readonly #onOpened: (stack: Stack, creation: Creation) => void;
  readonly #descriptors = new Map<number, DescriptorCreation>();
  readonly #paths = new Map<string, Stack>();

  constructor(carrier: StackCarrier, capture: Capture, onOpened: (stack: Stack, creation: Creation) => void) {
    this.#carrier = carrier;
    this.#capture = capture;
    this.#onOpened = onOpened;
  }

  /** The patches become visible to ES modules through the `syncBuiltinESMExports()` of the caller. */
  patch(patches: Patches): void {
    subscribe(MEMORY_FILES, this.#memoryFile);
    patches.wrap(fs, 'open', this.#open);
    patches.wrap(fs, 'openSync', this.#openSync);
    patches.wrap(fs.promises, 'open', this.#openPromise);
    patches.wrap(fs, 'close', this.#close);
    patches.wrap(fs, 'closeSync', this.#close);
    patches.wrap(fs, 'createReadStream', this.#stream);
    patches.wrap(fs, 'createWriteStream', this.#stream);
    for (const [name, pathIndex] of CREATORS) {
      const intercept = this.#creator(pathIndex);
      patches.wrap(fs, name, intercept);
      patches.wrap(fs, `${name}Sync`, intercept);
      patches.wrap(fs.promises, name, intercept);
    }
    patches.wrap(fs, 'mkdtemp', this.#mkdtemp);
    patches.wrap(fs, 'mkdtempSync', this.#mkdtempSync);
    patches.wrap(fs.promises, 'mkdtemp', this.#mkdtempPromise);
  }

  unpatch(): void {
    unsubscribe(MEMORY_FILES, this.#memoryFile);
  }

  stackOfDescriptor(fd: number): Stack | undefined {
    return this.#descriptors.get(fd)?.stack;
  }

  stackOfPath(path: string): Stack | undefined {
    return this.#paths.get(resolve(path));
  }

  /** Forgets descriptors that were closed on a way that was not seen: by a native module, by a socket that took it. */
  settle(): void {
    for (const [fd, creation] of this.#descriptors) if (creation.isOpen && !isOpen(fd)) this.#closed(fd);
  }

  clear(): void {
    for (const map of [this.#descriptors, this.#paths]) map.clear();
  }

  /** Opened by a native call; told by whoever made it, while it makes it. */
  readonly #memoryFile = (message: unknown): void => {
    const { fd } = Object(message) as { fd?: unknown };
    const stack = typeof fd === 'number' ? this.#capture(this.#memoryFile) : undefined;
    if (stack) this.#opened(fd as number, stack);
  };

  readonly #open: Intercept = (original, self, args, wrapper) => {
    const stack = this.#opening(args, wrapper);
    const last = args.length - 1;
    const callback = args[last];
    if (!stack || typeof callback !== 'function') return Reflect.apply(original, self, args);
    const opened = this.#opened;
    const seen = function (this: unknown, ...results: unknown[]) {
      if (typeof results[1] === 'number') opened(results[1], stack);
      return Reflect.apply(callback, this, results);
    };
    return Reflect.apply(original, self, [...args.slice(0, last), seen]);
  };

  readonly #openSync: Intercept = (original, self, args, wrapper) => {
    const stack = this.#opening(args, wrapper);
    const fd: unknown = Reflect.apply(original, self, args);
    if (stack && typeof fd === 'number') this.#opened(fd, stack);
    return fd;
  };

  readonly #openPromise: Intercept = (original, self, args, wrapper) => {
    const stack = this.#opening(args, wrapper);
    return whenFulfilled(Reflect.apply(original, self, args), (handle) => {
      if (!stack) return;
      this.#onOpened(stack, new FileHandleCreation(handle as fs.promises.FileHandle));
    });
  };

  readonly #close: Intercept = (original, self, args) => {
    this.#closed(args[0]);
    return Reflect.apply(original, self, args);
  };

  /** A stream opens its file a tick later, with no code of the program on the stack. */
  readonly #stream: Intercept = (original, self, args, wrapper) =>
    this.#carrier.run(this.#capture(wrapper), () => Reflect.apply(original, self, args));

  #creator(pathIndex: number): Intercept {
    return (original, self, args, wrapper) => {
      const path = pathOf(args[pathIndex]);
      const stack = path === undefined ? undefined : this.#capture(wrapper);
      if (path !== undefined && stack) this.#created(path, stack);
      return Reflect.apply(original, self, args);
    };
  }

  readonly #mkdtemp: Intercept = (original, self, args, wrapper) => {
    const stack = this.#capture(wrapper);
    const last = args.length - 1;
    const callback = args[last];
    if (!stack || typeof callback !== 'function') return Reflect.apply(original, self, args);
    const created = (path: unknown) => this.#created(pathOf(path), stack);
    const seen = function (this: unknown, ...results: unknown[]) {
      created(results[1]);
      return Reflect.apply(callback, this, results);
    };
    return Reflect.apply(original, self, [...args.slice(0, last), seen]);
  };

  readonly #mkdtempSync: Intercept = (original, self, args, wrapper) => {
    const stack = this.#capture(wrapper);
    const path = Reflect.apply(original, self, args);
    if (stack) this.#created(pathOf(path), stack);
    return path;
  };

  readonly #mkdtempPromise: Intercept = (original, self, args, wrapper) => {
    const stack = this.#capture(wrapper);
    return whenFulfilled(Reflect.apply(original, self, args), (path) => {
      if (stack) this.#created(pathOf(path), stack);
    });
  };

  #opening(args: readonly unknown[], wrapper: AnyFunction): Stack | undefined {
    const stack = this.#capture(wrapper);
    if (stack && isCreating(args[1])) this.#created(pathOf(args[0]), stack);
    return stack;
  }

  readonly #opened = (fd: number, stack: Stack): void => {
    this.#closed(fd);
    const creation = new DescriptorCreation(stack);
    if (this.#descriptors.size < DESCRIPTOR_LIMIT) this.#descriptors.set(fd, creation);
    this.#onOpened(stack, creation);
  };

  #closed(fd: unknown): void {
    const creation = this.#descriptors.get(fd as number);
    if (!creation) return;
    creation.isOpen = false;
    this.#descriptors.delete(fd as number);
  }

  #created(path: string | undefined, stack: Stack): void {
    if (path !== undefined) remember(this.#paths, path, stack);
  }
}

/** Makes the wrappers on `fs` visible to, or hides them from, `import { open } from 'node:fs'`. Cost: ≈ 1 ms. */
export function publishFileFunctions(): void {
  syncBuiltinESMExports();
}

/**
 * Runs `see` with the value and passes it on. The promise itself must be the one that goes on: a handler beside it
 * would either hide a rejection that nobody handles, or report it twice.
 */
function whenFulfilled(result: unknown, see: (value: unknown) => void): unknown {
  if (!(result instanceof Promise)) return result;
  return result.then((value) => {
    see(value);
    return value;
  });
}

function remember(map: Map<string, Stack>, path: string, stack: Stack): void {
  map.delete(path);
  if (map.size >= PATH_LIMIT) map.delete(map.keys().next().value as string);
  map.set(path, stack);
}

function isCreating(flags: unknown): boolean {
  return typeof flags === 'number'
    ? (flags & fs.constants.O_CREAT) !== 0
    : typeof flags === 'string' && /[wa]/.test(flags);
}

function pathOf(value: unknown): string | undefined {
  try {
    if (typeof value === 'string') return resolve(value);
    if (value instanceof URL) return fileURLToPath(value);
    return Buffer.isBuffer(value) ? resolve(value.toString()) : undefined;
  } catch {
    // No path at all: the original says what is wrong with it.
    return undefined;
  }
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EBADF';
  }
}
