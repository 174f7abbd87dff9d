// Pools of resources.
import type { LoansKind } from '../kinds/loans.js';
import type { Peer } from './peer.js';

const make = async () => ({ opened: true });

const genericLoans: LoansKind = {
  async open({ closeMs }) {
    const { createPool } = await import('generic-pool');
    // Its types do not know the last one.
    const options = { max: 1, min: 0, destroyTimeoutMillis: closeMs };
    const pool = createPool({ create: make, destroy: async () => {} }, options);
    return {
      async take() {
        const one = await pool.acquire();
        return { giveBack: () => pool.release(one) };
      },
      free: async () => pool.acquire(),
      close: () => pool.drain().then(() => pool.clear()),
    };
  },
};

const tarnLoans: LoansKind = {
  async open({ closeMs }) {
    const { Pool } = await import('tarn');
    const pool = new Pool({ create: make, destroy: async () => {}, min: 0, max: 1, destroyTimeoutMillis: closeMs });
    return {
      async take() {
        const one = await pool.acquire().promise;
        return { giveBack: () => pool.release(one) };
      },
      free: () => pool.acquire().promise,
      close: () => pool.destroy(),
    };
  },
};

const lightningLoans = (limited: boolean): LoansKind => ({
  async open({ closeMs }) {
    const { createPool } = await import('lightning-pool');
    const pool = createPool<{ opened: boolean }>({ create: make, destroy: async () => {} }, { max: 1, min: 0 });
    return {
      async take() {
        const one = await pool.acquire();
        return { giveBack: () => pool.releaseAsync(one) };
      },
      free: () => pool.acquire(),
      close: () => (limited ? pool.closeAsync(closeMs) : pool.closeAsync()),
    };
  },
});

export const genericPool: Peer = { name: 'generic-pool', package: 'generic-pool', loans: [{ kind: genericLoans }] };
export const tarn: Peer = { name: 'tarn', package: 'tarn', loans: [{ kind: tarnLoans }] };
export const lightningPool: Peer = {
  name: 'lightning-pool',
  package: 'lightning-pool',
  loans: [
    { how: 'close(terminateWait)', kind: lightningLoans(true) },
    { how: 'close()', for: ['leaked-loan-close-bounded'], kind: lightningLoans(false) },
  ],
};
