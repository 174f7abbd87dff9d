/** Shared by all copies of this package in an isolate: the observer of a soak brings its own. */
const REGISTRY = Symbol.for('watertight.gauges');

interface Gauge {
  readonly name: string;
  readonly owner: WeakRef<object>;
  readonly read: (owner: never) => number;
}

/**
 * Tells whoever watches this isolate a number of `owner`, read only when asked; it keeps the owner alive by nothing.
 * Returns the function that takes it back.
 */
export function registerGauge<T extends object>(name: string, owner: T, read: (owner: T) => number): () => void {
  const gauges = registry();
  for (const other of gauges) if (other.owner.deref() === undefined) gauges.delete(other);
  const gauge: Gauge = { name, owner: new WeakRef(owner), read };
  gauges.add(gauge);
  return () => void gauges.delete(gauge);
}

/** The sum of all gauges of a name in this isolate; one that throws counts as 0. */
export function readGauge(name: string): number {
  let sum = 0;
  for (const { name: other, owner, read } of registry()) {
    const target = other === name ? owner.deref() : undefined;
    if (target) sum += numberOf(() => read(target as never));
  }
  return sum;
}

function registry(): Set<Gauge> {
  const globals = globalThis as { [REGISTRY]?: Set<Gauge> };
  globals[REGISTRY] ??= new Set();
  return globals[REGISTRY];
}

function numberOf(read: () => unknown): number {
  try {
    const value = read();
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
  } catch {
    return 0;
  }
}
