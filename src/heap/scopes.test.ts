import { describe, expect, it } from 'vitest';
import { closureCaptures } from './answers/closure-captures.js';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { Scopes } from './scopes.js';

/** A function, its scope right below the native context, and the names in the scope's info. */
async function scopeWith(names: readonly string[], { scopes = 1, scope = 'system / Context' } = {}) {
  const context = scope.replace('Context', 'NativeContext');
  const firstScope = 3 + names.length;
  const nodes: HandMadeNode[] = [
    { type: 'synthetic' },
    { type: 'hidden', name: context },
    {
      type: 'code',
      name: 'system / ScopeInfo',
      edges: names.map((_, i) => [i, 3 + i, 'hidden'] as const),
    },
    ...names.map((name): HandMadeNode => ({ type: 'string', name })),
    ...Array.from(
      { length: scopes },
      (): HandMadeNode => ({
        name: scope,
        edges: [
          ['kept', 0, 'context'],
          ['scope_info', 2, 'internal'],
          ['previous', 1, 'internal'],
        ],
      }),
    ),
    { type: 'closure', name: 'keeps', edges: [['context', firstScope, 'internal']] },
  ];
  const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
  return { snapshot, scope: firstScope };
}

async function isCall(...args: Parameters<typeof scopeWith>): Promise<boolean> {
  const { snapshot, scope } = await scopeWith(...args);
  return Scopes.of(snapshot).isCallScope(scope);
}

describe('Scopes.isCallScope() right below the native context', () => {
  it('takes the scope of a named function, of a block and of a class for one of a call', async () => {
    expect(await isCall(['kept', 'mk'])).toBe(true);
    expect(await isCall(['kept', 'mk', 'mk'])).toBe(true);
    expect(await isCall(['kept'])).toBe(true);
    expect(await isCall(['#compare', '#heap'])).toBe(true);
  });

  it('leaves out modules, scripts and scopes of built-ins', async () => {
    expect(await isCall(['kept', 'other', ''])).toBe(false);
    expect(await isCall(['this'])).toBe(false);
    expect(await isCall([], { scopes: 3 })).toBe(false);
  });

  it('takes a function without a name for a call when it was called twice', async () => {
    expect(await isCall(['kept', ''])).toBe(false);
    expect(await isCall(['kept', ''], { scopes: 2 })).toBe(true);
  });

  it('knows scopes by the names that Chrome gives them', async () => {
    expect(await isCall(['kept', 'mk'], { scope: 'system / Context / scope @41' })).toBe(true);
    expect(await isCall(['kept', 'mk'], { scope: 'system / ContextCell' })).toBe(false);
  });
});

describe('closureCaptures() in a module that has no scope', () => {
  it.each(['system / Context', 'system / Context / scope @41'])('finds the scope of a call named %s', async (scope) => {
    const { snapshot } = await scopeWith(['kept', 'mk'], { scope });
    const groups = closureCaptures(snapshot, new Float64Array(snapshot.nodeCount).fill(1));
    expect(groups).toMatchObject([{ functions: [{ name: 'keeps' }], scopes: 1, captures: [{ name: 'kept' }] }]);
  });

  it('shows the value in the cell of a variable', async () => {
    const nodes: HandMadeNode[] = [
      { type: 'synthetic' },
      { type: 'closure', name: 'keeps', edges: [['context', 2, 'internal']] },
      {
        name: 'system / Context',
        edges: [
          ['kept', 4, 'context'],
          ['count', 6, 'context'],
          ['previous', 3, 'internal'],
        ],
      },
      { name: 'system / Context' },
      { type: 'hidden', name: 'system / ContextCell', edges: [[0, 5, 'hidden']] },
      { name: 'Kept' },
      { type: 'hidden', name: 'system / ContextCell' },
    ];
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    const [group] = closureCaptures(snapshot, new Float64Array(snapshot.nodeCount).fill(1));
    expect(group!.captures).toMatchObject([{ name: 'kept', className: 'Kept' }]);
  });
});
