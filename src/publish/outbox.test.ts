import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { Outbox } from './outbox.js';
import { type OutboxOptions, outboxSettingsOf } from './outbox-options.js';
import { RedisPublisher } from './redis-publisher.js';

const RUNS = process.env.WATERTIGHT_STRESS ? 1_000 : 60;
const MINUTE = 60_000;
const LIMITS = {
  name: 'test',
  encoding: 'json',
  overflow: 'block',
  maxBufferedEvents: 1e4,
  maxBufferedBytes: 1e8,
  maxWaiting: 1e4,
} as const;

const folders: string[] = [];
const opened: Shelf[] = [];
afterEach(async () => {
  for (const shelf of opened.splice(0)) await shelf.outbox.close(performance.now() + MINUTE);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newFolder(): string {
  const folder = mkdtempSync(`${tmpdir()}/wt-outbox-`);
  folders.push(folder);
  return folder;
}

interface Taken {
  readonly place: number;
  readonly id: string;
  readonly key: string;
  readonly text: string;
  readonly isRedelivery: boolean;
}

/** An outbox and who takes from it, as much as there is room for. */
class Shelf {
  readonly outbox: Outbox;
  readonly taken: Taken[] = [];
  room: number;
  mostBytes = 0;
  #settled = 0;

  constructor(
    folder: string,
    options: Partial<OutboxOptions> = {},
    limits: object = {},
    room = Number.POSITIVE_INFINITY,
  ) {
    this.room = room;
    this.outbox = new Outbox(outboxSettingsOf('test', { folder, ...options }), { ...LIMITS, ...limits });
    opened.push(this);
    this.outbox.start({
      hasRoom: () => this.taken.length - this.#settled < this.room,
      take: (place, id, key, body, isRedelivery) =>
        this.taken.push({ place, id, key, text: body.toString(), isRedelivery }),
    });
  }

  put(id: string, text = `body of ${id}`, key = 'k', timeoutMs = MINUTE): Promise<unknown> {
    return this.outbox.put(id, key, text, Buffer.byteLength(text), timeoutMs);
  }

  get ids(): string[] {
    return this.taken.map(({ id }) => id);
  }

  /** Confirms the first `count` of what was taken and not confirmed. */
  confirm(count = this.taken.length - this.#settled): void {
    for (const { place } of this.taken.slice(this.#settled, this.#settled + count)) {
      this.#settled++;
      this.outbox.onStored(place);
    }
  }

  /** Confirms all that comes. */
  async drain(): Promise<void> {
    let isDrained = false;
    const drained = this.outbox.drained().then(() => {
      isDrained = true;
    });
    while (!isDrained) {
      this.confirm();
      await new Promise(setImmediate);
    }
    await drained;
  }

  async close(): Promise<void> {
    opened.splice(opened.indexOf(this), 1);
    expect(await this.outbox.close(performance.now() + MINUTE)).toBe(true);
  }
}

const names = (count: number, prefix = 'e') => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const files = (folder: string) => readdirSync(folder).filter((name) => name !== 'lock');
/** A folder with events whose process has ended in order, in one segment. @returns the path of the segment */
async function leave(folder: string, ids: readonly string[], text?: (id: string) => string): Promise<string> {
  const shelf = new Shelf(folder, { segmentBytes: 2 ** 20 }, {}, 0);
  await Promise.all(ids.map((id) => shelf.put(id, text?.(id))));
  await shelf.close();
  expect(files(folder)).toHaveLength(1);
  return `${folder}/${files(folder)[0]}`;
}

it('put() resolves when the event is in a file that only we may read; all delivered, all files are gone', async () => {
  const folder = `${newFolder()}/deep/er`;
  const shelf = new Shelf(folder);
  expect(await shelf.put('a', '{"ü":1}', 'kéy')).toBe('accepted');
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const [file] = files(folder);
  expect(statSync(`${folder}/${file}`).mode & 0o777).toBe(0o600);
  expect(readFileSync(`${folder}/${file}`, 'utf8')).toContain('{"ü":1}');
  expect(shelf.taken).toMatchObject([{ id: 'a', key: 'kéy', text: '{"ü":1}', isRedelivery: false }]);
  expect(shelf.outbox.counts()).toMatchObject({ accepted: 1, outboxEvents: 1, replayed: 0 });
  await shelf.drain();
  await shelf.close();
  expect(readdirSync(folder)).toEqual(['lock']);
});

it.each(['each', 'group', 'os'] as const)(
  'what was not acknowledged comes again, in order and marked, sync %s',
  async (sync) => {
    const folder = newFolder();
    const first = new Shelf(folder, { sync, segmentBytes: 4096 });
    await Promise.all(names(300).map((id) => first.put(id)));
    expect(first.ids).toEqual(names(300));
    // Not the first ones: events of other keys are confirmed earlier.
    for (const { place, id } of first.taken) if (Number(id.slice(1)) % 3 > 0) first.outbox.onStored(place);
    await first.close();
    const second = new Shelf(folder, { sync, segmentBytes: 4096 });
    const putting = Promise.all(names(50, 'n').map((id) => second.put(id)));
    await putting;
    await second.drain();
    const left = names(300).filter((_, i) => i % 3 === 0);
    expect(second.ids).toEqual([...left, ...names(50, 'n')]);
    expect(second.taken.map(({ isRedelivery }) => isRedelivery)).toEqual([
      ...left.map(() => true),
      ...new Array(50).fill(false),
    ]);
    expect(second.outbox.counts()).toMatchObject({ replayed: 100, accepted: 50, outboxEvents: 0, outboxDamaged: 0 });
    await second.close();
    expect(files(folder)).toEqual([]);
  },
);

it('a segment is removed as soon as all of it is delivered, and only then', async () => {
  const folder = newFolder();
  const shelf = new Shelf(folder, { segmentBytes: 4096 });
  const text = 'x'.repeat(1000);
  // A segment takes what comes until it is full.
  for (const id of names(12)) await shelf.put(id, text);
  const made = files(folder).length;
  expect(made).toBeGreaterThanOrEqual(3);
  for (const { place } of shelf.taken.slice(1)) shelf.outbox.onStored(place);
  await expect.poll(() => files(folder).filter((name) => name.endsWith('.wto')).length).toBe(2);
  expect(files(folder)[0]).toMatch(/^0000000001/);
  shelf.outbox.onStored(shelf.taken[0]!.place);
  await expect.poll(() => files(folder).some((name) => name.startsWith('0000000001'))).toBe(false);
});

it('without room at the taker events wait on the disk, and come in order', async () => {
  const shelf = new Shelf(newFolder(), { segmentBytes: 16 * 1024 }, {}, 10);
  await Promise.all(names(2_000).map((id) => shelf.put(id)));
  expect(shelf.taken).toHaveLength(10);
  const late = shelf.put('late');
  await shelf.drain();
  await late;
  expect(shelf.ids).toEqual([...names(2_000), 'late']);
});

it('what is on the disk comes before what is written while the taker has no room', async () => {
  const shelf = new Shelf(newFolder(), {}, {}, 10);
  const all = names(40);
  for (let n = 0; n < 30; n += 10) await Promise.all(all.slice(n, n + 10).map((id) => shelf.put(id)));
  shelf.confirm(10);
  await expect.poll(() => shelf.taken.length).toBe(20);
  await Promise.all(all.slice(30).map((id) => shelf.put(id)));
  await shelf.drain();
  expect(shelf.ids).toEqual(all);
});

it('a small event does not overtake a large one that waits for room', async () => {
  const shelf = new Shelf(newFolder(), { maxBytes: 8192 });
  await shelf.put('first', 'x'.repeat(5_000));
  const large = shelf.put('large', 'x'.repeat(4_000));
  const small = shelf.put('small', 'x');
  await shelf.drain();
  await Promise.all([large, small]);
  await shelf.drain();
  expect(shelf.ids).toEqual(['first', 'large', 'small']);
});

it('put() resolves after the sync of the file, and of the folder when the file is new; with os after the write', async () => {
  const files = process.getBuiltinModule('node:fs') as unknown as Record<string, (...values: unknown[]) => unknown>;
  const traced = ['write', 'fdatasync', 'fsync'].map((name) => [name, files[name]!] as const);
  const ended: string[] = [];
  for (const [name, original] of traced) {
    files[name] = (...values) => {
      const done = values.pop() as (...answer: unknown[]) => void;
      return original(...values, (...answer: unknown[]) => {
        ended.push(name);
        done(...answer);
      });
    };
  }
  try {
    for (const [sync, first, later] of [
      ['group', ['write', 'fdatasync', 'fsync'], ['write', 'fdatasync']],
      ['each', ['write', 'fdatasync', 'fsync', 'write', 'fdatasync'], ['write', 'fdatasync', 'write', 'fdatasync']],
      ['os', ['write'], ['write']],
    ] as const) {
      const shelf = new Shelf(newFolder(), { sync });
      ended.splice(0);
      await Promise.all([shelf.put('a'), shelf.put('b')]);
      expect(ended.splice(0)).toEqual(first);
      await Promise.all([shelf.put('c'), shelf.put('d')]);
      expect(ended.splice(0)).toEqual(later);
    }
  } finally {
    for (const [name, original] of traced) files[name] = original;
  }
});

it('an outbox that is full refuses, or lets wait in order, and has room again when events are delivered', async () => {
  const text = 'x'.repeat(1_000);
  for (const [overflow, code] of [
    ['reject', 'WT_PUBLISH_OUTBOX_FULL'],
    ['drop-newest', 'WT_PUBLISH_DROPPED'],
  ]) {
    const shelf = new Shelf(newFolder(), { maxBytes: 16_384 }, { overflow });
    const ends = await Promise.allSettled(names(40).map((id) => shelf.put(id, text)));
    const refused = ends.filter((end) => end.status === 'rejected');
    expect(refused.length).toBeGreaterThanOrEqual(40 - 16);
    for (const { reason } of refused) expect(reason).toMatchObject({ code, details: { outcome: 'not-sent' } });
    expect(shelf.ids).toHaveLength(40 - refused.length);
    expect(shelf.outbox.counts().outboxBytes).toBeLessThanOrEqual(16_384);
    await shelf.drain();
    await expect.poll(() => shelf.put('again', text).catch((error) => error.code)).toBe('accepted');
  }
  const shelf = new Shelf(newFolder(), { maxBytes: 16_384 }, { maxWaiting: 50 });
  const puts = names(60).map((id) => shelf.put(id, text));
  const tooMany = shelf.put('one', text).then(() => shelf.put('two', text));
  await puts[0];
  expect(shelf.outbox.counts().waiting).toBeGreaterThan(30);
  expect(shelf.outbox.counts().outboxBytes).toBeLessThanOrEqual(16_384);
  await shelf.drain();
  await Promise.all(puts);
  await tooMany;
  await shelf.drain();
  expect(shelf.ids).toEqual([...names(60), 'one', 'two']);
});

it('who waits for room is refused at its deadline, at the limit of the line, and at the close', async () => {
  const text = 'x'.repeat(5_000);
  const shelf = new Shelf(newFolder(), { maxBytes: 4096 }, { maxWaiting: 2 });
  await shelf.put('one', text);
  const late = shelf.put('late', text, 'k', 20);
  const closing = shelf.put('closing', text);
  await expect(shelf.put('many', text)).rejects.toMatchObject({ code: 'WT_PUBLISH_OUTBOX_FULL' });
  await expect(late).rejects.toMatchObject({ code: 'WT_PUBLISH_NOT_SENT', details: { outcome: 'not-sent' } });
  await shelf.close();
  await expect(closing).rejects.toMatchObject({ code: 'WT_PUBLISH_NOT_SENT' });
  expect(shelf.outbox.counts()).toMatchObject({ accepted: 1, refused: 3, waiting: 0, outboxEvents: 1 });
});

it('close() puts on the disk what was published right before it', async () => {
  const folder = newFolder();
  const shelf = new Shelf(folder);
  const puts = names(100).map((id) => shelf.put(id));
  await shelf.close();
  await Promise.all(puts);
  const next = new Shelf(folder);
  await next.drain();
  expect(next.ids).toEqual(names(100));
});

it('what was left stays when the outbox is closed, or has no room, before it was read', async () => {
  const folder = newFolder();
  await leave(folder, names(50));
  const first = new Shelf(folder);
  await first.close();
  expect(first.taken).toEqual([]);
  const second = new Shelf(folder, { maxBytes: 4096, segmentBytes: 4096 }, { maxWaiting: 2 });
  const puts = names(3, 'n').map((id) => second.put(id, 'x'.repeat(3_000)).catch(({ code }) => code));
  await second.drain();
  expect(await Promise.all(puts)).toEqual(['accepted', 'accepted', 'WT_PUBLISH_OUTBOX_FULL']);
  await second.drain();
  expect(second.ids).toEqual([...names(50), 'n0', 'n1']);
});

it('a folder has one owner, who is named', async () => {
  const folder = newFolder();
  const shelf = new Shelf(folder);
  expect(() => new Shelf(folder)).toThrow(
    expect.objectContaining({ code: 'WT_PUBLISH_OUTBOX_BUSY', details: expect.objectContaining({ pid: process.pid }) }),
  );
  await shelf.close();
  new Shelf(folder);
});

it('events of another encoding are refused at the opening, and a folder that is a file', async () => {
  const folder = newFolder();
  const path = await leave(folder, names(3));
  const failed = expect.objectContaining({
    code: 'WT_PUBLISH_OUTBOX_FAILED',
    message: expect.stringMatching(/encoded as json/),
  });
  expect(() => new Shelf(folder, {}, { encoding: 'msgpack' })).toThrow(failed);
  expect(() => new Shelf(path)).toThrow(expect.objectContaining({ code: 'WT_PUBLISH_OUTBOX_FAILED' }));
  new Shelf(folder);
});

it('a file that is cut anywhere gives every event before the cut, and new ones go on', async () => {
  const folder = newFolder();
  const path = await leave(folder, names(40), (id) => id.repeat(3 + Number(id.slice(1)) * 3));
  const whole = readFileSync(path);
  const ends = recordEnds(whole);
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length }), fc.boolean(), async (length, hasZeros) => {
      for (const name of files(folder)) rmSync(`${folder}/${name}`);
      writeFileSync(path, whole.subarray(0, length));
      if (hasZeros) appendFileSync(path, Buffer.alloc(100));
      const shelf = new Shelf(folder);
      await shelf.put('new');
      await shelf.drain();
      const expected = names(ends.filter((end) => end <= length).length);
      expect(shelf.ids).toEqual([...expected, 'new']);
      expect(shelf.outbox.counts().outboxDamaged).toBeLessThanOrEqual(hasZeros && !ends.includes(length) ? 1 : 0);
      await shelf.close();
      expect(files(folder).filter((name) => !name.endsWith('.damaged'))).toEqual([]);
    }),
    { numRuns: RUNS },
  );
});

