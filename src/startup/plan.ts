import { type CallPlace, plainText } from '../core/index.js';
import type { Count } from './check.js';
import type { Impact } from './report.js';
import type { StepContext } from './step-run.js';

/** One step as it was declared. */
export interface PlannedStep {
  /** `phase/name`. */
  readonly path: string;
  readonly name: string;
  /** Place among all steps, in the order of declaration. */
  readonly index: number;
  readonly needs: readonly string[];
  readonly impact: Impact;
  readonly timeoutMs: number;
  readonly check: ((value: never) => Count | readonly Count[]) | undefined;
  readonly run: (context: StepContext<never>) => unknown;
  readonly place: CallPlace;
}

/** One phase as it was declared: its steps run together as far as they do not need each other. */
export interface PlannedPhase {
  readonly name: string;
  readonly timeoutMs: number;
  readonly steps: PlannedStep[];
}

/**
 * Steps of each phase in an order in which each comes after all that it needs, otherwise as declared.
 *
 * @throws RangeError for a need that is no step, one of a later phase, or a circle
 * Cost: O(steps + needs).
 */
export function orderSteps(phases: readonly PlannedPhase[]): PlannedStep[][] {
  const phaseOf = new Map<string, number>();
  for (const [at, { steps }] of phases.entries()) for (const { name } of steps) phaseOf.set(name, at);
  return phases.map(({ steps }, at) => {
    for (const step of steps) for (const need of step.needs) checkNeed(step, need, phaseOf, at, phases);
    return inOrder(steps);
  });
}

function checkNeed(
  step: PlannedStep,
  need: string,
  phaseOf: ReadonlyMap<string, number>,
  at: number,
  phases: readonly PlannedPhase[],
): void {
  const where = phaseOf.get(need);
  if (where === undefined) {
    const known = [...phaseOf.keys()].map(shown).join(', ');
    throw new RangeError(
      `step ${shown(step.name)}: needs must name steps, received ${shown(need)}; there are ${known}`,
    );
  }
  if (where <= at) return;
  const later = `${shown(need)} of the later phase ${shown(phases[where]!.name)}`;
  throw new RangeError(
    `step ${shown(step.name)}: needs must name steps of its own phase or an earlier one, received ${later}`,
  );
}

/** Depth first: a step is placed after its needs; one that is met again while it is being placed closes a circle. */
function inOrder(steps: readonly PlannedStep[]): PlannedStep[] {
  const byName = new Map(steps.map((step) => [step.name, step]));
  const placed = new Set<PlannedStep>();
  const path: string[] = [];
  const place = (step: PlannedStep): void => {
    if (placed.has(step)) return;
    const from = path.indexOf(step.name);
    if (from >= 0) {
      const circle = [...path.slice(from), step.name].map(shown).join(' → ');
      throw new RangeError(`step ${shown(step.name)}: needs must not go in a circle, received ${circle}`);
    }
    path.push(step.name);
    for (const need of step.needs) {
      const needed = byName.get(need);
      if (needed) place(needed);
    }
    path.pop();
    placed.add(step);
  };
  for (const step of steps) place(step);
  return [...placed];
}

function shown(name: string): string {
  return plainText(name, 80);
}
