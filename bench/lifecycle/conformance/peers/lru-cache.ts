import type { CacheKind } from '../kinds/cache.js';
import type { Peer } from './peer.js';

const cache = (hook: 'dispose' | 'disposeAfter'): CacheKind => ({
  async open(capacity, release) {
    const { LRUCache } = await import('lru-cache');
    const one = new LRUCache<string, string>({ max: capacity, [hook]: (value: string) => release(value) });
    return { set: (key, value) => void one.set(key, value), close: () => one.clear() };
  },
});

export const lruCache: Peer = {
  name: 'lru-cache 11',
  package: 'lru-cache',
  cache: [
    { how: 'dispose, then clear()', kind: cache('dispose') },
    { how: 'disposeAfter, then clear()', kind: cache('disposeAfter') },
  ],
};
