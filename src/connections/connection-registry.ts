import {
  checkCallback,
  checkOptionNames,
  checkSignal,
  DeadlineClock,
  kindOf,
  plainText,
  settleBy,
  WatertightError,
} from '../core/index.js';
import { Scope } from '../scope/index.js';
import { Arrivals } from './arrivals.js';
import type { Connection, ConnectionEnd, SendOutcome } from './connection.js';
import { type Message, payloadOf } from './delivery.js';
import { Desk } from './desk.js';
import type { Health, HealthCap } from './health.js';
import { Heartbeat } from './heartbeat.js';
import { Inbox } from './inbox.js';
import { type EndCause, Link, type LinkHost } from './link.js';
import { Mail } from './mail.js';
import type { KeptMessage } from './recovery.js';
import { Refusals } from './refusals.js';
import type { ConnectionStats, ConnectionsReport } from './reports.js';
import { CLOSE_CODE, checkSocket, OPEN, type ServerSocket } from './server-socket.js';
import { type ConnectionLimits, checkUserId, LIMIT_NAMES, type Settings, settingsOf, whole } from './settings.js';
import { Totals } from './totals.js';
import { Users } from './users.js';

export interface ConnectionRegistryOptions<Metadata> extends ConnectionLimits {
  /** Owner: when it closes, the registry drains and ends. Without one, call `close()`. */
  readonly scope?: Scope;
  /** In the owner's ledger and report. Default `connections`. */
  readonly name?: string;
  /**
   * Called with each message, one user's messages one after another; text as a string, bytes as a Buffer. When it throws or
   * rejects, that connection is closed with 1011 and nobody else's is touched.
   */
  readonly onMessage?: (connection: Connection<Metadata>, message: string | Buffer) => unknown;
  /** Called when a connection has ended and is in no list any more. */
  readonly onEnd?: (connection: Connection<Metadata>, end: ConnectionEnd) => unknown;
  /**
   * Called with errors of handlers, of sockets (they end by themselves) and of releases in `connection.scope`. Without it
   * they are only counted.
   */
  readonly onError?: (error: unknown, connection: Connection<Metadata>) => unknown;
}

/** All names, held against the type by the compiler. */
export const REGISTRY_OPTION_NAMES: readonly string[] = [
  ...Object.keys({ scope: 0, name: 0, onMessage: 0, onEnd: 0, onError: 0 } satisfies Record<
    Exclude<keyof ConnectionRegistryOptions<never>, keyof ConnectionLimits>,
    0
  >),
  ...LIMIT_NAMES,
];

/** Why a user cannot connect now. */
export type RefusalReason = 'closing' | 'limit' | 'per-user';

/** A full registry serves those who are in, and refuses everybody else. */
const FULL_SCORE = 50;
const CLOSING_SCORE = 25;
const KEPT_SCORE = 75;
const KEPT_SHARE = 0.9;
/** What a deadline may be late. */
const HANDOVER_MS = 50;
const WAIT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Every WebSocket connection of a server, by user: limits, order, heartbeat, messages kept for those who are away, and an
 * end in good order. Works with sockets of the package `ws`.
 *
 * Belongs to the scope that it is given; ends when that closes, or with `close()`. A connection ends with its socket, and
 * then nothing of it is left: no listener, no timer, no entry.
 *
 * Cost: ≈ 3 kB a connection beside the socket's own, two timers in all.
 *
 * @example
 * const registry = new ConnectionRegistry({ scope, onMessage: (connection, text) => registry.send(connection.userId, text) });
 * sockets.on('connection', (socket, request) => registry.attach(socket, userOf(request)));
 */
export class ConnectionRegistry<Metadata = unknown> {
  readonly name: string;
  readonly #options: ConnectionRegistryOptions<Metadata>;
  readonly #settings: Settings;
  readonly #scope: Scope;
  readonly #clock = new DeadlineClock({ keepsAlive: false });
  readonly #heartbeat: Heartbeat | null;
  readonly #arrivals: Arrivals<Connection<Metadata>>;
  readonly #totals = new Totals();
  readonly #mail: Mail;
  readonly #refusals: Refusals;
  readonly #host: LinkHost;
  readonly #links = new Map<string, Link>();
  readonly #users: Users;
  readonly #desk: Desk;
  readonly #sockets = new Map<ServerSocket, Link>();
  #state: 'open' | 'draining' | 'closed' = 'open';
  #initial = 0;
  #unhandled = 0;
  #undelivered = 0;
  #terminated = 0;
  #awaited: { readonly isReached: () => boolean; readonly resolve: () => void } | null = null;
  /** Of connections that ended while the registry drained. */
  readonly #failures: unknown[] = [];
  #drained: Promise<void> | null = null;
  #report: Promise<ConnectionsReport> | null = null;

