import type { Socket } from 'node:net';
import { StringDecoder } from 'node:string_decoder';

/** Longest line that is accepted; a peer that sends more is cut off. Largest honest message: a sample of 65,536 names. */
const MAX_LINE_CHARS = 64 * 2 ** 20;

/**
 * Newline-delimited JSON over a local socket. The other side is an observed program and may send anything:
 * what is not an object in JSON is dropped, an endless line closes the channel.
 */
export class Channel<Incoming extends object, Outgoing extends object> {
  readonly socket: Socket;
  #rest = '';
  readonly #decoder = new StringDecoder('utf8');

  constructor(socket: Socket, onMessage: (message: Incoming) => void, onClose: () => void) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk, onMessage));
    socket.on('error', () => socket.destroy());
    socket.on('close', onClose);
  }

  send(message: Outgoing): void {
    if (!this.socket.destroyed) this.socket.write(`${JSON.stringify(message)}\n`);
  }

  close(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer, onMessage: (message: Incoming) => void): void {
    this.#rest += this.#decoder.write(chunk);
    let end = this.#rest.indexOf('\n');
    while (end >= 0) {
      const line = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 1);
      const message = parseObject(line);
      if (message) onMessage(message as Incoming);
      end = this.#rest.indexOf('\n');
    }
    if (this.#rest.length > MAX_LINE_CHARS) this.socket.destroy();
  }
}

function parseObject(line: string): object | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}
