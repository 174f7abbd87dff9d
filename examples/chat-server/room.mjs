/** The chat room both servers share: the last 50 messages, and a bus that tells of new ones. */
import { EventEmitter } from 'node:events';

const KEPT_MESSAGES = 50;

export class Room {
  /** Emits `message` with each new one. Two hundred people may listen at once, so Node's warning at 11 is off. */
  bus = new EventEmitter().setMaxListeners(0);
  messages = Array.from({ length: KEPT_MESSAGES }, (_, id) => ({ id, from: 'host', text: `Welcome, take seat ${id}` }));
  #nextId = KEPT_MESSAGES;

  say(from, text) {
    const message = { id: this.#nextId++, from: String(from), text: String(text) };
    this.messages.push(message);
    if (this.messages.length > KEPT_MESSAGES) this.messages.shift();
    this.bus.emit('message', message);
    return message;
  }
}

/** Body of a request as JSON; throws `SyntaxError` when it is none, `RangeError` above 64 KiB. */
export async function readJson(request) {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk;
    if (text.length > 65_536) throw new RangeError('Cannot read a message of more than 64 KiB');
  }
  return JSON.parse(text);
}

/** Listens on `PORT` (0, a free one, by default), prints the address, and closes on SIGTERM and SIGINT. */
export function serve(server, sockets) {
  server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
    console.log(`listening on http://127.0.0.1:${server.address().port}`);
  });
  const close = () => {
    for (const socket of sockets.clients) socket.terminate();
    server.close();
    server.closeAllConnections();
  };
  process.once('SIGTERM', close);
  process.once('SIGINT', close);
}
