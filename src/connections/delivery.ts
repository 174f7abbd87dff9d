import { WatertightError } from '../core/index.js';

/** Text goes out as a text frame, bytes as a binary one. */
export type Message = string | Uint8Array;

/** A message as it goes out, encoded once for all its receivers. */
export interface Payload {
  readonly bytes: Uint8Array;
  readonly isText: boolean;
}

/**
 * @throws TypeError for what is neither text nor bytes; WatertightError WT_CONNECTIONS_MESSAGE_TOO_LARGE
 *
 * Cost: a text is encoded, bytes are not copied.
 */
export function payloadOf(message: unknown, maxBytes: number): Payload {
  const isText = typeof message === 'string';
  if (!isText && !(message instanceof Uint8Array)) {
    throw new TypeError(`message must be a string or a Uint8Array, not ${message === null ? 'null' : typeof message}`);
  }
  const bytes = isText ? Buffer.from(message) : message;
  if (bytes.byteLength > maxBytes) {
    throw new WatertightError(
      'WT_CONNECTIONS_MESSAGE_TOO_LARGE',
      `Cannot send a message of ${bytes.byteLength} bytes as the limit is ${maxBytes}`,
      { hint: 'send it in parts, or raise `maxMessageBytes`', details: { bytes: bytes.byteLength, maxBytes } },
    );
  }
  return { bytes, isText };
}

/**
 * One message on its way to one user. It goes to each connection that the user has, and is undelivered only when it left
 * through none of them.
 */
export class Delivery {
  readonly userId: string;
  payload: Uint8Array;
  readonly isText: boolean;
  /** Grows with each message of the registry: what was undelivered is put back into this order. */
  readonly sequence: number;
  /** A reply to one connection, which no other one is given. */
  readonly isReply: boolean;
  /** Connections that hold it and have not written it. */
  pending = 0;
  /** Whether a connection handed it to the kernel. */
  isWritten = false;
  /** Whether `payload` is nobody else's. */
  #isOwned = false;
  /** How often it was given to a connection again. */
  attempts = 0;
  /** Why it was undelivered the last time; empty before. */
  reason = '';
  /** `Date.now()` of that. */
  failedAtMs = 0;
  /** `performance.now()` at which it was first kept; -1 before. */
  keptAtMs = -1;

  constructor(userId: string, { bytes, isText }: Payload, sequence: number, isReply: boolean) {
    this.userId = userId;
    this.payload = bytes;
    this.isText = isText;
    this.sequence = sequence;
    this.isReply = isReply;
  }

  get bytes(): number {
    return this.payload.byteLength;
  }

  get message(): Message {
    return this.isText ? Buffer.from(this.payload).toString() : this.payload;
  }

  /** Called when it has to wait: the sender may use its bytes again, and a slice would keep all that it was cut from. */
  own(): void {
    if (this.#isOwned) return;
    this.payload = new Uint8Array(this.payload);
    this.#isOwned = true;
  }
}

/** Puts one in its place by sequence; what comes back is nearly always among the newest. */
export function insertInOrder(queue: Delivery[], delivery: Delivery): void {
  let at = queue.length;
  while (at > 0 && queue[at - 1]!.sequence > delivery.sequence) at--;
  queue.splice(at, 0, delivery);
}
