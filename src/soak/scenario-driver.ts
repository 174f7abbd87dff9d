import { WatertightError } from '../core/index.js';
import type { Problem } from '../monitor/index.js';
import type { AgentLink } from './agents.js';
import type { Advance, Driver } from './driver.js';

/** Added to what an answer may take beyond the iterations themselves: the machine may be busy. */
const ANSWER_SLACK_MS = 2_000;

/** Drives a scenario file, iteration by iteration, inside its host process. */
export class ScenarioDriver implements Driver {
  readonly unit = 'iteration';
  total = 0;
  readonly #host: AgentLink;
  readonly #hangMs: number;

  /** @param hangMs an iteration that takes longer is taken for one that never ends */
  constructor(host: AgentLink, hangMs: number) {
    this.#host = host;
    this.#hangMs = hangMs;
  }

  async setup(): Promise<void> {
    const { problem } = await this.#host.ask('setup', {}, this.#hangMs + ANSWER_SLACK_MS);
    if (problem) throw brokenScenario(problem);
  }

  async advance(count: number, maxMs: number): Promise<Advance> {
    const wait = maxMs + this.#hangMs + ANSWER_SLACK_MS;
    const answer = await this.#host.ask('run', { from: this.total, count, maxMs }, wait).catch((error: unknown) => {
      throw isSilent(error) ? this.#neverEnds() : error;
    });
    this.total += answer.done;
    if (answer.problem) throw brokenScenario(answer.problem);
    return { done: answer.done, ms: answer.ms };
  }

  async teardown(): Promise<void> {
    const { problem } = await this.#host.ask('teardown', {}, 5_000);
    if (problem) throw brokenScenario(problem);
  }

  #neverEnds(): WatertightError {
    const at = Math.max(this.#host.at, this.total);
    return new WatertightError(
      'WT_SOAK_ITERATION_HANGS',
      `Iteration ${at} did not end within ${Math.round(this.#hangMs / 1000)} s`,
      {
        hint: 'its promise never settles or its loop never ends; give iterations that are this slow a longer --budget',
      },
    );
  }
}

const isSilent = (error: unknown): boolean => error instanceof WatertightError && error.code === 'WT_SOAK_NO_ANSWER';

/** The error for something that the scenario's own code did. */
export function brokenScenario(problem: Problem): WatertightError {
  const where = {
    load: 'Cannot load the scenario',
    setup: "The scenario's setup() threw",
    iteration: `Iteration ${problem.iteration} threw`,
    teardown: "The scenario's teardown() threw",
    unhandled: `An error that nobody handled ended the program at iteration ${problem.iteration}`,
  }[problem.phase];
  const noDefault = problem.code === 'WT_SOAK_NO_DEFAULT_EXPORT';
  return new WatertightError(
    noDefault ? problem.code : `WT_SOAK_SCENARIO_${problem.phase === 'load' ? 'LOAD' : 'THREW'}`,
    `${where}: ${problem.message}`,
    {
      hint: noDefault
        ? 'write: export default async (iteration, scope) => { … }'
        : 'mend this first; a soak needs code that runs',
      details: { stack: problem.stack, iteration: problem.iteration, phase: problem.phase },
    },
  );
}
