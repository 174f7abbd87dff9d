import autocannon from 'autocannon';
import { WatertightError } from '../core/index.js';
import type { Advance, Driver } from './driver.js';

export interface HttpLoad {
  readonly url: string;
  /** Connections at once, 1 … 1000. */
  readonly connections: number;
  /** Most requests a second over all connections. */
  readonly rateHz: number;
}

/** Share of failed requests above which nothing can be said about the server's normal work. */
const MAX_FAILED = 0.5;
const SAMPLE_MS = 20;

/** Drives a server with autocannon, request by request. */
export class HttpDriver implements Driver {
  readonly unit = 'request';
  total = 0;
  /** Answers outside 2xx and 3xx, and requests without answer. */
  failed = 0;
  readonly #load: HttpLoad;
  #running: autocannon.Instance | null = null;

  constructor(load: HttpLoad) {
    this.#load = load;
  }

  async advance(count: number, maxMs: number): Promise<Advance> {
    const { url, connections, rateHz } = this.#load;
    const amount = Math.max(1, Math.min(count, Math.ceil((maxMs / 1000) * rateHz)));
    const start = performance.now();
    const result = await this.#run({
      url,
      amount,
      connections: Math.min(connections, amount),
      overallRate: rateHz,
      timeout: 10,
      // It notices its own end at its next sample: the default of a second would be most of each run.
      sampleInt: SAMPLE_MS,
    } as autocannon.Options);
    const done = result.requests.total;
    const failed = result.non2xx - result['3xx'] + result.errors;
    this.total += done;
    this.failed += Math.max(0, failed);
    if (done === 0 || failed > MAX_FAILED * amount) throw failing(url, result);
    // autocannon sends a second's worth at once; over several short runs that would exceed the rate.
    const early = (done / rateHz) * 1000 - (performance.now() - start);
    if (early > 1) await new Promise((resolve) => setTimeout(resolve, early));
    return { done, ms: performance.now() - start };
  }

  stop(): void {
    this.#running?.stop();
  }

  #run(options: autocannon.Options): Promise<autocannon.Result> {
    return new Promise((resolve, reject) => {
      this.#running = autocannon(options, (error, result) => {
        this.#running = null;
        if (error) reject(error as Error);
        else resolve(result);
      });
    });
  }
}

function failing(url: string, result: autocannon.Result): WatertightError {
  const statuses = Object.entries(
    (result as { statusCodeStats?: Record<string, { count: number }> }).statusCodeStats ?? {},
  )
    .map(([status, { count }]) => `${count} × ${status}`)
    .join(', ');
  const what = [statuses, result.errors > 0 ? `${result.errors} without answer` : ''].filter(Boolean).join(', ');
  return new WatertightError('WT_SOAK_REQUESTS_FAIL', `Most requests to ${url} fail: ${what || 'no answer at all'}`, {
    hint: 'give --http a URL that the server answers with 2xx',
  });
}

/** Waits until the server answers anything at all. */
export async function waitForServer(url: string, isGone: () => boolean, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await answers(url))) {
    if (isGone()) return;
    if (performance.now() > deadline) {
      throw new WatertightError('WT_SOAK_NO_SERVER', `Nothing answers at ${url} after ${timeoutMs / 1000} s`, {
        hint: 'check that the command listens on this address and port',
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000), redirect: 'manual' });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

/** Lets a program work by itself: one step is one second. */
export class TimeDriver implements Driver {
  readonly unit = 'second';
  total = 0;
  readonly #exited: Promise<unknown>;
  #stop: () => void = () => {};

  constructor(exited: Promise<unknown>) {
    this.#exited = exited;
  }

  async advance(count: number, maxMs: number): Promise<Advance> {
    const ms = Math.min(count * 1000, maxMs);
    const start = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, ms);
      this.#stop = resolve;
    });
    await Promise.race([this.#exited, waited]);
    clearTimeout(timer);
    const done = (performance.now() - start) / 1000;
    this.total += done;
    return { done, ms: performance.now() - start };
  }

  stop(): void {
    this.#stop();
  }
}
