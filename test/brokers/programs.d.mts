export type ProgramName =
  | 'redis-server'
  | 'redis-cli'
  | 'nats-server'
  | 'kcat'
  | 'librdkafka'
  | 'rabbitmq-server'
  | 'rabbitmqctl'
  | 'epmd';
export function missingPackages(): string[];
export function programPath(name: ProgramName): string;
