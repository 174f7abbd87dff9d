import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transformSync } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SourceLines } from './source-lines.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'source-lines-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('SourceLines.map() follows a source map beside the file', async () => {
  const source =
    'type Order = { id: number };\n\nexport function keep(orders: Order[]): void {\n  orders.push({ id: 1 });\n}\n';
  const { code, map } = transformSync(source, { loader: 'ts', sourcemap: true, sourcefile: 'keep.ts', minify: true });
  const file = join(folder, 'keep.js');
  writeFileSync(file, `${code}//# sourceMappingURL=keep.js.map\n`);
  writeFileSync(`${file}.map`, map);
  const column = code.indexOf('.push') + 2;
  const [frame] = await new SourceLines(null).map([{ function: 'keep', file: `file://${file}`, line: 1, column }]);
  expect(frame).toMatchObject({ file: join(folder, 'keep.ts'), line: 4 });
});

test('SourceLines.map() leaves positions alone where the map is broken or missing', async () => {
  const file = join(folder, 'broken.js');
  writeFileSync(file, 'f();\n//# sourceMappingURL=data:application/json;base64,e30=\n');
  const frames = [
    { function: 'f', file, line: 1, column: 1 },
    { function: 'g', file: join(folder, 'gone.js'), line: 7, column: 3 },
  ];
  expect(await new SourceLines(null).map(frames)).toEqual(frames);
});

test('SourceLines.mention() finds the line that adds to a name, not one that only reads it', () => {
  const file = join(folder, 'mention.js');
  writeFileSync(file, 'function log(x) {\n  if (history.length > 3) warn();\n  const y = x;\n  history.push(y);\n}\n');
  const lines = new SourceLines(null);
  expect(lines.mention({ function: 'log', file, line: 1, column: 1 }, 'history')).toBe(4);
  expect(lines.mention({ function: 'log', file, line: 1, column: 1 }, 'nothing')).toBeNull();
});
