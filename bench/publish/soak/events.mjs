const EVENTS = 20;
const RUNS = 100;

/** Where the broker is: `host:port`, or a URL; nothing for a console. */
export const url = process.env.WT_BROKER_URL ?? '';

/** Nobody listens there. */
const isAway = process.env.WT_BROKER_AWAY === '1';

/** What a program gives that must not wait for a broker which is away. */
export const options = isAway
  ? { delivery: 'memory', overflow: 'drop-oldest', maxBufferedEvents: 100, publishTimeoutMs: 2_000 }
  : {};

/** Without a broker that could be away, it is the reader that rests. */
export const isRead = !isAway;

/** One iteration publishes and awaits 20 events, as nodes of a run do. */
export function scenario(open) {
  let publisher;
  return {
    setup() {
      publisher = open();
    },
    async iteration(n) {
      const publishes = Array.from({ length: EVENTS }, (_, index) =>
        publisher.publish({
          event: 'node_execution',
          eventType: 'progress',
          runId: `run-${n % RUNS}`,
          nodeName: 'plan',
          data: { index, text: 'x'.repeat(100) },
        }),
      );
      await Promise.all(publishes);
    },
    async teardown() {
      await publisher.close({ timeoutMs: 1_000 });
    },
  };
}
