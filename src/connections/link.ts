import { randomUUID } from 'node:crypto';
import { Deadline, type DeadlineClock } from '../core/index.js';
import type { Scope } from '../scope/index.js';
import type { Connection, ConnectionEnd, SendOutcome } from './connection.js';
import type { Delivery, Message } from './delivery.js';
import type { Pulse } from './heartbeat.js';
import type { Mail } from './mail.js';
import { CLOSE_CODE, OPEN, type ServerSocket } from './server-socket.js';
import type { Settings } from './settings.js';

/** Why this side ended a connection. */
export type EndCause = 'silent' | 'slow' | 'replay' | 'handshake' | 'forced' | 'too-big' | 'failed';

/** What a link knows of the registry that it belongs to. */
export interface LinkHost {
  readonly settings: Settings;
  readonly clock: DeadlineClock;
  readonly mail: Mail;
  reply(link: Link, message: Message): SendOutcome;
  openScope(link: Link): Scope;
  onMessage(link: Link, data: Buffer, isBinary: boolean): void;
  /** A line became empty. */
  onLineEmpty(): void;
  onCut(cause: EndCause): void;
  onSocketError(link: Link, error: Error): void;
  onEnd(link: Link, end: ConnectionEnd, scope: Scope | null): void;
}

/** The one time limit that a link has at a time: of its replay, later of its closing handshake. */
class TimeLimit extends Deadline {
  readonly #onTime: () => void;

  constructor(deadlineAt: number, onTime: () => void) {
    super();
    this.deadlineAt = deadlineAt;
    this.#onTime = onTime;
  }

  onDeadline(): void {
    this.#onTime();
  }
}

/**
 * One attached socket: the registry's side of a `Connection`.
 *
 * A message is offered, then either written to the socket at once or, while the socket holds more unsent bytes than its
 * limit, put in a short line. It is in flight until the socket says that the kernel took it. When the connection ends, what
 * is in flight or in line is given up.
 */
export class Link implements Connection, Pulse {
  readonly id = randomUUID();
  readonly userId: string;
  readonly metadata: unknown;
  readonly connectedAtMs = Date.now();
  isHeard = true;
  /** The handler failed: what else this client has sent is not handled. */
  isFailed = false;
  /** Its socket was destroyed by this side. */
  isTerminated = false;
  readonly socket: ServerSocket;
  readonly #host: LinkHost;
  #state: 'open' | 'closing' | 'closed' = 'open';
  readonly #inFlight = new Set<Delivery>();
  #line: Delivery[] = [];
  #limit: TimeLimit | null = null;
  /** The newest message of the replay that is under way; 0 without one. */
  #replayedUpTo = 0;
  #replayEndsAt = 0;
  #isPaused = false;
  #isCut = false;
  #scope: Scope | null = null;
  #end: ConnectionEnd | null = null;
  #onEnded: ((end: ConnectionEnd) => void) | null = null;
  #ended: Promise<ConnectionEnd> | null = null;

