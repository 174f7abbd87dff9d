import { describe, expect, test } from 'vitest';
import { choosePolicy, type Policy } from './policy.js';

const codeOf = (run: () => unknown): unknown => {
  try {
    return run();
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name;
  }
};

describe('choosePolicy()', () => {
  test('is degrade when nobody says otherwise, also for an empty variable', () => {
    expect(choosePolicy(undefined, false, {})).toBe('degrade');
    expect(choosePolicy(undefined, false, { WATERTIGHT_STARTUP: '' })).toBe('degrade');
  });

  test('takes the environment where the code is silent, and the code where it speaks', () => {
    expect(choosePolicy(undefined, false, { WATERTIGHT_STARTUP: 'strict' })).toBe('strict');
    expect(choosePolicy('degrade', false, { WATERTIGHT_STARTUP: 'strict' })).toBe('degrade');
  });

  test('refuses skip in production from the environment and from the code, unless the code allows it', () => {
    const production = { NODE_ENV: 'production', WATERTIGHT_STARTUP: 'skip' };
    expect(codeOf(() => choosePolicy(undefined, false, production))).toBe('WT_STARTUP_SKIP_REFUSED');
    expect(codeOf(() => choosePolicy('skip', false, { NODE_ENV: 'production' }))).toBe('WT_STARTUP_SKIP_REFUSED');
    expect(choosePolicy('skip', true, { NODE_ENV: 'production' })).toBe('skip');
    expect(choosePolicy(undefined, true, production)).toBe('skip');
    expect(choosePolicy(undefined, false, { ...production, NODE_ENV: 'test' })).toBe('skip');
  });

  test('refuses a policy that there is not, naming who asked for it', () => {
    expect(codeOf(() => choosePolicy(undefined, false, { WATERTIGHT_STARTUP: 'lax\u001b[2J' }))).toBe(
      'WT_STARTUP_UNKNOWN_POLICY',
    );
    expect(() => choosePolicy(undefined, false, { WATERTIGHT_STARTUP: 'lax\u001b[2J' })).toThrow('the policy lax as');
    expect(codeOf(() => choosePolicy('lax' as Policy, false, {}))).toBe('RangeError');
    expect(codeOf(() => choosePolicy('' as Policy, false, {}))).toBe('RangeError');
  });
});
