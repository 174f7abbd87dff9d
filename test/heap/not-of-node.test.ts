import { describe, expect, it } from 'vitest';
import type { HeapArguments } from '../../src/cli/heap-arguments.js';
import type { HeapFile } from '../../src/cli/heap-files.js';
import { emittersAnswer, timersAnswer } from '../../src/cli/heap-program-pages.js';
import { type HandMadeNode, handMade } from '../../src/heap/hand-made.fixture.js';
import { HeapGraph, readSnapshot } from '../../src/heap/index.js';

const ARGUMENTS = { top: 10 } as HeapArguments;
const PROCESS: readonly HandMadeNode[] = [
  { name: 'process', edges: [['version', 2]] },
  { type: 'string', name: 'v24.1.0' },
];

async function fileOf(...nodes: readonly HandMadeNode[]): Promise<HeapFile> {
  const root: HandMadeNode = { type: 'synthetic', edges: [['1', 1, 'shortcut']] };
  const snapshot = await readSnapshot(Buffer.from(handMade([root, ...nodes])));
  return { snapshot, graph: new HeapGraph(snapshot) } as unknown as HeapFile;
}

describe.each([
  ['emitters', emittersAnswer],
  ['timers', timersAnswer],
] as const)('heap %s', (_verb, answer) => {
  it('says that a file is not of Node', async () => {
    const { data, page } = answer(await fileOf({ name: 'Window' }), ARGUMENTS);
    expect(data).toMatchObject({ total: 0, isOfNode: false });
    expect(page.notes!.join(' ')).toContain('not of Node');
  });

  it('says nothing of the kind where it is', async () => {
    const { data, page } = answer(await fileOf(...PROCESS), ARGUMENTS);
    expect(data).toMatchObject({ isOfNode: true });
    expect(page.notes!.join(' ')).not.toContain('not of Node');
  });
});
