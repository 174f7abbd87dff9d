import { expect, test } from 'vitest';
import { checkCallback, checkOptionNames, checkOwner, checkSignal, kindOf } from './arguments.js';

test('a signal is an AbortSignal or absent: a controller in its place is told before anything is registered', () => {
  checkSignal('acquire()', undefined);
  checkSignal('acquire()', new AbortController().signal);
  checkSignal('acquire()', { aborted: false, addEventListener() {}, removeEventListener() {} });
  expect(() => checkSignal('acquire()', { aborted: false })).toThrow('not an object');
  expect(() => checkSignal('acquire()', new AbortController())).toThrow(
    'acquire(): signal must be an AbortSignal, not an AbortController object',
  );
  expect(() => checkSignal('acquire()', null)).toThrow('not null');
});

test('an owner has defer()', () => {
  checkOwner('new Pool()', undefined);
  checkOwner('new Pool()', { defer() {} });
  expect(() => checkOwner('new Pool()', 5)).toThrow('new Pool(): scope must be a Scope, not the number 5');
});

test('a callback is a function or absent', () => {
  checkCallback('new Pool()', 'onFailure', undefined);
  checkCallback('new Pool()', 'onFailure', () => {});
  expect(() => checkCallback('new Pool()', 'onFailure', 'log')).toThrow(
    'onFailure must be a function, not the text "log"',
  );
});

test('an unknown option is refused, with the names that there are', () => {
  checkOptionNames('new Pool()', { max: 1, min: undefined }, ['max', 'min']);
  expect(() => checkOptionNames('new Pool()', { maximum: 1 }, ['max', 'min'])).toThrow(
    'new Pool(): there is no option "maximum"; there are max, min',
  );
  for (const options of [undefined, null, 5, []]) {
    expect(() => checkOptionNames('new Pool()', options, ['max'])).toThrow('options must be an object');
  }
});

test('any value has a kind, hostile ones too', () => {
  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('no');
      },
    },
  );
  expect(kindOf(hostile)).toBe('an object');
  expect(kindOf(Object.create(null))).toBe('an object');
  expect(kindOf('x'.repeat(100)).length).toBeLessThan(60);
  expect(kindOf(Symbol('s'))).toBe('the symbol Symbol(s)');
  expect(kindOf(10n)).toBe('the bigint 10');
});
