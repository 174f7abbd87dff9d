import { WatertightError } from '../core/index.js';
import { brokenScenario } from './scenario-driver.js';
import type { LastWords, Target } from './target.js';

/** Lines of the program's own output that go into an error. */
const OUTPUT_LINES = 15;
/** Frames of V8 and Node.js, which a fatal error prints behind what matters. */
const NATIVE_FRAME = /^\s*\d+: 0x[\da-f]+ /;

/** Says why the observed program is gone. Names and output in it are the program's: untrusted. */
export function tellEnd(target: Target, steps: number, lastAt: number): WatertightError {
  const words = target.lastWords();
  const { code, signal } = target.exit ?? { code: null, signal: null };
  const iteration = Math.max(steps, lastAt, words?.iteration ?? -1);
  const details = { exitCode: code, signal, iteration, output: lastOutput(target.outputTail) };
  if (words?.why === 'unhandled') return brokenScenario(words);
  if (words?.why === 'stalled') {
    const [what, returner] = placeOf(words);
    return new WatertightError(
      'WT_SOAK_ITERATION_HANGS',
      `${what} never ends: nothing is left that could settle its promise`,
      {
        hint: `resolve or reject the promise that ${returner} awaits`,
        details,
      },
    );
  }
  if (words?.why === 'exit') {
    const [what] = placeOf(words);
    return new WatertightError(
      'WT_SOAK_EXIT_CALLED',
      `The program called process.exit(${code ?? ''}) in ${lower(what)}`,
      {
        hint: 'a scenario returns; it does not end its process',
        details: { ...details, stack: words.stack },
      },
    );
  }
  const when = target.isScenario ? `after ${Math.round(iteration)} iterations` : 'while it was observed';
  if (/heap out of memory|Allocation failed/.test(target.outputTail)) {
    return new WatertightError('WT_SOAK_OUT_OF_MEMORY', `The program ran out of memory ${when}`, {
      hint: 'it grows faster than a soak can follow: see the gauges, or give it more with NODE_OPTIONS=--max-old-space-size',
      details,
    });
  }
  const how = signal ? `was killed by ${signal}` : `ended with exit code ${code}`;
  return new WatertightError('WT_SOAK_TARGET_ENDED', `The program ${how} ${when}`, { hint: hintOf(target), details });
}

/** Where the scenario was, and who should have acted. */
function placeOf({ phase, iteration }: LastWords): [what: string, returner: string] {
  if (phase === 'load') return ['Loading the scenario', 'its top level'];
  if (phase === 'iteration') return [iteration < 0 ? 'Iteration 0' : `Iteration ${iteration}`, 'the iteration'];
  return [`The scenario's ${phase}()`, `${phase}()`];
}

function hintOf({ exit, isScenario }: Target): string {
  if (exit?.signal === 'SIGKILL') return 'somebody killed it, perhaps the kernel for lack of memory';
  if (!isScenario && exit?.code === 0)
    return 'a soak needs a program that keeps running; write a scenario for work that ends';
  return 'run it by hand to see why';
}

function lastOutput(tail: string): string {
  const lines = tail.trimEnd().split('\n');
  return lines
    .filter((line) => !NATIVE_FRAME.test(line))
    .slice(-OUTPUT_LINES)
    .join('\n');
}

const lower = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
