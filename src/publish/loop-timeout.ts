/** Parts of which a limit is made: a loop that was blocked for any time has used up one of them. */
const PARTS = 8;

/**
 * Calls back after `ms` in which the event loop could have seen an answer: while the program blocks it, answers wait in
 * sockets, and nobody is late but the program. Gives the function that takes it back.
 */
export function loopTimeout(ms: number, onLate: () => void): () => void {
  const partMs = Math.max(1, ms / PARTS);
  let left = PARTS;
  const tick = () => {
    if (--left > 0) timer = setTimeout(tick, partMs);
    else onLate();
  };
  let timer = setTimeout(tick, partMs);
  return () => clearTimeout(timer);
}
