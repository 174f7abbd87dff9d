import type { Socket } from 'node:net';
import { builtin } from './builtin.js';

/** Longest line that is accepted; a peer that sends more is cut off. Largest honest message: a sample of 65,536 names. */
const MAX_LINE_CHARS = 64 * 2 ** 20;

/**
 * Newline-delimited JSON over a local socket. The other side is an observed program and may send anything:
 * what is not an object in JSON is dropped, an endless line closes the channel.
 */
export class Channel<Incoming extends object, Outgoing extends object> {
  readonly socket: Socket;
  #rest = '';
  readonly #decoder = new builtin.stringDecoder.StringDecoder('utf8');

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

  /** Only the new text is searched: a line of megabytes comes in hundreds of chunks. */
  #read(chunk: Buffer, onMessage: (message: Incoming) => void): void {
    const text = this.#decoder.write(chunk);
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      const message = parseObject(this.#rest + text.slice(start, end));
      this.#rest = '';
      start = end + 1;
      if (message) onMessage(message as Incoming);
    }
    this.#rest += text.slice(start);
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
