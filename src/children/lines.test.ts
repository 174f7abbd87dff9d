import { expect, test } from 'vitest';
import { Lines, type LinesOptions } from './lines.js';

class Source {
  isPaused = false;
  detached = 0;
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  detach(): void {
    this.detached++;
  }
}

function make(options?: LinesOptions): { lines: Lines; source: Source; write: (text: string | Uint8Array) => void } {
  const source = new Source();
  const lines = new Lines(source, options);
  return { lines, source, write: (text) => lines.push(Buffer.from(text as string)) };
}

const all = async (lines: Lines): Promise<string[]> => {
  const found: string[] = [];
  for await (const line of lines) found.push(line);
  return found;
};

test('Lines are whole across chunks, in the middle of a character too, and without their ends', async () => {
  const { lines, write } = make();
  for (const byte of Buffer.from('one €\r\ntwo 😀\n\nlast')) write(Uint8Array.of(byte));
  lines.end();
  expect(await all(lines)).toEqual(['one €', 'two 😀', '', 'last']);
});

test('Lines drop the oldest for which nobody comes, and count them', async () => {
  const { lines, write } = make({ limit: 3 });
  write('1\n2\n3\n4\n5\n');
  lines.end();
  expect(lines.dropped).toBe(2);
  expect(await all(lines)).toEqual(['3', '4', '5']);
});

test('Lines that are too long are cut, and what follows is whole', async () => {
  const { lines, write } = make({ lineChars: 4 });
  write('abcdef');
  write('ghi');
  write('jk\nlm\nnopqrs\n');
  lines.end();
  expect(lines.cut).toBe(2);
  expect(await all(lines)).toEqual(['abcd', 'lm', 'nopq']);
});

test('Lines that pause stop their source at the limit, drop nothing, and let it go on when they are taken', async () => {
  const { lines, source, write } = make({ limit: 2, overflow: 'pause' });
  write('1\n');
  expect(source.isPaused).toBe(false);
  write('2\n3\n');
  expect(source.isPaused).toBe(true);
  const reader = lines[Symbol.asyncIterator]();
  expect((await reader.next()).value).toBe('1');
  expect((await reader.next()).value).toBe('2');
  expect(source.isPaused).toBe(false);
  lines.end();
  expect((await reader.next()).value).toBe('3');
  expect((await reader.next()).done).toBe(true);
  expect(lines.dropped).toBe(0);
});

test('Lines answer who waits when their stream ends, and leave their source when the reader goes', async () => {
  const ended = make();
  const waiting = all(ended.lines);
  ended.lines.end();
  expect(await waiting).toEqual([]);
  const left = make();
  left.write('1\n2\n');
  for await (const line of left.lines) {
    expect(line).toBe('1');
    break;
  }
  expect(left.source.detached).toBe(1);
});

test('Lines refuse wrong options by name', () => {
  expect(() => make({ limit: 0 })).toThrow(/limit must be a whole number from 1 .* not the number 0/);
  expect(() => make({ overflow: 'block' as never })).toThrow(/overflow must be 'drop-oldest' or 'pause'/);
  expect(() => make({ size: 1 } as never)).toThrow(/no option "size"/);
});
