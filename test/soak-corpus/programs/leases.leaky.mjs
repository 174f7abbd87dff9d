// A migration takes a lock for each tenant; every twentieth is never given back.
import { lease } from 'watertight/leases';

const held = [];

async function lockTenant(tenant) {
  return lease.lock(`tenant-${process.pid}-${tenant}`);
}

export default async (iteration) => {
  const lock = await lockTenant(iteration);
  if (iteration % 20 === 0) held.push(lock);
  else lock.release();
};
