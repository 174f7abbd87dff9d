/**
 * What is true of each program in `programs/`: whether it leaks, as which kind, how much for each iteration, and a
 * name that a report must contain somewhere. `perIteration` is there only where the count is exact (objects,
 * elements, listeners, descriptors …). No culprit matches the name of its own file, so the path alone never passes.
 */

/** @typedef {{ file: string, truth: 'leak' | 'clean', kind?: string, perIteration?: number, culprit?: RegExp }} Program */

/** @returns {Program} */
const leak = (file, kind, perIteration, culprit) => ({ file, truth: 'leak', kind, perIteration, culprit });

const leaky = [
  leak('abort-listeners.leaky.mjs', 'listener', 1, /callBackend|shutdown/),
  leak('array-doubles.leaky.mjs', 'growing-container', 2, /latenciesMs|measure/),
  leak('array-ints.leaky.mjs', 'growing-container', 1, /statistics|totals/),
  leak('async-context.leaky.mjs', 'heap-objects', 0.25, /pendingFlushes|RequestContext|handle/),
  leak('blocks.leaky.mjs', 'block', 0.008, /blocks of pools/),
  leak('buffer-concat.leaky.mjs', 'external-memory', undefined, /exported|appendRow/),
  leak('buffers.leaky.mjs', 'external-memory', 0.05, /invoices|renderInvoice/),
  leak('children.leaky.mjs', 'child-process', 0.01, /sleep|startHelper/),
  leak('closures.leaky.mjs', 'heap-objects', 1, /undoSteps|rememberUndo/),
  leak('cons-log.leaky.mjs', 'heap-objects', undefined, /report|appendLine/),
  leak('descriptors.leaky.mjs', 'file-descriptor', 0.05, /readTemplate|order\.mjs/),
  leak('dictionary.leaky.mjs', 'heap-objects', 1, /openCart/),
  leak('emitter-listeners.leaky.mjs', 'listener', 1, /priceBus|onPrice|followPrices/),
  leak('event-graph.leaky.mjs', 'heap-objects', 1, /Guest|seat|restaurant/),
  leak('finalizers.leaky.mjs', 'heap-objects', 1, /TenantConnection|openConnection|registry/),
  leak('forty-bytes.leaky.mjs', 'heap-objects', 1, /Tick|ticks/),
  leak('intervals.leaky.mjs', 'timer', 0.25, /startReminder/),
  leak('large-heap.leaky.mjs', 'heap-objects', 1, /Search|searches/),
  leak('leases.leaky.mjs', 'lease', 0.05, /lockTenant|tenant/),
  leak('linked-list.leaky.mjs', 'heap-objects', 1, /PricePoint|market|previous/),
  leak('map-ints.leaky.mjs', 'growing-container', 1, /centsByOrder/),
  leak('memory-files.leaky.mjs', 'shared-memory', 0.05, /sharePicture/),
  leak('native-memory.leaky.mjs', 'native-memory', undefined, undefined),
  leak('objects.leaky.mjs', 'heap-objects', 1, /AuditRecord|auditTrail/),
  leak('onset-orders.leaky.mjs', 'heap-objects', 1, /Retry|retries|sendToWarehouse/),
  leak('onset-time.leaky.mjs', 'listener', 1, /door|onEnter|waitForCustomer/),
  leak('private-field.leaky.ts', 'heap-objects', 1, /PendingCall|#inFlight|PaymentGateway/),
  leak('promise-race.leaky.mjs', 'unsettled-promise', 1, /untilShutdown|shutdownRequested/),
  leak('promises.leaky.mjs', 'unsettled-promise', 0.5, /confirm|awaitingConfirmation/),
  leak('random-failures.leaky.mjs', 'heap-objects', 0.05, /FailedOrder|fail\b/),
  leak('request-log.leaky.mjs', 'heap-objects', 1, /LoggedRequest|requestLog/),
  leak('segments.leaky.mjs', 'shared-memory', 0.05, /sharePicture|watertight-corpus/),
  leak('sessions.leaky.mjs', 'heap-objects', 0.02, /ShopSession|visit/),
  leak('set-strings.leaky.cjs', 'heap-objects', 1, /seenRequests/),
  leak('sockets.leaky.mjs', 'socket', undefined, /printLabel|printer|127\.0\.0\.1/),
  leak('strings.leaky.mjs', 'heap-objects', 1, /rawBodies|keepBody/),
  leak('swapped-descriptors.leaky.mjs', 'file-descriptor', 0.02, /swapTemplate|order\.mjs/),
  leak('target-listeners.leaky.mjs', 'listener', 0.25, /OrderView|store/),
  leak('temp-files.leaky.mjs', 'temp-file', 0.1, /spoolUpload|watertight-corpus/),
  leak('ttl-and-leak.leaky.mjs', 'heap-objects', 0.2, /Ticket|favourites/),
  leak('typed-arrays.leaky.mjs', 'external-memory', 0.125, /embeddings|embed\b/),
  leak('unref-timeouts.leaky.mjs', 'timer', 1, /withDeadline/),
  leak('workers.leaky.mjs', 'thread', 0.01, /writeReport|Worker/),
];

/** Each leaky program has a twin that does the same work and lets go. */
const twins = leaky.map(({ file }) => file.replace('.leaky.', '.clean.'));

/** These have no twin: a test that only looks for growth calls them leaking. */
const lookalikes = [
  'abort-timeout',
  'batch-writer',
  'buffer-pool',
  'cache-early',
  'cache-filling',
  'console-log',
  'histogram',
  'interning',
  'jit-warmup',
  'keep-alive',
  'late-init',
  'lazy-modules',
  'memoize',
  'object-pool',
  'ring-buffer',
  'sawtooth',
  'ttl-lazy',
  'ttl-timeout',
  'weak-refs',
].map((name) => `${name}.clean.mjs`);

/** @type {Program[]} */
export default [
  ...leaky,
  ...[...twins, ...lookalikes].map((file) => ({ file, truth: /** @type {const} */ ('clean') })),
];
