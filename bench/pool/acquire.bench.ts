// What does it cost to borrow an idle resource and give it back? One borrower at a time, ten resources.
// Run: npm run build && npx tsx bench/pool/acquire.bench.ts   (rivals: npm ci --prefix bench/lifecycle)
import { Pool } from '../../dist/pool/index.js';
import { peer, race } from '../rivals.js';

const LOANS = 10_000;
const MAX = 10;
const FLOOR_NS = 300;
const create = async () => ({});
const destroy = async () => {};

/** Keeps the process for no pool's sake. */
const borrow =
  <L>(acquire: () => PromiseLike<L>, release: (loan: L) => unknown) =>
  async () => {
    for (let n = 0; n < LOANS; n++) release(await acquire());
  };

await race(
  import.meta.url,
  [
    {
      name: 'watertight',
      prepare: () => {
        const pool = new Pool({ max: MAX, create, destroy });
        return borrow(
          () => pool.acquire(),
          (loan) => loan.release(),
        );
      },
    },
    {
      name: 'watertight, loans limited to 30 s',
      prepare: () => {
        const pool = new Pool({ max: MAX, create, destroy, leaseTimeoutMs: 30_000 });
        return borrow(
          () => pool.acquire(),
          (loan) => loan.release(),
        );
      },
    },
    {
      name: 'watertight, each validated',
      prepare: () => {
        const pool = new Pool({ max: MAX, create, destroy, validate: () => true });
        return borrow(
          () => pool.acquire(),
          (loan) => loan.release(),
        );
      },
    },
    {
      name: 'an array, awaited',
      prepare: () => {
        const idle: object[] = [{}];
        return borrow(
          async () => idle.pop()!,
          (one) => idle.push(one),
        );
      },
    },
    {
      name: 'lightning-pool',
      prepare: async () => {
        const pool = (await peer('lightning-pool')).createPool({ create, destroy }, { max: MAX });
        return borrow(
          () => pool.acquire(),
          (one) => pool.release(one),
        );
      },
    },
    {
      name: 'generic-pool',
      prepare: async () => {
        const pool = (await peer('generic-pool')).default.createPool({ create, destroy }, { max: MAX });
        return borrow(
          () => pool.acquire(),
          (one) => pool.release(one),
        );
      },
    },
    {
      name: 'tarn',
      prepare: async () => {
        const pool = new (await peer('tarn')).Pool({ create, destroy, validate: () => true, min: 0, max: MAX });
        return borrow(
          () => pool.acquire().promise,
          (one) => pool.release(one),
        );
      },
    },
  ],
  LOANS,
  'a loan, taken and given back',
  FLOOR_NS,
);
