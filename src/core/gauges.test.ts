import { expect, it } from 'vitest';
import { readGauge, registerGauge } from './gauges.js';

it('readGauge() sums what is registered under a name, and nothing that was taken back or fails', () => {
  const [one, two, three] = [{ held: 2 }, { held: 3 }, { held: 5 }];
  const takeBack = registerGauge('test', one, ({ held }) => held);
  registerGauge('test', two, ({ held }) => held);
  registerGauge('other', three, ({ held }) => held);
  registerGauge('test', three, () => {
    throw new Error('no');
  });
  registerGauge('test', three, () => Number.NaN);
  expect(readGauge('test')).toBe(5);
  takeBack();
  takeBack();
  expect([readGauge('test'), readGauge('other'), readGauge('none')]).toEqual([3, 5, 0]);
});

it('a gauge keeps its owner alive by nothing', async () => {
  let owner: object | undefined = {};
  registerGauge('dropped', owner, () => 1);
  expect(readGauge('dropped')).toBe(1);
  owner = undefined;
  await new Promise((resolve) => setImmediate(resolve));
  global.gc?.();
  expect(readGauge('dropped')).toBe(0);
});
