import type { IsolateSample, ProcessSample } from '../monitor/index.js';
import { AgentGone, type AgentLink } from './agents.js';
import type { Target } from './target.js';

/** Time that an isolate has to answer; a worker in a long computation is left out of that sample. */
const ANSWER_MS = 20_000;
const SECONDARY_ANSWER_MS = 1_500;
/** An isolate that let one question pass blocks its loop on purpose (a pool's idle worker): it is asked in passing. */
const SILENT_ANSWER_MS = 30;

export interface Moment {
  /** Steps done. */
  readonly at: number;
  readonly isolates: ReadonlyMap<string, IsolateSample>;
  readonly processes: ReadonlyMap<number, ProcessSample>;
  /** Longest forced collection among the isolates. */
  readonly gcMs: number;
}

/** Reads all gauges of all isolates at one moment; keeps what it read. */
export class Recorder {
  readonly moments: Moment[] = [];
  readonly titles = new Map<string, string>();
  /** Isolates that do not answer. */
  readonly silent = new Set<string>();
  readonly #target: Target;
  readonly #main: AgentLink;

  constructor(target: Target, main: AgentLink) {
    this.#target = target;
    this.#main = main;
  }

  /** @throws AgentGone when the main isolate is gone */
  async sample(at: number): Promise<Moment> {
    const isolates = new Map<string, IsolateSample>();
    const processes = new Map<number, ProcessSample>();
    let gcMs = 0;
    await Promise.all(
      this.#target.links.map(async (link) => {
        const isMain = link === this.#main;
        try {
          const wait = isMain ? ANSWER_MS : this.silent.has(link.key) ? SILENT_ANSWER_MS : SECONDARY_ANSWER_MS;
          const answer = await link.ask('sample', { process: link.isMainThread }, wait);
          this.silent.delete(link.key);
          isolates.set(link.key, answer.isolate);
          if (answer.process) processes.set(link.hello.pid, answer.process);
          gcMs = Math.max(gcMs, answer.gcMs);
          this.titles.set(link.key, this.#title(link));
        } catch (error) {
          if (isMain) throw error;
          if (!link.isGone) this.silent.add(link.key);
        }
      }),
    );
    if (this.#main.isGone) throw new AgentGone(this.#main.hello.title);
    const moment = { at, isolates, processes, gcMs };
    this.moments.push(moment);
    return moment;
  }

  #title(link: AgentLink): string {
    const { pid, threadId } = link.hello;
    const thread = threadId === 0 ? 'main' : `worker ${threadId}`;
    return pid === this.#main.hello.pid ? thread : `${thread} of process ${pid}`;
  }
}
