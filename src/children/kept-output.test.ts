import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KeptOutput } from './kept-output.js';

const seed = Date.now();

test('KeptOutput keeps all that fits, whatever the chunks', () => {
  const property = fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
    const kept = new KeptOutput(2 ** 16);
    const bytes = Buffer.from(texts.join(''));
    for (let at = 0; at < bytes.length; at += 3) kept.push(bytes.subarray(at, at + 3));
    expect(kept.take()).toEqual({ text: bytes.toString(), bytes: bytes.length, droppedBytes: 0 });
  });
  fc.assert(property, { seed });
});

test('KeptOutput keeps the first quarter and the last three, as a plain model says', () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 60 }).map((bytes) => bytes.map((byte) => 33 + (byte % 90))));
  const property = fc.property(fc.integer({ min: 1, max: 100 }), chunks, (limit, list) => {
    const kept = new KeptOutput(limit);
    for (const chunk of list) kept.push(chunk);
    const all = Buffer.concat(list).toString('latin1');
    const headBytes = Math.floor(limit / 4);
    const droppedBytes = Math.max(all.length - limit, 0);
    const text =
      droppedBytes === 0
        ? all
        : `${all.slice(0, headBytes)}\n… ${droppedBytes} bytes dropped …\n${all.slice(all.length - (limit - headBytes))}`;
    expect(kept.storageBytes).toBeLessThanOrEqual(limit);
    expect(kept.take()).toEqual({ text, bytes: all.length, droppedBytes });
  });
  fc.assert(property, { seed, numRuns: 500 });
});

test('KeptOutput cuts no character in two', () => {
  for (const character of ['é', '€', '😀']) {
    for (let limit = 4; limit < 60; limit++) {
      const kept = new KeptOutput(limit);
      for (const byte of Buffer.from(character.repeat(40))) kept.push(Uint8Array.of(byte));
      const { text, bytes, droppedBytes } = kept.take();
      expect(text).not.toContain('\ufffd');
      const left = text.replace(/\n….*\n/, '');
      expect(Buffer.byteLength(left)).toBe(bytes - droppedBytes);
    }
  }
});

test('KeptOutput keeps nothing at a limit of 0', () => {
  const kept = new KeptOutput(0);
  kept.push(Buffer.from('much'));
  expect(kept.storageBytes).toBe(0);
  expect(kept.take()).toMatchObject({ bytes: 4, droppedBytes: 4 });
});
