import type { LeakKind } from '../leaks/index.js';

interface Advice {
  readonly pattern: string;
  readonly hint: string;
}

interface Facts {
  readonly className: string;
  readonly bounds?: readonly { readonly kind: string; readonly name: string; readonly value: number }[];
}

/** The pattern behind a leak and what mends it, in words for the person who will. */
export function adviceFor(kind: LeakKind, facts: Facts, pathText: string): Advice {
  switch (kind) {
    case 'listener':
      return {
        pattern: 'listener pile-up',
        hint: `Each pass adds a listener to ${ownerOf(pathText)} and none is removed: remove it when its request ends (off, { once: true }, an AbortSignal), or register it once outside.`,
      };
    case 'timer':
      return timerAdvice(facts);
    case 'unsettled-promise':
      return {
        pattern: 'unsettled promise',
        hint: 'Something waits for a promise that nobody settles: settle it on every path, or give the wait a deadline.',
      };
    case 'growing-container':
      return {
        pattern: 'unbounded collection',
        hint: `${ownerOf(pathText)} gets entries and never loses any: delete them when they are done with, or give it a limit.`,
      };
    case 'external-memory':
      return {
        pattern: 'buffers kept',
        hint: 'The bytes live outside the heap and stay while their Buffer or ArrayBuffer is reachable: drop the reference, or copy the few bytes that are needed (a small slice keeps its whole parent).',
      };
    case 'native-memory':
      return {
        pattern: 'native growth',
        hint: 'Resident memory grows outside the JavaScript heap: look for native add-ons and for handles (zlib, crypto, TLS) that are never closed.',
      };
    case 'child-process':
      return {
        pattern: 'child process without end',
        hint: 'Children are started and not ended: kill or await each one when its work is done, on every path.',
      };
    case 'thread':
      return {
        pattern: 'worker without end',
        hint: 'Workers are started and not ended: call worker.terminate() when done, or keep a pool of fixed size.',
      };
    case 'socket':
      return {
        pattern: 'socket left open',
        hint: 'Connections are opened and not closed: destroy or end them on every path, and consume or cancel response bodies.',
      };
    case 'file-descriptor':
      return {
        pattern: 'descriptor left open',
        hint: 'Files are opened and not closed: close them in a finally block, also when reading fails.',
      };
    case 'temp-file':
      return {
        pattern: 'temporary files left behind',
        hint: 'Files are made in the temporary folder and not removed: unlink them when done, or make one folder and remove it at the end.',
      };
    case 'shared-memory':
      return {
        pattern: 'segments left behind',
        hint: 'Segments are made and not closed: close (or unlink) each when its last user is done, or hand it to a scope.',
      };
    case 'lease':
      return {
        pattern: 'lease without end',
        hint: 'Sockets, children or locks are leased and not released: hand each to a scope, or release it when its work is done.',
      };
    case 'block':
      return {
        pattern: 'blocks never freed',
        hint: 'Blocks of a pool are allocated and not freed: free them on every path, or the whole agent (freeAgent) when its work ends.',
      };
    case 'handle':
      return { pattern: 'handle left open', hint: 'Handles are opened and not closed: close them on every path.' };
    default:
      return {
        pattern: 'unbounded collection',
        hint: `${ownerOf(pathText)} keeps every ${facts.className} for good: remove entries when they are done with, or bound it (ring buffer, LRU cache).`,
      };
  }
}

function timerAdvice({ bounds = [] }: Facts): Advice {
  const once = bounds.find(({ kind }) => kind === 'timer');
  const until = once ? ` Each one lives until its ${Math.round(once.value / 1000)} s are over.` : '';
  return {
    pattern: 'forgotten timer',
    hint: `Timers are set and not cleared, and each keeps its callback and all that this captures.${until} Call clearTimeout or clearInterval when the work ends, however it ends.`,
  };
}

/**
 * The container of a path: `bus` of `bus._events.message[] → item`, `history` of `store.add → history[]`. The list is
 * what grows; what keeps a call comes before it, what its entries keep behind it.
 */
function ownerOf(pathText: string): string {
  const steps = pathText.split(' → ');
  const list = steps.findLast((step) => /\[\]…?$/.test(step)) ?? steps.at(-1)!;
  const owner = list
    .replace(/(\._events|\[Symbol\(kEvents\)\]).*$/, '')
    .replace(/(\[\])+…?$/, '')
    .replace(/…$/, '');
  return owner === '' ? 'its holder' : owner;
}
