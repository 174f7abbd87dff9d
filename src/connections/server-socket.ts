import { kindOf } from '../core/index.js';

/** `readyState` of a socket that sends and receives. */
export const OPEN = 1;

/** What is used of a `WebSocket` of the package `ws`, 8 or later, on the side of the server. */
export interface ServerSocket {
  readonly readyState: number;
  readonly bufferedAmount: number;
  send(data: string | Uint8Array, options: { binary: boolean }, written: (error?: Error | null) => void): void;
  ping(): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  on(event: string, listener: (...given: never[]) => void): unknown;
  off(event: string, listener: (...given: never[]) => void): unknown;
}

/** @throws TypeError for what is no such socket: it would never say that it has closed */
export function checkSocket(socket: ServerSocket): void {
  const { on, send, close, readyState } = Object(socket) as Partial<ServerSocket>;
  if ([on, send, close].every((method) => typeof method === 'function') && typeof readyState === 'number') return;
  throw new TypeError(
    `registry.attach(socket): socket must be an open WebSocket of the package ws, not ${kindOf(socket)}`,
  );
}

/** Close codes of RFC 6455, section 7.4.1, and of the registry that it founded. */
export const CLOSE_CODE = {
  goingAway: 1001,
  tooBig: 1009,
  internalError: 1011,
  tryAgainLater: 1013,
} as const;
