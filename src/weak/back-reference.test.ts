import { expect, test } from 'vitest';
import { BackReference } from './back-reference.js';

class Manager {
  readonly name = 'the manager';
}

const collect = () => (globalThis as { gc?: () => void }).gc!();
const turn = () => new Promise(setImmediate);

test('BackReference.get() gives its target while somebody holds it', () => {
  const manager = new Manager();
  const reference = new BackReference(manager);
  expect(reference.get()).toBe(manager);
  expect(reference.peek()).toBe(manager);
  expect(reference.isCollected).toBe(false);
});

test('BackReference.get() throws WT_WEAK_COLLECTED when its target is gone, and names it', async () => {
  const reference = (() => new BackReference(new Manager()))();
  await turn();
  collect();
  expect(reference.isCollected).toBe(true);
  expect(reference.peek()).toBeUndefined();
  expect(() => reference.get()).toThrow(
    expect.objectContaining({
      code: 'WT_WEAK_COLLECTED',
      message: 'Cannot reach Manager as it was collected',
      details: { name: 'Manager' },
    }),
  );
});

test('BackReference.name is what it is told, or the class, as one calm line', () => {
  expect(new BackReference(new Manager(), 'hub\u001b[31m\n1').name).toBe('hub 1');
  expect(new BackReference(Object.create(null)).name).toBe('object');
  expect(new BackReference(() => {}).name).toBe('Function');
});

test('BackReference refuses what is no object', () => {
  for (const wrong of [null, undefined, 7, 'text']) {
    for (const name of [undefined, 'hub']) {
      const make = () => new BackReference(wrong as unknown as object, name);
      expect(make).toThrow(
        /^BackReference: target must be an object, got (null|undefined|the number 7|the text "text")$/,
      );
    }
  }
});

test('BackReference refuses a name that is no text', () => {
  expect(() => new BackReference({}, 5 as never)).toThrow('BackReference: name must be a text, got the number 5');
});
