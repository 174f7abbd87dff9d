// A migration takes a lock for each tenant, and gives it back on every path.
import { lease } from 'watertight/leases';

async function lockTenant(tenant) {
  return lease.lock(`tenant-${process.pid}-${tenant}`);
}

export default async (iteration) => {
  const lock = await lockTenant(iteration);
  try {
    if (iteration % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  } finally {
    lock.release();
  }
};
