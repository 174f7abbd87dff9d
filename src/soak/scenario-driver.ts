import { WatertightError } from '../core/index.js';
import type { Problem } from '../monitor/index.js';
import type { AgentLink } from './agents.js';
import type { Advance, Driver } from './driver.js';

/** Added to what an answer may take beyond the iterations themselves: the machine may be busy. */
const ANSWER_SLACK_MS = 2_000;
const TEARDOWN_MS = 5_000;

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
    await this.#once('setup', this.#hangMs);
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

  /** The iterations end with their process. */
  stop(): void {}

  async teardown(): Promise<void> {
    await this.#once('teardown', Math.min(this.#hangMs, TEARDOWN_MS));
  }

  async #once(step: 'setup' | 'teardown', ms: number): Promise<void> {
    const { problem } = await this.#host.ask(step, {}, ms + ANSWER_SLACK_MS).catch((error: unknown) => {
      throw isSilent(error) ? hangs(`The scenario's ${step}()`, ms) : error;
    });
    if (problem) throw brokenScenario(problem);
  }

  #neverEnds(): WatertightError {
    // The host tells its place five times a second, unless the loop that never ends blocks it too.
    const isFirst = this.#host.at < this.total;
    const at = Math.max(this.#host.at, this.total);
    return hangs(`Iteration ${at}${isFirst ? ', or one soon after it,' : ''}`, this.#hangMs);
  }
}

const isSilent = (error: unknown): boolean => error instanceof WatertightError && error.code === 'WT_SOAK_NO_ANSWER';

function hangs(what: string, ms: number): WatertightError {
  return new WatertightError('WT_SOAK_ITERATION_HANGS', `${what} did not end within ${seconds(ms)}`, {
    hint: 'its promise never settles or its loop never ends; for slow ones give a longer --budget',
  });
}

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

/** The error for something that the scenario's own code did. */
export function brokenScenario(problem: Problem): WatertightError {
  const { phase, message, stack, iteration } = problem;
  const hasNoDefault = problem.code === 'WT_SOAK_NO_DEFAULT_EXPORT';
  return new WatertightError(
    hasNoDefault ? problem.code : `WT_SOAK_SCENARIO_${phase === 'load' ? 'LOAD' : 'THREW'}`,
    `${whereOf(problem)}: ${message}`,
    {
      hint: hasNoDefault
        ? 'write: export default async (iteration, scope) => { … }'
        : 'mend this first; a soak needs code that runs',
      details: { stack, iteration, phase },
    },
  );
}

function whereOf({ phase, stack, iteration }: Problem): string {
  if (phase === 'load') {
    // A syntax error's stack starts with its place.
    const place = /^(\S.*:\d+)\n/.exec(stack)?.[1];
    return `Cannot load the scenario${place && !/^\w*Error: /.test(place) ? ` at ${place.replace(/^file:\/\//, '')}` : ''}`;
  }
  if (phase === 'iteration') return `Iteration ${iteration} threw`;
  if (phase === 'unhandled') {
    return `An error that nobody handled ended the program ${iteration < 0 ? 'before its first iteration' : `at iteration ${iteration}`}`;
  }
  return `The scenario's ${phase}() threw`;
}