  /**
   * @throws TypeError for a wrong option, RangeError for a limit out of its range
   * @throws WatertightError WT_SCOPE_CLOSED when the scope is closed
   */
  constructor(options: ConnectionRegistryOptions<Metadata> = {}) {
    checkKinds(options);
    this.name = options.name ?? 'connections';
    this.#options = options;
    this.#settings = settingsOf(options);
    const { heartbeatMs, heartbeatTimeoutMs, limit } = this.#settings;
    this.#heartbeat = heartbeatMs === 0 ? null : new Heartbeat(heartbeatMs, heartbeatTimeoutMs);
    this.#arrivals = new Arrivals(this.#clock, limit);
    this.#users = new Users(() => new Inbox(this.#clock, this.#settings.handlerTimeoutMs));
    this.#mail = new Mail(this.#settings, this.#totals, (userId) => this.#users.openLinkOf(userId) !== null);
    this.#desk = this.#makeDesk(options.onMessage);
    this.#refusals = new Refusals(this.#clock, this.#settings.closeTimeoutMs, limit, () => this.#changed());
    this.#host = this.#makeHost();
    this.#scope = options.scope
      ? options.scope.child(this.name, { together: true })
      : new Scope(this.name, { together: true });
    this.#scope.hold('sockets', this, (_self, { deadlineAt }) => this.#end(deadlineAt), {
      drain: (_self, { deadlineAt }) => this.#drain(deadlineAt),
    });
  }

  /** Connections now, those that are closing included. */
  get size(): number {
    return this.#links.size;
  }

  get state(): 'open' | 'draining' | 'closed' {
    return this.#state;
  }

  /**
   * Why a connection of this user would be refused now; `null` when it would be taken. Asked before the upgrade, it saves a
   * handshake: answer 503 to `closing` and `limit`, 429 to `per-user`.
   *
   * @throws TypeError for an id that is no string of 1 to 256 characters
   */
  refusal(userId: string): RefusalReason | null {
    const connections = this.#users.linksOf(checkUserId(userId)).size;
    if (this.#state !== 'open') return 'closing';
    if (this.#links.size >= this.#settings.limit) return 'limit';
    return connections >= this.#settings.connectionsPerUser ? 'per-user' : null;
  }

  /**
   * Takes an open socket into the user's connections, and sends what was kept for the user before anything new.
   *
   * @param userId who it belongs to, as proven by you: 1 to 256 characters
   * @returns `null` when it is refused: the socket is then closed with 1013, and counted; and when it has closed already
   * @throws TypeError for a wrong id, or what is no socket of `ws`
   * @throws WatertightError WT_CONNECTIONS_ATTACHED when the socket is attached
   *
   * Cost: O(1 + messages kept for the user).
   */
  attach(
    socket: ServerSocket,
    userId: string,
    ...[metadata]: undefined extends Metadata ? [metadata?: Metadata] : [metadata: Metadata]
  ): Connection<Metadata> | null {
    checkSocket(socket);
    const refusal = this.refusal(userId);
    this.#checkFree(socket, userId);
    if (socket.readyState !== OPEN) {
      this.#totals.refused.gone++;
      return null;
    }
    if (refusal !== null) {
      this.#totals.refused[refusal]++;
      this.#refusals.refuse(socket, REFUSALS[refusal]);
      return null;
    }
    const link = new Link(this.#host, socket, userId, metadata);
    const user = this.#users.findOrAdd(userId);
    const kept = this.#mail.takeOver(userId, user.links);
    this.#sockets.set(socket, link);
    this.#links.set(link.id, link);
    user.links.add(link);
    this.#heartbeat?.add(link);
    this.#totals.attached++;
    link.replay(kept);
    this.#arrivals.arrived(userId, seenAs<Metadata>(link));
    return seenAs<Metadata>(link);
  }

  /**
   * Sends to all connections of a user, and to nobody else; keeps the message when there is none. Each connection gets a
   * user's messages in the order of the calls.
   *
   * @param message bytes go out as they are: do not change them afterwards
   * @throws TypeError for a wrong id or message; WatertightError WT_CONNECTIONS_MESSAGE_TOO_LARGE
   */
  send(userId: string, message: Message): SendOutcome {
    const payload = payloadOf(message, this.#settings.maxMessageBytes);
    return this.#mail.deliver(checkUserId(userId), payload, this.#users.linksOf(userId), false);
  }

  /**
   * Sends to all connections of all users who have one. Nothing is kept for those who are away.
   *
   * @returns users by outcome
   * @throws as `send`
   */
  broadcast(message: Message): Record<SendOutcome, number> {
    const payload = payloadOf(message, this.#settings.maxMessageBytes);
    const outcomes: Record<SendOutcome, number> = { sent: 0, waiting: 0, kept: 0, dropped: 0 };
    for (const user of this.#users) {
      if (user.openLink !== null) outcomes[this.#mail.deliver(user.id, payload, user.links, false)]++;
    }
    return outcomes;
  }

  /** A user's connections, in the order of their coming. */
  connections(userId: string): Connection<Metadata>[] {
    return [...this.#users.linksOf(checkUserId(userId))].map(seenAs<Metadata>);
  }

  /**
   * A connection by its id, for the user that it belongs to.
   *
   * @returns `null` when there is none
   * @throws WatertightError WT_CONNECTIONS_FOREIGN when it is another user's; counted as a violation
   */
  connection(userId: string, connectionId: string): Connection<Metadata> | null {
    const link = this.#links.get(connectionId);
    if (link === undefined) return null;
    if (link.userId === checkUserId(userId)) return seenAs<Metadata>(link);
    this.#totals.violations++;
    throw new WatertightError(
      'WT_CONNECTIONS_FOREIGN',
      `Cannot give connection ${connectionId} to user ${plainText(userId, 64)} as it belongs to another`,
      { hint: 'take the id of the user from the session, not from the message', details: { userId, connectionId } },
    );
  }

  /**
   * The user's oldest open connection, as soon as there is one.
   *
   * @param options.timeoutMs longest wait, in ms. Default 5,000
   * @throws TypeError, RangeError for wrong arguments, before anybody waits
   * @throws WatertightError WT_CONNECTIONS_WAIT_TIMEOUT, WT_CONNECTIONS_CLOSED, WT_CONNECTIONS_TOO_MANY_WAITERS (as many
   *   wait as there may be connections); the signal's reason
   */
  async waitForConnection(
    userId: string,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<Connection<Metadata>> {
    checkOptionNames('registry.waitForConnection(userId, options)', options, ['timeoutMs', 'signal']);
    checkSignal('registry.waitForConnection(userId, options)', options.signal);
    const timeoutMs = whole('timeoutMs', options.timeoutMs ?? WAIT_TIMEOUT_MS, 0, 2 ** 31 - 1);
    const link = this.#users.openLinkOf(checkUserId(userId));
    if (link !== null) return seenAs(link);
    if (this.#state !== 'open') throw this.#closedError();
    return this.#arrivals.wait(userId, timeoutMs, options.signal);
  }

  /** What is kept for a user, oldest first. Cost: O(messages); texts are decoded. */
  kept(userId: string): KeptMessage[] {
    return this.#mail.recovery.list(checkUserId(userId));
  }

  stats(): ConnectionStats {
    const { recovery, inLine } = this.#mail;
    return {
      held: {
        connections: this.#links.size,
        users: this.#users.size,
        handling: this.#desk.handling,
        inLine,
        kept: recovery.messages,
        keptUsers: recovery.users,
        keptBytes: recovery.bytes,
        waiters: this.#arrivals.size,
        refused: this.#refusals.size,
        pulses: this.#heartbeat?.size ?? 0,
        timers: (this.#heartbeat?.timers ?? 0) + recovery.timers,
      },
      totals: structuredClone({ ...this.#totals }),
    };
  }

  /** Whether messages get through, by the last minute's deliveries to users who were connected, and what is full now. */
  health(): Health {
    const caps: HealthCap[] = [];
    const { limit, totalBytes } = this.#settings;
    if (this.#state !== 'open') caps.push({ score: CLOSING_SCORE, reason: `the registry is ${this.#state}` });
    if (this.#links.size >= limit) caps.push({ score: FULL_SCORE, reason: `all ${limit} connections are taken` });
    if (this.#mail.recovery.bytes > KEPT_SHARE * totalBytes) {
      caps.push({ score: KEPT_SCORE, reason: `${this.#mail.recovery.bytes} of ${totalBytes} bytes are kept` });
    }
    return this.#mail.minute.health(performance.now(), caps);
  }

  /**
   * Drains and ends: refuses new connections, lets handlers and lines end, closes with 1001, and terminates what is left.
   * Always returns by its deadline + 50 ms. Every call gives the one report.
   *
   * @param options.timeoutMs longest time, in ms; half of it is for draining. Default 10,000
   * @throws TypeError, RangeError for wrong options
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<ConnectionsReport> {
    checkOptionNames('registry.close(options)', options, ['timeoutMs']);
    this.#report ??= this.#close(whole('timeoutMs', options.timeoutMs ?? CLOSE_TIMEOUT_MS, 0, 2 ** 31 - 1));
    return this.#report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<ConnectionsReport> {
    const { status, failures, durationMs } = await this.#scope.close({ timeoutMs });
    const isLate = this.#unhandled > 0 || this.#links.size > 0 || status === 'timeout';
    // Draining has no failure but being late, which the figures tell.
    const isFailed = failures.some(({ phase }) => phase !== 'drain');
    return {
      status: isLate ? 'timeout' : isFailed ? 'failed' : 'completed',
      initial: this.#initial,
      closed: this.#initial - this.#terminated,
      terminated: this.#terminated,
      unhandled: this.#unhandled,
      undelivered: this.#undelivered,
      durationMs,
    };
  }

  /** First phase: no new connections and messages; those that are here get their answers; then 1001. */
  #drain(deadlineAt: number): Promise<void> {
    this.#drained ??= this.#startDrain(deadlineAt);
    return this.#drained;
  }

  async #startDrain(deadlineAt: number): Promise<void> {
    this.#state = 'draining';
    this.#initial = this.#links.size;
    this.#arrivals.refuseAll(this.#closedError());
    this.#desk.stop();
    const timeMs = deadlineAt - performance.now();
    // The scope takes a drain that ends at its deadline for one that does not end.
    const endsAt = deadlineAt - Math.min(HANDOVER_MS, timeMs / 4);
    const handshakeMs = Math.min(this.#settings.closeTimeoutMs, timeMs / 2);
    await this.#until(() => this.#desk.handling === 0 && this.#mail.inLine === 0, endsAt - handshakeMs);
    for (const link of this.#links.values()) link.close(CLOSE_CODE.goingAway, 'going away');
    await this.#until(() => this.#links.size === 0, Math.min(performance.now() + handshakeMs, endsAt));
    // A client that reads nothing answers nothing: what stands behind it in the drain does not have to wait for it, too.
    await this.#terminateAll(endsAt);
  }

  /** Last phase: what has not gone is terminated. */
  async #end(deadlineAt: number): Promise<void> {
    const now = performance.now();
    await this.#drain(now + (deadlineAt - now) / 2);
    this.#state = 'closed';
    this.#unhandled = this.#desk.handling;
    this.#refusals.terminateAll();
    this.#desk.abandon();
    await this.#terminateAll(deadlineAt);
    this.#terminated += this.#links.size;
    await this.#until(() => this.#refusals.size === 0, deadlineAt);
    this.#undelivered = this.#mail.close();
    if (this.#failures.length > 0) {
      throw new AggregateError(this.#failures, `${this.#failures.length} releases in scopes of connections failed`);
    }
  }

  async #terminateAll(deadlineAt: number): Promise<void> {
    for (const link of [...this.#links.values()]) link.terminate();
    await this.#until(() => this.#links.size === 0, deadlineAt);
  }

  /** Waits without polling: whatever may make it true calls `#changed`. */
  async #until(isReached: () => boolean, deadlineAt: number): Promise<void> {
    if (isReached()) return;
    const reached = new Promise<void>((resolve) => {
      this.#awaited = { isReached, resolve };
    });
    await settleBy(reached, deadlineAt);
    this.#awaited = null;
  }

  #changed(): void {
    if (this.#awaited?.isReached()) this.#awaited.resolve();
  }

  #checkFree(socket: ServerSocket, userId: string): void {
    const link = this.#sockets.get(socket);
    if (link === undefined) return;
    if (link.userId !== userId) this.#totals.violations++;
    throw new WatertightError(
      'WT_CONNECTIONS_ATTACHED',
      `Cannot attach a socket to user ${plainText(userId, 64)} as it is attached to ${link.userId === userId ? 'them' : 'another'}`,
      { hint: 'attach each socket once', details: { userId, connectionId: link.id } },
    );
  }

  #closedError(): WatertightError {
    return new WatertightError('WT_CONNECTIONS_CLOSED', `Cannot wait for a connection as ${this.name} is closing`, {
      hint: 'wait for connections before the scope closes',
    });
  }

  #makeDesk(onMessage: ConnectionRegistryOptions<Metadata>['onMessage']): Desk {
    return new Desk(
      this.#users,
      this.#settings,
      this.#totals,
      onMessage && ((link, message) => onMessage(seenAs(link), message)),
      (error, link) => this.#tell(error, link),
      () => this.#changed(),
    );
  }

  #makeHost(): LinkHost {
    return {
      settings: this.#settings,
      clock: this.#clock,
      mail: this.#mail,
      reply: (link, message) => {
        const payload = payloadOf(message, this.#settings.maxMessageBytes);
        return this.#mail.deliver(link.userId, payload, [link], true);
      },
      openScope: (link) => {
        const scope = this.#scope.child(`connection ${link.id}`);
        if (link.state === 'closed') void scope.close();
        return scope;
      },
      onMessage: (link, data, isBinary) => this.#desk.take(link, data, isBinary),
      onLineEmpty: () => this.#changed(),
      onCut: (cause: EndCause) => {
        this.#totals.cut[cause]++;
      },
      onSocketError: (link, error) => {
        this.#totals.socketErrors++;
        this.#tell(error, link);
      },
      onEnd: (link, end, scope) => this.#onEnd(link, end, scope),
    };
  }

  #onEnd(link: Link, end: ConnectionEnd, scope: Scope | null): void {
    this.#totals.ended++;
    if (link.isTerminated && this.#state !== 'open') this.#terminated++;
    this.#heartbeat?.remove(link);
    this.#links.delete(link.id);
    this.#sockets.delete(link.socket);
    const user = this.#users.find(link.userId);
    if (user?.links.delete(link)) this.#users.forgetIfIdle(user);
    if (scope !== null) void this.#closeScope(scope, link);
    this.#call(() => this.#options.onEnd?.(seenAs<Metadata>(link), end), link);
    this.#changed();
  }

  /** Somebody is told of each failure, and the report of closing has those that came while it ran. */
  async #closeScope(scope: Scope, link: Link): Promise<void> {
    // Whoever closes it already reports it.
    if (scope.isClosed) return;
    const { failures, stuck } = await scope.close();
    for (const error of [...failures.map((failure) => failure.error), ...stuck.map(({ path }) => stuckError(path))]) {
      this.#totals.releaseFailures++;
      if (this.#state !== 'open') this.#failures.push(error);
      this.#tell(error, link);
    }
  }

  /** Runs the program's own code where its failure must reach nobody else. */
  #call(run: () => unknown, link: Link): void {
    try {
      const result = run();
      if (result instanceof Promise) result.catch((error: unknown) => this.#tell(error, link));
    } catch (error) {
      this.#tell(error, link);
    }
  }

  #tell(error: unknown, link: Link): void {
    const { onError } = this.#options;
    if (onError === undefined) return;
    const warn = (failure: unknown) => process.emitWarning(`onError of ${this.name} failed: ${String(failure)}`);
    try {
      const result = onError(error, seenAs<Metadata>(link));
      if (result instanceof Promise) result.catch(warn);
    } catch (failure) {
      warn(failure);
    }
  }
}

function checkKinds(options: ConnectionRegistryOptions<never>): void {
  const where = 'new ConnectionRegistry(options)';
  checkOptionNames(where, options, REGISTRY_OPTION_NAMES);
  const { scope, name, onMessage, onEnd, onError } = options;
  if (scope !== undefined && !(scope instanceof Scope))
    throw new TypeError(`${where}: scope must be a Scope, not ${kindOf(scope)}`);
  if (name !== undefined && typeof name !== 'string')
    throw new TypeError(`${where}: name must be a text, not ${kindOf(name)}`);
  for (const [callback, given] of Object.entries({ onMessage, onEnd, onError })) checkCallback(where, callback, given);
}

const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  closing: 'server is closing',
  limit: 'too many connections',
  'per-user': 'too many connections of this user',
};

function stuckError(path: string): WatertightError {
  return new WatertightError('WT_CONNECTIONS_RELEASE_STUCK', `Cannot release ${plainText(path, 200)} in time`, {
    hint: 'its connection has ended; give the release a limit of its own by `timeoutMs`, or an `abandon`',
    details: { path },
  });
}

/** A link keeps the metadata that it was attached with, which had this type. */
function seenAs<Metadata>(link: Link): Connection<Metadata> {
  return link as Connection as Connection<Metadata>;
}
