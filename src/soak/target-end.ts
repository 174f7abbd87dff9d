import { WatertightError } from '../core/index.js';
import { brokenScenario } from './scenario-driver.js';
import type { Target } from './target.js';

/** Lines of the program's own output that go into an error. */
const OUTPUT_LINES = 15;

/** Says why the observed program is gone. Names and output in it are the program's: untrusted. */
export function tellEnd(target: Target, steps: number, lastAt: number): WatertightError {
  const words = target.lastWords();
  const { code, signal } = target.exit ?? { code: null, signal: null };
  const at = Math.max(steps, lastAt, words?.iteration ?? -1);
  const output = target.outputTail.trimEnd().split('\n').slice(-OUTPUT_LINES).join('\n');
  const details = { exitCode: code, signal, iteration: at, output };
  if (words?.why === 'stalled') {
    return new WatertightError(
      'WT_SOAK_ITERATION_HANGS',
      `Iteration ${words.iteration} never ends: nothing is left that could settle its promise`,
      {
        hint: 'resolve or reject the promise that the iteration returns',
        details,
      },
    );
  }
  if (words?.why === 'unhandled') return brokenScenario(words);
  if (words?.why === 'exit') {
    return new WatertightError(
      'WT_SOAK_EXIT_CALLED',
      `The program called process.exit(${code ?? ''}) in iteration ${words.iteration}`,
      {
        hint: 'a scenario returns; it does not end its process',
        details: { ...details, stack: words.stack },
      },
    );
  }
  if (/heap out of memory|Allocation failed/.test(target.outputTail)) {
    return new WatertightError('WT_SOAK_OUT_OF_MEMORY', `The program ran out of memory after ${at} iterations`, {
      hint: 'it grows faster than a soak can follow: see the gauges, or give it more with NODE_OPTIONS=--max-old-space-size',
      details,
    });
  }
  const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
  return new WatertightError('WT_SOAK_TARGET_ENDED', `The program ${how} after ${at} iterations`, {
    hint:
      signal === 'SIGKILL' ? 'somebody killed it, perhaps the kernel for lack of memory' : 'run it by hand to see why',
    details,
  });
}
