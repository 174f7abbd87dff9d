// A pool of ten, one taken and given back at a time.
const create = async () => ({ open: true });
const destroy = async () => {};
const MAX = 10;

export const pools = {
  'watertight Pool': async () => {
    const { Pool } = await import('../../../dist/pool/index.js');
    const pool = new Pool({ name: 'bench', create, destroy, min: 1, max: MAX });
    return async (count) => {
      for (let i = 0; i < count; i++) (await pool.acquire()).release();
    };
  },
  'an array and await': async () => {
    const free = [await create()];
    return async (count) => {
      for (let i = 0; i < count; i++) free.push(await free.pop());
    };
  },
  'generic-pool': async () => {
    const { createPool } = await import('generic-pool');
    const pool = createPool({ create, destroy }, { min: 1, max: MAX });
    return async (count) => {
      for (let i = 0; i < count; i++) await pool.release(await pool.acquire());
    };
  },
  tarn: async () => {
    const { Pool } = await import('tarn');
    const pool = new Pool({ create, destroy, min: 1, max: MAX });
    return async (count) => {
      for (let i = 0; i < count; i++) pool.release(await pool.acquire().promise);
    };
  },
  'lightning-pool': async () => {
    const { createPool } = await import('lightning-pool');
    const pool = createPool({ create, destroy }, { min: 1, max: MAX });
    return async (count) => {
      for (let i = 0; i < count; i++) pool.release(await pool.acquire());
    };
  },
  'effect 4 Pool': async () => {
    const { Effect, Pool } = await import('effect4');
    return (count) =>
      Effect.runPromise(
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* Pool.make({ acquire: Effect.promise(create), size: MAX });
            const one = Effect.scoped(Pool.get(pool));
            for (let i = 0; i < count; i++) yield* one;
          }),
        ),
      );
  },
};
