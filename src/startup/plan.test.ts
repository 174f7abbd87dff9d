import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CallPlace } from '../core/index.js';
import { orderSteps, type PlannedPhase } from './plan.js';

const phase = (name: string, steps: Record<string, readonly string[]>): PlannedPhase => ({
  name,
  timeoutMs: 1_000,
  steps: Object.entries(steps).map(([step, needs], index) => ({
    path: `${name}/${step}`,
    name: step,
    index,
    needs,
    impact: 'blocking',
    timeoutMs: 1_000,
    check: undefined,
    run: () => {},
    place: new CallPlace(),
  })),
});
const namesOf = (phases: PlannedPhase[]) => orderSteps(phases).map((steps) => steps.map(({ name }) => name));

describe('orderSteps()', () => {
  test('keeps the order of declaration where nothing needs anything', () => {
    expect(namesOf([phase('a', { z: [], y: [], x: [] })])).toEqual([['z', 'y', 'x']]);
  });

  test('puts a step after what it needs, also when that is declared later', () => {
    expect(namesOf([phase('a', { http: ['cache', 'config'], cache: ['config'], config: [] })])).toEqual([
      ['config', 'cache', 'http'],
    ]);
  });

  test('lets a step need one of an earlier phase, and refuses one of a later phase', () => {
    expect(namesOf([phase('a', { config: [] }), phase('b', { http: ['config'] })])).toEqual([['config'], ['http']]);
    expect(() => namesOf([phase('a', { http: ['config'] }), phase('later', { config: [] })])).toThrow(
      new RangeError(
        'step http: needs must name steps of its own phase or an earlier one, received config of the later phase later',
      ),
    );
  });

  test('refuses a need that is no step, and says which there are', () => {
    expect(() => namesOf([phase('a', { http: ['databse'], database: [] })])).toThrow(
      new RangeError('step http: needs must name steps, received databse; there are http, database'),
    );
  });

  test('refuses a circle and shows it, without what leads to it or hangs on it', () => {
    const circle = (steps: Record<string, readonly string[]>) => {
      try {
        namesOf([phase('a', steps)]);
      } catch (error) {
        return (error as Error).message;
      }
      return 'no error';
    };
    expect(circle({ lead: ['x'], x: ['fine', 'y'], fine: [], y: ['z'], z: ['x'] })).toBe(
      'step x: needs must not go in a circle, received x → y → z → x',
    );
    expect(circle({ self: ['self'] })).toBe('step self: needs must not go in a circle, received self → self');
  });

  test('orders any graph without circles, and finds the circle in any other', () => {
    const graph = fc
      .integer({ min: 1, max: 12 })
      .chain((size) =>
        fc.tuple(fc.constant(size), fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { maxLength: 20 })),
      );
    fc.assert(
      fc.property(graph, ([size, edges]) => {
        const needs: Record<string, string[]> = {};
        for (let step = 0; step < size; step++) needs[`s${step}`] = [];
        for (const [from, to] of edges) needs[`s${from}`]!.push(`s${to}`);
        const hasCircle = isCircular(needs);
        if (hasCircle) {
          expect(() => namesOf([phase('a', needs)])).toThrow('must not go in a circle');
          return;
        }
        const [order] = namesOf([phase('a', needs)]);
        expect(new Set(order).size).toBe(size);
        for (const [step, list] of Object.entries(needs)) {
          for (const need of list) expect(order!.indexOf(need)).toBeLessThan(order!.indexOf(step));
        }
      }),
    );
  });
});

/** Takes away steps whose needs are all taken away (Kahn); what stays is in a circle or behind one. */
function isCircular(needs: Record<string, readonly string[]>): boolean {
  const left = new Set(Object.keys(needs));
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const step of [...left]) if (needs[step]!.every((need) => !left.has(need))) left.delete(step);
  }
  return left.size > 0;
}
