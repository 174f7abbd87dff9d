import { expect, test } from 'vitest';
import { NodeClasses } from './answers/node-classes.js';
import { handMade } from './hand-made.fixture.js';
import { readSnapshot } from './read-snapshot.js';

test('what hangs on a part of a page that left its document is detached, but for what is in it and what Node made', async () => {
  const native = 'native';
  const snapshot = await readSnapshot(
    Buffer.from(
      handMade([
        {
          type: 'synthetic',
          edges: [
            [0, 1],
            [1, 2],
            [2, 7],
          ],
        },
        {
          type: native,
          name: '<body class="wide">',
          detachedness: 1,
          size: 8,
          edges: [
            ['child', 3],
            ['former', 2],
            ['text', 6],
          ],
        },
        {
          type: native,
          name: '<div>',
          detachedness: 2,
          size: 8,
          edges: [
            ['child', 4],
            ['listener', 5],
            ['text', 6],
          ],
        },
        { type: native, name: '<p>', size: 8 },
        {
          type: native,
          name: '<li id="one">',
          size: 8,
          edges: [
            ['weak', 3, 'weak'],
            ['wrapper', 5],
          ],
        },
        { type: 'object', name: 'View', size: 8, edges: [['inner', 8]] },
        { type: native, name: 'StyleOfBoth', size: 8 },
        { type: native, name: 'Node / Buffer', detachedness: 2, size: 8 },
        { type: native, name: 'BehindAnObject', size: 8 },
      ]),
    ),
  );
  const wanted = [
    '<body>',
    'Detached <div>',
    '<p>',
    'Detached <li>',
    'View',
    'StyleOfBoth',
    'Node / Buffer',
    'BehindAnObject',
  ];
  expect(wanted.map((_, n) => snapshot.className(n + 1))).toEqual(wanted);
  const { classes, classOf } = new NodeClasses(snapshot);
  expect(wanted.map((_, n) => classes[classOf[n + 1]!]!.name)).toEqual(wanted);
});
