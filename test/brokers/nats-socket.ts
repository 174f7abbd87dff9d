import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface NatsMessage {
  readonly subject: string;
  readonly replyTo: string | undefined;
  /** Of the first line of the headers, as 404 when a stream has no more; undefined when there is none. */
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type OnNatsMessage = (message: NatsMessage) => void;

const CRLF = '\r\n';
const REQUEST_MS = 10_000;

/**
 * The text protocol of NATS over a plain socket: no client of ours or of theirs. Does not redial.
 * https://docs.nats.io/reference/reference-protocols/nats-protocol
 */
export class NatsSocket {
  readonly #socket: Socket;
  readonly #subscriptions = new Map<string, OnNatsMessage>();
  readonly #pongs: (() => void)[] = [];
  #unread: Buffer = Buffer.alloc(0);
  #lastId = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#read(bytes));
    // Whoever waits has a deadline; a broker that is killed takes the others with it.
    socket.on('error', () => {});
  }

  static async connect(port: number): Promise<NatsSocket> {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    const nats = new NatsSocket(socket);
    socket.write(`CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}${CRLF}`);
    await nats.flush();
    return nats;
  }

  publish(subject: string, body: string, headers: Record<string, string> = {}, replyTo = ''): void {
    const payload = Buffer.from(body);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}${CRLF}`);
    const head = lines.length > 0 ? Buffer.from(`NATS/1.0${CRLF}${lines.join('')}${CRLF}`) : Buffer.alloc(0);
    const total = head.length + payload.length;
    const sizes = head.length > 0 ? `${head.length} ${total}` : `${total}`;
    this.#socket.write(`${head.length > 0 ? 'HPUB' : 'PUB'} ${subject} ${replyTo} ${sizes}${CRLF}`);
    this.#socket.write(Buffer.concat([head, payload, Buffer.from(CRLF)]));
  }

  subscribe(subject: string, onMessage: OnNatsMessage): void {
    const id = String(++this.#lastId);
    this.#subscriptions.set(id, onMessage);
    this.#socket.write(`SUB ${subject} ${id}${CRLF}`);
  }

  /** Returns when the server has taken all that was written before. */
  async flush(): Promise<void> {
    const pong = new Promise<void>((resolve) => this.#pongs.push(resolve));
    this.#socket.write(`PING${CRLF}`);
    await this.answer('PING', pong);
  }

  /** One message out, the first that comes back. */
  async request(subject: string, body: string, headers: Record<string, string> = {}): Promise<NatsMessage> {
    const inbox = this.inbox();
    const reply = new Promise<NatsMessage>((resolve) => this.subscribe(inbox, resolve));
    this.publish(subject, body, headers, inbox);
    return this.answer(subject, reply);
  }

  /** A subject that nobody else has. */
  inbox(): string {
    return `_INBOX.${process.pid}.${Math.random().toString(36).slice(2)}`;
  }

  close(): void {
    this.#socket.destroy();
  }

  /** As `answer`; fails when the connection ends before it, or the time is over. */
  answer<T>(what: string, answer: Promise<T>): Promise<T> {
    let fail = () => {};
    const failed = new Promise<never>((_, reject) => {
      fail = () => reject(new Error(`NATS has not answered ${what}`));
    });
    if (this.#socket.closed) fail();
    const late = setTimeout(fail, REQUEST_MS);
    this.#socket.once('close', fail);
    return Promise.race([answer, failed]).finally(() => {
      clearTimeout(late);
      this.#socket.off('close', fail);
    });
  }

  #read(bytes: Buffer): void {
    this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    for (;;) {
      const end = this.#unread.indexOf(CRLF);
      if (end < 0) return;
      const words = this.#unread.toString('latin1', 0, end).split(' ');
      const payloadBytes = words[0]!.endsWith('MSG') ? Number(words.at(-1)) + CRLF.length : 0;
      const next = end + CRLF.length + payloadBytes;
      if (this.#unread.length < next) return;
      this.#obey(words, this.#unread.subarray(end + CRLF.length, next - (payloadBytes && CRLF.length)));
      this.#unread = this.#unread.subarray(next);
    }
  }

  #obey(words: readonly string[], payload: Buffer): void {
    const [verb, subject = '', id = ''] = words;
    if (verb === 'PING') this.#socket.write(`PONG${CRLF}`);
    if (verb === 'PONG') this.#pongs.shift()?.();
    if (verb !== 'MSG' && verb !== 'HMSG') return;
    // MSG subject id [reply] bytes; HMSG subject id [reply] head total
    const sizes = verb === 'MSG' ? 1 : 2;
    const headBytes = verb === 'MSG' ? 0 : Number(words.at(-2));
    const [first = '', ...lines] = payload.toString('utf8', 0, headBytes).split(CRLF);
    const status = /^NATS\/1\.0 (\d+)/.exec(first)?.[1];
    this.#subscriptions.get(id)?.({
      subject,
      replyTo: words.length > 3 + sizes ? words[3] : undefined,
      status: status === undefined ? undefined : Number(status),
      headers: Object.fromEntries(lines.filter(Boolean).map((line) => line.split(/: ?(.*)/s).slice(0, 2))),
      body: payload.toString('utf8', headBytes),
    });
  }
}
