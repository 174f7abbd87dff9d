import { describe, expect, test } from 'vitest';
import { causesOf, errorText } from './error-text.js';

describe('errorText()', () => {
  test.each<[unknown, string]>([
    [new Error('no \u001b[31mroute\nhome'), 'no route home'],
    [Object.assign(new Error(''), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
    [new RangeError(''), 'RangeError'],
    [new AggregateError([new Error('first'), 5], ''), 'first, 5'],
    [new AggregateError([], ''), 'AggregateError'],
    ['thrown', 'thrown'],
    [undefined, 'undefined'],
    [Object.create(null), 'an object that has no text'],
  ])('of %s', (error, text) => expect(errorText(error)).toBe(text));

  test('cuts, and passes no getter on that throws', () => {
    expect(errorText('x'.repeat(1e6), 10)).toBe(`${'x'.repeat(9)}…`);
    const hostile = new Error('x');
    Object.defineProperty(hostile, 'message', {
      get() {
        throw new Error('no');
      },
    });
    expect(errorText(hostile)).toBe('an object that has no text');
  });

  test('ends for an AggregateError that is part of itself', () => {
    const circle = new AggregateError([], '');
    circle.errors.push(circle);
    expect(errorText(circle)).toContain('no text');
  });
});

test('causesOf() follows the chain, a circle too, as far as it is told', () => {
  const error = new Error('a', { cause: new Error('b', { cause: 'c' }) });
  expect(causesOf(error, 5).map((cause) => errorText(cause))).toEqual(['b', 'c']);
  const circle = new Error('circle');
  circle.cause = circle;
  expect(causesOf(circle, 3)).toHaveLength(3);
  expect(causesOf('text', 3)).toEqual([]);
});
