import diagnostics from 'node:diagnostics_channel';
import { afterEach, expect, test } from 'vitest';
import { currentScope, enterScope } from './current-scope.js';
import { Scope } from './scope.js';
import { configureScopes } from './settings.js';

afterEach(() => configureScopes({ sites: 'sampled', forgotten: 'sampled' }));

interface Forgotten {
  readonly name: string;
  readonly held: number;
  readonly createdAt: string;
}

/** Collects until `isOver`, at most ten times. */
async function collectUntil(isOver: () => boolean): Promise<void> {
  for (let round = 0; round < 10 && !isOver(); round++) {
    global.gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function forget(name: string, count: number): void {
  const scope = new Scope(name);
  for (let n = 0; n < count; n++) scope.defer(() => {});
}

test('a scope that is collected while it holds something is reported, with the line that made it', async () => {
  configureScopes({ forgotten: 'always' });
  const found: Forgotten[] = [];
  const warnings: Error[] = [];
  const listener = (message: unknown) => found.push(message as Forgotten);
  const onWarning = (warning: Error) => warnings.push(warning);
  diagnostics.subscribe('watertight:scope-forgotten', listener);
  process.on('warning', onWarning);
  forget('lost', 2);
  forget('empty', 0);
  await collectUntil(() => warnings.length > 0);
  diagnostics.unsubscribe('watertight:scope-forgotten', listener);
  process.off('warning', onWarning);
  expect(found).toEqual([{ name: 'lost', held: 2, createdAt: expect.stringMatching(/forgotten\.test\.ts:\d+$/) }]);
  expect(warnings).toMatchObject([{ code: 'WT_SCOPE_FORGOTTEN' }]);
});

test('scopes that were closed, and all of them when it is off, are not reported', async () => {
  configureScopes({ forgotten: 'always' });
  const found: Forgotten[] = [];
  const listener = (message: unknown) => found.push(message as Forgotten);
  diagnostics.subscribe('watertight:scope-forgotten', listener);
  await (async () => {
    const closed = new Scope('closed');
    closed.defer(() => {});
    await closed.close();
    const early = new Scope('early');
    early.defer(() => {}).release();
  })();
  configureScopes({ forgotten: 'off' });
  forget('unwatched', 3);
  await collectUntil(() => found.length > 0);
  diagnostics.unsubscribe('watertight:scope-forgotten', listener);
  expect(found).toEqual([]);
});

test('configureScopes() refuses what it does not know', () => {
  expect(() => configureScopes({ sites: 'often' as never })).toThrow(/sites must be 'off', 'sampled' or 'always'/);
});

test('currentScope() is that of the nearest enterScope(), over awaits, and none outside', async () => {
  expect(currentScope()).toBeUndefined();
  const outer = new Scope('outer');
  const inner = new Scope('inner');
  const seen = await enterScope(outer, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    const deep = await enterScope(inner, async () => {
      await null;
      return currentScope();
    });
    return [currentScope(), deep];
  });
  expect(seen).toEqual([outer, inner]);
  expect(currentScope()).toBeUndefined();
});