it('a file with flipped bits gives every event that is whole, in order, and is kept aside', async () => {
  const folder = newFolder();
  const path = await leave(folder, names(40), (id) => id.repeat(3 + Number(id.slice(1)) * 3));
  const whole = readFileSync(path);
  const ends = recordEnds(whole);
  const flips = fc.array(fc.nat({ max: whole.length * 8 - 1 }), { minLength: 1, maxLength: 12, size: 'max' });
  await fc.assert(
    fc.asyncProperty(flips, async (bits) => {
      for (const name of files(folder)) rmSync(`${folder}/${name}`);
      const bytes = Buffer.from(whole);
      for (const bit of bits) bytes[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path, bytes);
      const intact = names(40).filter((_, i) => isSame(whole, bytes, ends[i - 1] ?? 8, ends[i]!));
      const shelf = new Shelf(folder);
      await shelf.drain();
      expect(shelf.ids).toEqual(intact);
      const { outboxDamaged } = shelf.outbox.counts();
      await shelf.close();
      // A damaged length of the last one looks like one that was not written to its end.
      const isTold = outboxDamaged > 0 || intact.length >= 39;
      expect(isTold).toBe(true);
      if (outboxDamaged > 0) expect(files(folder)).toEqual(['0000000001.damaged']);
    }),
    { numRuns: RUNS },
  );
});

