import { plainText } from '../core/index.js';
import { ConsolePublisher, type ConsolePublisherOptions } from './console-publisher.js';
import { KafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.js';
import { NatsPublisher, type NatsPublisherOptions } from './nats-publisher.js';
import { connectError } from './publish-errors.js';
import type { Publisher, PublisherOptions } from './publisher.js';
import { RabbitMQPublisher, type RabbitMQPublisherOptions } from './rabbitmq-publisher.js';
import { RedisPublisher, type RedisPublisherOptions } from './redis-publisher.js';

/** What publishers have in common, and what that of the URL has beside; its own names are refused by the others. */
export type CreatePublisherOptions = PublisherOptions & Readonly<Record<string, unknown>>;

/** A URL in parts: one of Kafka names several hosts, which `URL` does not read. */
interface Place {
  /** Without the part that begins with `?`. */
  readonly url: string;
  /** As `host:port`. */
  readonly hosts: readonly string[];
  /** Without its first `/`. */
  readonly path: string;
}

interface Kind {
  /** Options that may stand behind the `?`, and how they are read. */
  readonly query: Readonly<Record<string, (text: string) => unknown>>;
  /** The class checks what it is given. */
  readonly make: (place: Place, options: never) => Publisher;
}

const text = (value: string) => value;
const whole = (value: string) => (/^\d{1,15}$/.test(value) ? Number(value) : value);
const flag = (value: string) => (value === 'true' || value === 'false' ? value === 'true' : value);

const REDIS: Kind = {
  query: { mode: text, stream: text, channel: text, maxlen: whole },
  make: ({ url }, options: RedisPublisherOptions) => new RedisPublisher({ ...options, url }),
};
const NATS: Kind = {
  query: { mode: text, subject: text, stream: text, declare: flag },
  make: ({ url }, options: NatsPublisherOptions) => new NatsPublisher({ ...options, url }),
};
const KAFKA: Kind = {
  query: { clientId: text, compression: text },
  make: ({ hosts, path }, options: KafkaPublisherOptions) =>
    new KafkaPublisher({ ...options, brokers: hosts, ...(path === '' ? {} : { topic: path }) }),
};
const RABBITMQ: Kind = {
  query: { exchange: text, routingKey: text, exchangeType: text, declare: flag, durable: flag, mandatory: flag },
  make: ({ url }, options: RabbitMQPublisherOptions) => new RabbitMQPublisher({ ...options, url }),
};
const CONSOLE: Kind = {
  query: { format: text, indent: whole, includeTimestamp: flag },
  make: (_, options: ConsolePublisherOptions) => new ConsolePublisher(options),
};

/** By scheme: one entry a kind. */
const KINDS: Readonly<Record<string, Kind>> = {
  redis: REDIS,
  rediss: REDIS,
  nats: NATS,
  tls: NATS,
  kafka: KAFKA,
  amqp: RABBITMQ,
  amqps: RABBITMQ,
  console: CONSOLE,
};

/** scheme `:` [`//` [user`@`] hosts] [path] [`?` query] */
const PARTS = /^([a-z][a-z0-9+.-]*):(?:\/\/(?:[^/?#]*@)?([^/?#]*))?(\/?[^?#]*)(?:\?([^#]*))?$/i;

/**
 * The publisher for a URL, for configurations that hold one: `redis://host?mode=pubsub`, `rediss://host?stream=orders`,
 * `nats://host?subject=orders.events`, `tls://host`, `console:?format=text`.
 * An option that is given counts for more than one in the URL.
 *
 * @throws WatertightError WT_PUBLISH_CONNECT_URL; what the publisher's class throws
 *
 * @example
 * const publisher = createPublisher(process.env.EVENTS_URL ?? 'console:?format=text');
 */
export function createPublisher(url: string, options: CreatePublisherOptions = {}): Publisher {
  const parts = typeof url === 'string' ? PARTS.exec(url) : null;
  const schemes = Object.keys(KINDS);
  if (!parts)
    throw connectError(
      'WT_PUBLISH_CONNECT_URL',
      'a broker',
      'its url cannot be read',
      `give a url that begins with ${schemes[0]}://`,
    );
  const [, scheme = '', hosts = '', path = '', query = ''] = parts;
  const name = scheme.toLowerCase();
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
  if (!kind) {
    const hint = `give a url that begins with ${schemes.map((known) => `${known}:`).join(', ')}`;
    throw connectError(
      'WT_PUBLISH_CONNECT_URL',
      `${plainText(scheme, 40)}:`,
      'no publisher is known for this scheme',
      hint,
    );
  }
  const place: Place = {
    url: url.replace(/\?.*$/s, ''),
    hosts: hosts.split(',').filter(Boolean),
    path: path.replace(/^\//, ''),
  };
  return kind.make(place, { ...optionsIn(query, kind, `${name}:`), ...options } as never);
}

function optionsIn(query: string, kind: Kind, target: string): Record<string, unknown> {
  const known = Object.keys(kind.query);
  const options: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(query)) {
    const read = Object.hasOwn(kind.query, name) ? kind.query[name] : undefined;
    if (!read) {
      const hint = `options in such a url are ${known.join(', ')}; give others as options`;
      // Another text may be part of a password that was not escaped.
      const told = /^[a-z]{1,20}$/i.test(name) ? ` ${name}` : '';
      throw connectError('WT_PUBLISH_CONNECT_URL', target, `its url has an option${told} that is not known`, hint);
    }
    options[name] = read(value);
  }
  return options;
}
