import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatOwnerUid, isOwnerUid, parseLeaseName, parseOwnerUid } from './lease-name.js';

const number = (most: number) => fc.integer({ min: 0, max: most });

it('an owner uid reads as what it was made of, and fits 48 characters', () => {
  const uids = fc.record({
    pid: number(2 ** 22),
    threadId: number(2 ** 22),
    startTicks: number(2 ** 45),
    pidSpace: number(2 ** 32),
  });
  fc.assert(
    fc.property(uids, number(36 ** 7 - 1), (uid, nonce) => {
      const text = formatOwnerUid(uid, nonce);
      expect(parseOwnerUid(text)).toEqual(uid);
      expect(isOwnerUid(text) && text.length <= 48).toBe(true);
      const name = `wt.0123abcd.${text}.7.segment.kv-1`;
      expect(parseLeaseName(name)).toEqual({ boot: '0123abcd', ownerUid: text, kind: 'segment', label: 'kv-1' });
      expect(parseLeaseName(`wt.0123abcd.${text}.owner`)?.kind).toBe('owner');
    }),
  );
});

it('no other name is one of a lease', () => {
  for (const name of [
    '',
    '.',
    '..',
    'wt',
    'wt.0123abcd.1-2-3-4-5.7',
    'wt.0123abcd.1-2-3-4-5.7.pool',
    'wt.0123abcd.1-2-3-4.7.segment',
    'wt.0123ABCD.1-2-3-4-5.7.segment',
    'wt.0123abcd.1-2-3-4-5.7.segment.',
    'wt.0123abcd.1-2-3-4-5.7.segment.a/b',
    'wt.0123abcd.1-2-3-4-5.7.segment.a\n',
    'x.wt.0123abcd.1-2-3-4-5.owner',
  ]) {
    expect(parseLeaseName(name), name).toBeUndefined();
  }
  fc.assert(fc.property(fc.string(), (name) => parseLeaseName(name) === undefined));
});