it('damaged acknowledgements bring events twice, and lose none', async () => {
  const folder = newFolder();
  const first = new Shelf(folder);
  await Promise.all(names(100).map((id) => first.put(id)));
  first.confirm(60);
  await first.close();
  const path = `${folder}/0000000001.ack`;
  const bytes = readFileSync(path);
  expect(bytes).toHaveLength(60 * 8);
  for (const at of [0, 85, 250]) bytes[at]! ^= 4;
  writeFileSync(path, bytes);
  truncateSync(path, bytes.length - 3);
  const second = new Shelf(folder);
  await expect.poll(() => second.taken.length).toBe(44);
  expect(second.ids).toEqual([0, 10, 31, 59, ...Array.from({ length: 40 }, (_, i) => 60 + i)].map((i) => `e${i}`));
  second.confirm(2);
  await second.close();
  const third = new Shelf(folder);
  await third.drain();
  expect(third.ids).toEqual(second.ids.slice(2));
});

it('a body that looks like a record is none when the one around it is damaged', async () => {
  const folder = newFolder();
  const inner = await leave(folder, ['inner']);
  const record = readFileSync(inner).subarray(8).toString('latin1');
  rmSync(inner);
  const path = await leave(folder, ['a', 'outer', 'b'], () => record);
  const bytes = readFileSync(path);
  bytes[recordEnds(bytes)[0]! + 9]! ^= 1;
  writeFileSync(path, bytes);
  const shelf = new Shelf(folder);
  await shelf.drain();
  expect(shelf.ids).toEqual(['a', 'b']);
});

