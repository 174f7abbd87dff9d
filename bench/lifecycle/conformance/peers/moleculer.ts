import type { Peer } from './peer.js';

interface Broker {
  createService(schema: object): unknown;
  start(): Promise<void>;
  stop(): Promise<void>;
}

async function makeBroker(): Promise<Broker> {
  const { default: moleculer } = await import('moleculer');
  const { ServiceBroker } = moleculer as unknown as { ServiceBroker: new (options: object) => Broker };
  return new ServiceBroker({ logger: false, skipProcessEventRegistration: true, registry: { stopDelay: 0 } });
}

export const moleculer: Peer = {
  name: 'moleculer 0.14',
  package: 'moleculer',
  remarks: {
    'two-throw-both-reported': 'its logger prints the first',
    'sync-throw-in-release': 'its logger prints it',
  },
  scope: [
    {
      how: 'stopped() of services',
      without: {
        'add-after-close': 'a service that is made later is not started, and holds nothing',
        'add-while-closing': 'a service that is made later is not started, and holds nothing',
      },
      kind: {
        async open() {
          const broker = await makeBroker();
          let before: string | undefined;
          return {
            add(name, release) {
              broker.createService({
                name,
                dependencies: before === undefined ? [] : [before],
                stopped: () => release(),
              });
              before = name;
            },
            ready: () => broker.start(),
            close: () => broker.stop(),
          };
        },
      },
    },
  ],
  startup: [
    {
      how: 'started() and stopped() of services',
      kind: {
        async open() {
          const broker = await makeBroker();
          let before: string | undefined;
          return {
            step(name, start, stop) {
              const dependencies = before === undefined ? [] : [before];
              broker.createService({ name, dependencies, started: () => start(), stopped: () => stop() });
              before = name;
            },
            start: () => broker.start(),
            close: () => broker.stop(),
          };
        },
      },
    },
  ],
};
