import WebSocket from 'ws';
import { WatertightError } from '../core/index.js';

/** A healthy process answers in milliseconds, also one that computes: V8 interrupts it. */
const ANSWER_MS = 15_000;
/** V8 sends a snapshot in messages of 100 kB. */
const MAX_MESSAGE_BYTES = 64 * 2 ** 20;

type Message = { id?: number; method?: string; params?: unknown; result?: unknown; error?: { message?: string } };

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * One session of the Chrome DevTools protocol over a WebSocket. `ws`, as Node 20 has no WebSocket of its own.
 * The other side is an observed program: what is not an answer or an event in JSON is dropped.
 */
export class InspectorConnection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Map<string, (params: unknown) => void>();
  #lastId = 0;
  #isClosed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#take(String(data)));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(null));
    // A program that wants to exit waits for its debuggers: we must not be what keeps it.
    this.on('NodeRuntime.waitingForDisconnect', () => socket.terminate());
    this.call('NodeRuntime.notifyWhenWaitingForDisconnect', { enabled: true }).catch(() => {});
  }

  /** @throws WatertightError `WT_HEAP_NO_INSPECTOR` */
  static open(url: string): Promise<InspectorConnection> {
    return new Promise((resolve, reject) => {
      const options = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES, handshakeTimeout: ANSWER_MS };
      const socket = new WebSocket(url, options);
      socket.once('open', () => resolve(new InspectorConnection(socket)));
      socket.once('error', (cause) => {
        const message = `Cannot speak to the inspector at ${url} as ${cause.message}`;
        reject(new WatertightError('WT_HEAP_NO_INSPECTOR', message, { hint: 'another debugger may hold it', cause }));
      });
    });
  }

  /** One listener for each event. */
  on(event: string, listener: (params: unknown) => void): void {
    this.#listeners.set(event, listener);
  }

  /** @throws WatertightError `WT_HEAP_TARGET_GONE`, `WT_HEAP_NOT_ANSWERING`, `WT_HEAP_REFUSED` */
  async call(method: string, params: object = {}, timeoutMs = ANSWER_MS): Promise<unknown> {
    if (this.#isClosed) throw gone();
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        if (timeoutMs < Number.POSITIVE_INFINITY)
          timer = setTimeout(() => reject(silent(method, timeoutMs)), timeoutMs);
        this.#socket.send(JSON.stringify({ id, method, params }));
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Value of an expression in the program's global scope; it must be plain data. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = (await this.call('Runtime.evaluate', {
      expression,
      includeCommandLineAPI: true,
      returnByValue: true,
      silent: true,
    })) as { result?: { value?: unknown }; exceptionDetails?: unknown };
    return answer.exceptionDetails ? undefined : answer.result?.value;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.close();
    const timer = setTimeout(() => this.#socket.terminate(), 1_000);
    await closed;
    clearTimeout(timer);
  }

  #take(text: string): void {
    const message = parse(text);
    const waiting = this.#waiting.get(message.id ?? 0);
    if (waiting && message.error) waiting.reject(refused(message.error.message ?? 'no reason given'));
    else if (waiting) waiting.resolve(message.result);
    else if (message.method) this.#listeners.get(message.method)?.(message.params);
  }

  #end(error: Error | null): void {
    this.#isClosed = true;
    for (const { reject } of this.#waiting.values()) reject(gone(error));
    this.#waiting.clear();
  }
}

function parse(text: string): Message {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Message) : {};
  } catch {
    return {};
  }
}

function gone(cause?: Error | null): WatertightError {
  return new WatertightError(
    'WT_HEAP_TARGET_GONE',
    'Cannot finish the snapshot as the process ended or closed the connection',
    {
      hint: 'look at its output: it may have exited, or run out of memory',
      cause: cause ?? undefined,
    },
  );
}

function silent(method: string, timeoutMs: number): WatertightError {
  const message = `Cannot go on as the process did not answer ${method} within ${timeoutMs / 1000} s`;
  return new WatertightError('WT_HEAP_NOT_ANSWERING', message, {
    hint: 'it may be stopped, or blocked in native code',
  });
}

function refused(reason: string): WatertightError {
  return new WatertightError('WT_HEAP_REFUSED', `The process refused: ${reason}`, {
    hint: 'another debugger may be taking a snapshot; try again when it is done',
  });
}
