/** What arrived at a broker, as a tool that is not ours has read it. */
export interface Received {
  /** By which the broker knows it: entry of a stream, `partition:offset`, sequence; of RabbitMQ the message's own. */
  readonly id?: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

export type OnMessage = (message: Received) => void;

/** Ends a subscription; it ends with its broker too. */
export type Unsubscribe = () => Promise<void>;
