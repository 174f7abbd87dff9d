// Timers and native handles, seen as Node creates them. Only async_hooks' `init` is used: with `destroy` Node would
// follow every promise to its collection, which costs 0.4 µs a promise more. Whether a thing still lives is asked of
// the thing itself, through a weak reference, when somebody wants to know.
import { type AsyncHook, createHook, executionAsyncId, type HookCallbacks } from 'node:async_hooks';
import net from 'node:net';
import type { Stack } from './frames.js';
import type { Creation, OriginKind } from './origin-table.js';
import type { AnyFunction, Patches } from './patches.js';

/** What a new resource is, and the number under which Node knows it. */
export interface NewHandle {
  readonly kind: OriginKind;
  readonly name: string;
  readonly detail: string;
  readonly creation: HandleCreation;
}

const HANDLES = new Map<string, readonly [OriginKind, string]>([
  ['TCPWRAP', ['socket', 'TCP socket']],
  ['TCPSERVERWRAP', ['socket', 'TCP server']],
  ['PIPEWRAP', ['socket', 'pipe']],
  ['PIPESERVERWRAP', ['socket', 'pipe server']],
  ['UDPWRAP', ['socket', 'UDP socket']],
  ['PROCESSWRAP', ['child-process', 'child process']],
  ['WORKER', ['thread', 'worker']],
  ['DIRHANDLE', ['descriptor', 'open folder']],
  ['FSEVENTWRAP', ['handle', 'file watcher']],
  ['STATWATCHER', ['handle', 'file poller']],
  ['TTYWRAP', ['handle', 'terminal']],
  ['SIGNALWRAP', ['handle', 'signal watcher']],
  ['ZLIB', ['handle', 'zlib stream']],
  ['BROTLIENCODE', ['handle', 'brotli stream']],
  ['MESSAGEPORT', ['handle', 'message port']],
  ['HTTP2SESSION', ['handle', 'HTTP/2 session']],
]);
/** Handles that create others with no code of the program on the stack: accepted sockets belong to their server. */
const PARENTS = new Set(['TCPSERVERWRAP', 'PIPESERVERWRAP']);
/** Operations under way and listening servers whose stack is carried; the oldest goes first. 10,000 ≈ 1 MB. */
const CARRIED_LIMIT = 10_000;

/**
 * Carries a stack into what Node does later for the same call: `listen` looks its host up and opens the socket a tick
 * later, a stream opens its file a tick after its construction.
 */
export class StackCarrier {
  readonly #stacks = new Map<number, Stack>();
  #current: Stack | undefined;

  /** Runs `work`; asynchronous operations that it begins carry `stack`. */
  run<T>(stack: Stack | undefined, work: () => T): T {
    const before = this.#current;
    this.#current = stack;
    try {
      return work();
    } finally {
      this.#current = before;
    }
  }

  /** The stack carried by the operation whose callback runs now. */
  get arrived(): Stack | undefined {
    return this.#stacks.size === 0 ? undefined : this.#stacks.get(executionAsyncId());
  }

  /** The stack carried by one operation or server. */
  of(asyncId: number): Stack | undefined {
    return this.#stacks.get(asyncId);
  }

  begin(asyncId: number, stack = this.#current): void {
    if (!stack) return;
    if (this.#stacks.size >= CARRIED_LIMIT) this.#stacks.delete(this.#stacks.keys().next().value as number);
    this.#stacks.set(asyncId, stack);
  }

  clear(): void {
    this.#stacks.clear();
  }
}

/** A timer or native handle, weakly held. */
export class HandleCreation implements Creation {
  readonly #resource: WeakRef<object>;
  readonly #asyncId: number;

  constructor(resource: object, asyncId: number) {
    this.#resource = new WeakRef(resource);
    this.#asyncId = asyncId;
  }

  isLive(): boolean {
    const resource = this.#resource.deref() as Resource | undefined;
    if (resource === undefined) return false;
    if (typeof resource.getAsyncId === 'function') {
      // -1 once the native half is gone; another number if it was given out again.
      return resource.getAsyncId() === this.#asyncId;
    }
    // A timer that fired and was refreshed is a new resource with a new number.
    return resource._destroyed !== true && timerId(resource) === this.#asyncId;
  }

  /** The descriptor under this handle; -1 when it has none, or is closed. */
  get fd(): number {
    const fd = (this.#resource.deref() as Resource | undefined)?.fd;
    return typeof fd === 'number' ? fd : -1;
  }
}

interface Resource {
  getAsyncId?(): number;
  readonly fd?: unknown;
  readonly _destroyed?: boolean;
  readonly _repeat?: number | null;
  readonly _idleTimeout?: number;
  readonly [key: symbol]: unknown;
}

let asyncIdKey: symbol | undefined;

function timerId(timer: Resource): unknown {
  asyncIdKey ??= Object.getOwnPropertySymbols(timer).find((key) => key.description === 'asyncId');
  return asyncIdKey && timer[asyncIdKey];
}

function describe(asyncId: number, type: string, resource: Resource): NewHandle | undefined {
  if (type === 'Timeout') {
    const name = resource._repeat == null ? 'setTimeout' : 'setInterval';
    const detail = `${resource._idleTimeout} ms`;
    return { kind: 'timer', name, detail, creation: new HandleCreation(resource, asyncId) };
  }
  const known = HANDLES.get(type);
  if (!known) return undefined;
  return { kind: known[0], name: known[1], detail: '', creation: new HandleCreation(resource, asyncId) };
}

/**
 * Calls `onCreated` for each new timer or handle, with the stack that `capture` gives; the caller enables it.
 * Cost: ≈ 0.2 µs for every promise of the program, 6–24 µs a timer or handle.
 */
export function handleHook(
  carrier: StackCarrier,
  capture: (below: AnyFunction) => Stack | undefined,
  onCreated: (handle: NewHandle, stack: Stack) => void,
): AsyncHook {
  const init = (asyncId: number, type: string, triggerAsyncId: number, resource: object) => {
    if (type === 'PROMISE') return;
    carrier.begin(asyncId);
    if (type !== 'Timeout' && !HANDLES.has(type)) return;
    const direct = capture(init);
    if (!direct) return;
    const stack = direct.frames.length > 0 ? direct : (carrier.of(triggerAsyncId) ?? direct);
    if (PARENTS.has(type)) carrier.begin(asyncId, stack);
    const handle = describe(asyncId, type, resource as Resource);
    if (handle) onCreated(handle, stack);
  };
  // Newer Nodes can leave promises out altogether; older ones ignore the option.
  return createHook({ init, trackPromises: false } as HookCallbacks);
}

/** Wraps what opens its handle only later. */
export function patchListen(
  patches: Patches,
  carrier: StackCarrier,
  capture: (below: AnyFunction) => Stack | undefined,
): void {
  patches.wrap(net.Server.prototype, 'listen', (original, self, args, wrapper) =>
    carrier.run(capture(wrapper), () => Reflect.apply(original, self, args)),
  );
}
