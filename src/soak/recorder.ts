import type { IsolateSample, ProcessSample } from '../monitor/index.js';
import { AgentGone, type AgentLink } from './agents.js';
import type { Target } from './target.js';

/** Time that an isolate has to answer; a worker in a long computation is left out of that sample. */
const ANSWER_MS = 20_000;
const SECONDARY_ANSWER_MS = 3_000;

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
          const answer = await link.ask(
            'sample',
            { process: link.isMainThread },
            isMain ? ANSWER_MS : SECONDARY_ANSWER_MS,
          );
          isolates.set(link.key, answer.isolate);
          if (answer.process) processes.set(link.hello.pid, answer.process);
          gcMs = Math.max(gcMs, answer.gcMs);
          this.titles.set(link.key, this.#title(link));
        } catch (error) {
          if (isMain) throw error;
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
