import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventLog } from './event-log.js';

interface Entry {
  readonly id: string;
  readonly key: string;
  readonly body: string;
  readonly deadlineAt: number;
  readonly waiter: { promise: Promise<unknown>; resolve: () => void } | undefined;
  isSettled: boolean;
  mayBeStored: boolean;
  isRetried: boolean;
}

const bodies = fc.oneof(
  { weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 300 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 140_000 }).map((length) => 'x'.repeat(length)) },
);

const commands = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        push: fc.record({
          id: fc.stringMatching(/^[\w.:-]{1,128}$/),
          key: fc.string({ unit: 'grapheme', maxLength: 20 }),
          body: bodies,
          isBytes: fc.boolean(),
          deadlineAt: fc.integer({ min: 0, max: 10_000_000 }),
          isAwaited: fc.boolean(),
        }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ settle: fc.nat() }) },
    { weight: 1, arbitrary: fc.record({ attempt: fc.nat(), unknown: fc.boolean() }) },
    { weight: 2, arbitrary: fc.constant({ pass: true }) },
    { weight: 1, arbitrary: fc.record({ close: fc.nat() }) },
  ),
  { maxLength: 300 },
);

describe('EventLog', () => {
  it('agrees with an array, for every order of calls', () => {
    fc.assert(
      fc.property(commands, (list) => {
        const log = new EventLog(0);
        let model: Entry[] = [];
        let order = 0;
        for (const command of list as unknown as Record<string, never>[]) {
          if (command.push) {
            const { id, key, body, isBytes, deadlineAt, isAwaited } = command.push as Entry & {
              isBytes: boolean;
              isAwaited: boolean;
            };
            const waiter = isAwaited ? { promise: Promise.resolve(), resolve: () => {} } : undefined;
            const bytes = Buffer.from(body);
            log.push(order++, id, key, isBytes ? bytes : body, bytes.length, deadlineAt, waiter);
            model.push({ id, key, body, deadlineAt, waiter, isSettled: false, mayBeStored: false, isRetried: false });
          } else if (command.settle !== undefined && model.length > 0) {
            const index = command.settle % model.length;
            const entry = model[index] as Entry;
            const waiter = log.settle(index);
            expect(waiter?.resolve).toBe(entry.isSettled ? undefined : entry.waiter?.resolve);
            entry.isSettled = true;
          } else if (command.attempt !== undefined && model.length > 0) {
            const entry = model[command.attempt % model.length] as Entry;
            log.noteAttempt(command.attempt % model.length, command.unknown);
            entry.isRetried = true;
            entry.mayBeStored ||= command.unknown;
          } else if (command.pass) {
            log.passGaps();
            const first = model.findIndex(({ isSettled }) => !isSettled);
            model = first < 0 ? [] : model.slice(first);
          } else if (command.close !== undefined) {
            const from = command.close % (model.length + 1);
            log.closeGaps(from);
            model = model.filter(({ isSettled }, index) => index < from || !isSettled);
          }
          expect(log.count).toBe(model.length);
        }
        for (const [index, entry] of model.entries()) {
          const { id, key, body, text, isRedelivery } = log.outgoing(index);
          expect({ id, key, text, bytes: body.toString() }).toEqual({
            id: entry.id,
            key: entry.key,
            text: entry.body,
            bytes: entry.body,
          });
          expect([isRedelivery, log.isSettled(index), log.mayBeStored(index)]).toEqual([
            entry.isRetried,
            entry.isSettled,
            entry.mayBeStored,
          ]);
          expect(log.deadlineAt(index) - entry.deadlineAt).toBeGreaterThanOrEqual(0);
          expect(log.deadlineAt(index) - entry.deadlineAt).toBeLessThan(16);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('gives back what is passed: a long run keeps two chunks', () => {
    const log = new EventLog(0);
    const body = 'x'.repeat(300);
    for (let n = 0; n < 100_000; n++) {
      log.push(n, `id-${n}`, 'key', body, 300, 0);
      if (n < 10) continue;
      log.settle(0);
      log.passGaps();
    }
    expect(log.count).toBe(10);
    expect(log.chunkBytes).toBeLessThanOrEqual(2 * 64 * 1024);
    expect(log.outgoing(0).id).toBe('id-99990');
  });

  it('gives back what is dropped behind an entry that stays', () => {
    const log = new EventLog(0);
    const body = 'x'.repeat(300);
    for (let n = 0; n < 100_000; n++) {
      log.push(n, `id-${n}`, 'key', body, 300, 0);
      if (n < 10) continue;
      log.settle(1);
      log.closeGaps(1);
    }
    expect(log.count).toBe(10);
    expect(log.chunkBytes).toBeLessThanOrEqual(4 * 64 * 1024);
    expect([0, 1, 9].map((index) => log.outgoing(index).id)).toEqual(['id-0', 'id-99991', 'id-99999']);
    expect(log.outgoing(9).text).toBe(body);
  });
});