it('whatever call to the disk fails: each event is delivered or refused as not sent, and never both', async () => {
  const files = process.getBuiltinModule('node:fs') as unknown as Record<string, (...values: unknown[]) => void>;
  const calledNames = [
    'open',
    'write',
    'fdatasync',
    'fsync',
    'ftruncate',
    'truncate',
    'unlink',
    'close',
    'read',
    'stat',
  ];
  const originals = calledNames.map((name) => [name, files[name]!] as const);
  const text = 'x'.repeat(300);
  for (const [code, half] of [
    ['EIO', false],
    ['ENOSPC', true],
  ] as const) {
    for (let failAt = 0, hasFailed = true; hasFailed; failAt++) {
      const folder = newFolder();
      await leave(folder, names(20, 'left'), () => text);
      let calls = 0;
      hasFailed = false;
      for (const [name, original] of originals) {
        files[name] = (...values) => {
          if (calls++ !== failAt) return original(...values);
          hasFailed = true;
          const done = values.at(-1) as (error: Error) => void;
          const fail = () => done(Object.assign(new Error(`${code}: ${name}`), { code }));
          // Half of it is written; a descriptor is closed all the same (close(2)).
          if (name === 'write' && half)
            original(values[0], values[1], values[2], Number(values[3]) >> 1, values[4], fail);
          else if (name === 'close') original(values[0], fail);
          else fail();
        };
      }
      const accepted: string[] = [];
      const refused: string[] = [];
      const first = new Shelf(folder, { segmentBytes: 4096 });
      try {
        for (let round = 0; round < 5; round++) {
          const ends = names(6, `r${round}n`).map((id) =>
            first.put(id, text).then(
              () => accepted.push(id),
              ({ details }) => refused.push(details.outcome === 'not-sent' ? id : 'not told'),
            ),
          );
          await Promise.all(ends);
          if (round < 4) first.confirm(9);
        }
        first.confirm(2);
        await first.close();
      } finally {
        for (const [name, original] of originals) files[name] = original;
      }
      const second = new Shelf(folder);
      await second.drain();
      const seen = new Set([...first.ids, ...second.ids]);
      expect(refused, `call ${failAt}`).not.toContain('not told');
      expect(
        [...seen].sort(),
        `call ${failAt} ${first.outbox.lastError} first ${first.ids} second ${second.ids}`,
      ).toEqual([...names(20, 'left'), ...accepted].sort());
      expect(refused.length, `call ${failAt}`).toBeLessThanOrEqual(6);
      const isInOrder = (ids: string[]) => {
        const places = ids.map((id) => [...names(20, 'left'), ...accepted].indexOf(id));
        return places.every((place, i) => i === 0 || place > places[i - 1]!);
      };
      expect(isInOrder(first.ids) && isInOrder(second.ids), `call ${failAt}`).toBe(true);
      expect(second.outbox.counts().outboxDamaged).toBe(0);
      await second.close();
      expect(readdirSync(folder), `call ${failAt}`).toEqual(['lock']);
    }
  }
});

