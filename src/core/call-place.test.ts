import { afterEach, expect, test } from 'vitest';
import { CallPlace } from './call-place.js';

const { prepareStackTrace, stackTraceLimit } = Error;

afterEach(() => {
  Error.prepareStackTrace = prepareStackTrace;
  Error.stackTraceLimit = stackTraceLimit;
});

test('CallPlace is the file and line of the caller, relative to the working folder', () => {
  const line = Number(/:(\d+):\d+\)?$/.exec(new Error().stack!.split('\n')[1]!)![1]) + 1;
  expect(new CallPlace().text).toBe(`src/core/call-place.test.ts:${line}`);
});

test('CallPlace leaves out what stands above `below`', () => {
  const made: CallPlace[] = [];
  function maker() {
    made.push(new CallPlace(maker));
  }
  maker();
  const here = new CallPlace().text!;
  expect(Number(made[0]!.text!.split(':').pop())).toBe(Number(here.split(':').pop()) - 1);
});

test('CallPlace leaves the settings of Error as they were, and does without a place where they forbid it', () => {
  Error.stackTraceLimit = 3;
  expect(new CallPlace().text).toBeDefined();
  expect(Error.stackTraceLimit).toBe(3);
  Error.prepareStackTrace = () => ({ not: 'text' });
  expect(new CallPlace().text).toBeUndefined();
  Error.prepareStackTrace = () => {
    throw new Error('mine');
  };
  expect(new CallPlace().text).toBeUndefined();
});

test('CallPlace keeps nothing of the calls that it saw', async () => {
  class Caller {
    place() {
      return new CallPlace();
    }
  }
  let collected = 0;
  const registry = new FinalizationRegistry(() => collected++);
  const places = (() => {
    const caller = new Caller();
    registry.register(caller, 1);
    return [caller.place()];
  })();
  for (let round = 0; round < 10 && collected === 0; round++) {
    global.gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(collected).toBe(1);
  expect(places[0]!.text).toContain('call-place.test.ts');
});
