import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { Child } from '../../src/children/index.js';
import { Broker } from './broker.js';

class Broken extends Broker {
  readonly kind = 'redis';
  readonly url = '';

  constructor() {
    super('broken', 1);
  }

  start(): Promise<this> {
    return this.begin();
  }

  protected launch(): Child {
    return this.children.start('sh', ['-c', 'echo no luck today >&2; exit 3']);
  }

  protected async isReady(): Promise<boolean> {
    return false;
  }
}

it('a broker that cannot start says why, and leaves nothing', async () => {
  const broker = new Broken();
  expect(existsSync(broker.folder)).toBe(true);
  await expect(broker.start()).rejects.toThrow(
    /Cannot start broken on port 1: it has ended \(3\); it said:\nno luck today/,
  );
  expect(existsSync(broker.folder)).toBe(false);
  expect(broker.children.list()).toEqual([]);
});
