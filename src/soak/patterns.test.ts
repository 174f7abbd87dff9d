import { describe, expect, it } from 'vitest';
import { adviceFor } from './patterns.js';

describe('adviceFor()', () => {
  it.each([
    ['history[]', 'history'],
    ['rig.#controller.history[]', 'rig.#controller.history'],
    ['store.add → history[]', 'history'],
    ['bus._events.message[] → item', 'bus'],
    ['process._events.custom → handlers.get[]', 'handlers.get'],
    ['target[Symbol(kEvents)]["tick"]…', 'target'],
    ['list[][]…', 'list'],
    ['[]', 'its holder'],
  ])('names the container in %s', (path, owner) => {
    expect(adviceFor('growing-container', { className: 'Item' }, path).hint).toMatch(
      new RegExp(`^${owner.replace(/[.#]/g, '\\$&')} gets entries`),
    );
  });
});
