import { constants, PerformanceObserver } from 'node:perf_hooks';

/** Called with the time at which a collection of the whole heap began, on the scale of `performance.now()`. */
type Listener = (startedAt: number) => void;

const listeners = new Set<Listener>();
let observer: PerformanceObserver | null = null;

/**
 * Tells of each collection of the whole heap in this thread, shortly after it. Node is asked to watch only while somebody
 * listens. Returns what ends it.
 */
export function onMajorCollection(listener: Listener): () => void {
  listeners.add(listener);
  if (observer === null) {
    observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { detail, startTime } = entry as typeof entry & { readonly detail?: { readonly kind?: number } };
        if (detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) tell(startTime);
      }
    });
    observer.observe({ entryTypes: ['gc'] });
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    observer?.disconnect();
    observer = null;
  };
}

function tell(startedAt: number): void {
  for (const listener of [...listeners]) listener(startedAt);
}