  constructor(host: LinkHost, socket: ServerSocket, userId: string, metadata: unknown) {
    this.#host = host;
    this.socket = socket;
    this.userId = userId;
    this.metadata = metadata;
    socket.on('message', this.#onMessage);
    socket.on('pong', this.#onPong);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get state(): 'open' | 'closing' | 'closed' {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#state === 'open' && this.socket.readyState === OPEN;
  }

  get bufferedBytes(): number {
    return this.#state === 'closed' ? 0 : this.socket.bufferedAmount;
  }

  get waiting(): number {
    return this.#line.length;
  }

  get scope(): Scope {
    this.#scope ??= this.#host.openScope(this);
    return this.#scope;
  }

  get ended(): Promise<ConnectionEnd> {
    this.#ended ??= this.#end
      ? Promise.resolve(this.#end)
      : new Promise((resolve) => {
          this.#onEnded = resolve;
        });
    return this.#ended;
  }

  send(message: Message): SendOutcome {
    return this.#host.reply(this, message);
  }

  /** What has not left through this connection yet, oldest first. */
  unsent(): Delivery[] {
    return [...this.#inFlight, ...this.#line];
  }

  /** Takes a message or refuses it; `null` when the connection is not open, or is closed for being slow. */
  offer(delivery: Delivery): SendOutcome | null {
    if (!this.isOpen) return null;
    if (this.#line.length === 0 && this.#hasRoom()) {
      delivery.pending++;
      this.#write(delivery);
      return 'sent';
    }
    const { overflow, perUser } = this.#host.settings;
    if (overflow === 'close') {
      this.#cut('slow', CLOSE_CODE.tryAgainLater, 'too slow');
      return null;
    }
    const { mail } = this.#host;
    if (overflow === 'drop' || perUser === 0 || !mail.recovery.reserve(delivery.bytes)) {
      mail.missed();
      return 'dropped';
    }
    delivery.own();
    delivery.pending++;
    this.#line.push(delivery);
    mail.inLine++;
    if (this.#line.length > perUser) mail.pushedOut(this.#shiftLine());
    return 'waiting';
  }

  /**
   * Sends what was kept before anything new. All of it goes to the socket at once where it fits; that it gets out within
   * its time is watched.
   *
   * @param deliveries oldest first; their bytes are reserved
   */
  replay(deliveries: Delivery[]): void {
    if (deliveries.length === 0) return;
    for (const delivery of deliveries) {
      delivery.pending++;
      delivery.attempts++;
    }
    this.#line = deliveries;
    this.#host.mail.inLine += deliveries.length;
    this.#replayedUpTo = deliveries.at(-1)!.sequence;
    this.#replayEndsAt = performance.now() + this.#host.settings.replayMs;
    this.#limitReplay();
    this.#advance();
  }

  close(code = 1000, reason = ''): void {
    if (this.#state !== 'open') return;
    this.socket.close(code, reason);
    this.#state = 'closing';
    // A paused socket would not see the other side's close frame.
    this.resume();
    this.#setLimit(performance.now() + this.#host.settings.closeTimeoutMs, () => {
      this.#note('handshake');
      this.#destroy();
    });
  }

  terminate(): void {
    if (this.#state === 'closed') return;
    this.#note('forced');
    this.#destroy();
  }

  /** The handler of one of its messages failed. */
  fail(): void {
    this.isFailed = true;
    this.#cut('failed', CLOSE_CODE.internalError, 'internal error');
  }

  refuseSize(): void {
    this.#cut('too-big', CLOSE_CODE.tooBig, 'message too big');
  }

  /** Reads no more; the kernel then slows the client down. */
  pause(): void {
    if (this.#isPaused || this.#state !== 'open') return;
    this.#isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    // Its answer to a ping may lie unread.
    this.isHeard = true;
    this.socket.resume();
  }

  ping(): void {
    if (this.isOpen) this.socket.ping();
  }

  onSilence(): void {
    if (this.#isPaused) return;
    this.#note('silent');
    this.#destroy();
  }

  #hasRoom(): boolean {
    return this.socket.bufferedAmount <= this.#host.settings.maxBufferedBytes;
  }

  #write(delivery: Delivery): void {
    this.#inFlight.add(delivery);
    this.socket.send(delivery.payload, { binary: !delivery.isText }, (error) => this.#onWritten(delivery, error));
  }

  #onWritten(delivery: Delivery, error: Error | null | undefined): void {
    // The connection has ended meanwhile, and has given it up.
    if (!this.#inFlight.delete(delivery)) return;
    if (error) {
      this.#host.mail.givenUp(delivery, 'the connection broke');
      return;
    }
    this.#host.mail.written(delivery);
    this.#noteReplayed(delivery);
    this.#advance();
  }

  /** Writes what is in line as long as there is room. */
  #advance(): void {
    if (this.#line.length === 0) return;
    while (this.#line.length > 0 && this.isOpen && this.#hasRoom()) this.#write(this.#shiftLine());
    if (this.#line.length === 0) this.#host.onLineEmpty();
  }

  #shiftLine(): Delivery {
    const delivery = this.#line.shift()!;
    this.#host.mail.recovery.free(delivery.bytes);
    this.#host.mail.inLine--;
    return delivery;
  }

  #noteReplayed(delivery: Delivery): void {
    if (this.#replayedUpTo === 0 || this.#state !== 'open') return;
    if (delivery.sequence < this.#replayedUpTo) {
      this.#limitReplay();
      return;
    }
    this.#replayedUpTo = 0;
    this.#clearLimit();
  }

  #limitReplay(): void {
    const limitAt = Math.min(this.#replayEndsAt, performance.now() + this.#host.settings.replayMessageMs);
    this.#setLimit(limitAt, () => this.#cut('replay', CLOSE_CODE.tryAgainLater, 'too slow'));
  }

  #setLimit(deadlineAt: number, onTime: () => void): void {
    this.#clearLimit();
    this.#limit = new TimeLimit(deadlineAt, onTime);
    this.#host.clock.add(this.#limit, performance.now());
  }

  #clearLimit(): void {
    if (this.#limit === null) return;
    this.#host.clock.remove(this.#limit);
    this.#limit = null;
  }

  #cut(cause: EndCause, code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#note(cause);
    this.close(code, reason);
  }

  /** The first cause counts. */
  #note(cause: EndCause): void {
    if (!this.#isCut) this.#host.onCut(cause);
    this.#isCut = true;
  }

  #destroy(): void {
    this.#state = 'closing';
    this.isTerminated = true;
    this.resume();
    this.socket.terminate();
  }

  #giveUpAll(): void {
    const unsent = [...this.#inFlight];
    this.#inFlight.clear();
    while (this.#line.length > 0) unsent.push(this.#shiftLine());
    for (const delivery of unsent) this.#host.mail.givenUp(delivery, 'the connection ended');
  }

  readonly #onMessage = (data: Buffer, isBinary: boolean) => {
    this.isHeard = true;
    this.#host.onMessage(this, data, isBinary);
  };

  readonly #onPong = () => {
    this.isHeard = true;
  };

  readonly #onError = (error: Error) => this.#host.onSocketError(this, error);

  readonly #onClose = (code: number, reason: Buffer) => {
    this.#state = 'closed';
    this.#clearLimit();
    this.socket.off('message', this.#onMessage);
    this.socket.off('pong', this.#onPong);
    this.socket.off('error', this.#onError);
    this.socket.off('close', this.#onClose);
    this.#end = { code, reason: reason.toString() };
    this.#giveUpAll();
    this.#host.onEnd(this, this.#end, this.#scope);
    this.#onEnded?.(this.#end);
  };
}
