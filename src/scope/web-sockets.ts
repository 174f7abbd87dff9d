import { monotonicMs, settleBy } from '../core/index.js';
import type { ReleaseContext } from './entry.js';

/** RFC 6455, section 7.4.1: the server is going away. */
const GOING_AWAY = 1001;

/** What is used of a server of the `ws` package, which is not loaded for it. */
export interface WebSocketServerLike {
  readonly clients: Set<{
    close(code: number): void;
    terminate(): void;
    once(event: 'close', listener: () => void): void;
  }>;
  close(callback: (error?: Error) => void): void;
  handleUpgrade(...args: never[]): unknown;
}

export function isWebSocketServer(resource: object): resource is WebSocketServerLike {
  const { clients, handleUpgrade } = resource as Partial<WebSocketServerLike>;
  return clients instanceof Set && typeof handleUpgrade === 'function';
}

/** Takes no more clients, says goodbye to those that are there, and cuts those that have not answered in half of the time. */
export async function endWebSocketServer(server: WebSocketServerLike, { deadlineAt }: ReleaseContext): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const gone = [...server.clients].map((client) => {
    const left = new Promise<void>((resolve) => client.once('close', resolve));
    client.close(GOING_AWAY);
    return left;
  });
  const now = monotonicMs();
  await settleBy(Promise.all(gone), now + (deadlineAt - now) / 2);
  for (const client of server.clients) client.terminate();
  await closed;
}
