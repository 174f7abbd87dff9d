import { describe, expect, test } from 'vitest';
import { Signatures } from './signatures.js';

describe('Signatures.step()', () => {
  const walk = (signatures: Signatures, steps: [string, string][]): number[] => {
    const seen: number[] = [];
    let at = Signatures.ROOT;
    for (const [label, name] of steps) {
      at = signatures.step(at, signatures.nameId(label), signatures.nameId(name));
      seen.push(at);
    }
    return seen;
  };

  test('gives one number to one path and different ones to different paths', () => {
    const signatures = new Signatures();
    const a = walk(signatures, [
      ['orders', 'Array'],
      ['[]', 'Order'],
    ]);
    expect(
      walk(signatures, [
        ['orders', 'Array'],
        ['[]', 'Order'],
      ]),
    ).toEqual(a);
    expect(
      walk(signatures, [
        ['drafts', 'Array'],
        ['[]', 'Order'],
      ])[1],
    ).not.toBe(a[1]);
  });

  test('folds a list into its first link', () => {
    const signatures = new Signatures();
    const chain = walk(signatures, [
      ['head', 'Link'],
      ...Array.from({ length: 50 }, () => ['next', 'Link'] as [string, string]),
    ]);
    expect(new Set(chain).size).toBe(2);
  });

  test('folds a chain with a period of three', () => {
    const signatures = new Signatures();
    const period: [string, string][] = [
      ['reactions', 'Reaction'],
      ['context', 'Context'],
      ['promise', 'Promise'],
    ];
    const chain = walk(signatures, [['first', 'Promise'], ...period, ...period, ...period, ...period]);
    // The first round stands, the second proves the repetition, the others fold into it.
    expect(new Set(chain).size).toBeLessThanOrEqual(7);
    expect(chain.at(-1)).toBe(chain.at(-4));
  });

  test('does not fold items inside orders into the orders', () => {
    const signatures = new Signatures();
    const chain = walk(signatures, [
      ['orders', 'Array'],
      ['[]', 'Object'],
      ['items', 'Array'],
      ['[]', 'Object'],
    ]);
    expect(new Set(chain).size).toBe(4);
  });
});