it('wrong options are refused by name', () => {
  const make = (options: object) => () => new RedisPublisher({ url: 'redis://127.0.0.1:1', ...options });
  expect(make({ delivery: 'outbox' })).toThrow(/outbox: \{ folder \}/);
  expect(make({ delivery: 'outbox', outbox: {} })).toThrow(/outbox.folder/);
  expect(make({ outbox: { folder: 'x' } })).toThrow(/outbox needs delivery/);
  expect(make({ delivery: 'outbox', outbox: { folder: 'x', size: 1 } })).toThrow(/size/);
  expect(make({ delivery: 'outbox', outbox: { folder: 'x', maxBytes: 1 } })).toThrow(/outbox.maxBytes/);
  expect(make({ delivery: 'outbox', outbox: { folder: 'x', segmentBytes: 1 } })).toThrow(/outbox.segmentBytes/);
  expect(make({ delivery: 'outbox', outbox: { folder: 'x', sync: 'never' } })).toThrow(/outbox.sync/);
  expect(make({ delivery: 'outbox', outbox: { folder: 'x' }, overflow: 'drop-oldest' })).toThrow(/drop-oldest/);
});

/** By the description of the format, not by our reader. */
function recordEnds(file: Buffer): number[] {
  const ends: number[] = [];
  for (let at = 8; at < file.length; ends.push(at)) at += 8 + file.readUInt32LE(at + 4);
  return ends;
}

function isSame(a: Buffer, b: Buffer, from: number, to: number): boolean {
  return a.subarray(from, to).equals(b.subarray(from, to));
}
