import { errorText, plainText, WatertightError } from '../core/index.js';

/** Names and places come from configuration and from brokers. */
const shown = (text: string) => plainText(text, 120);

/** What became of an event that was not confirmed: the broker does not have it, or may have it. */
export type FailedOutcome = 'not-sent' | 'unknown';

export function invalidEventError(field: string, rule: string): WatertightError {
  return new WatertightError('WT_PUBLISH_INVALID_EVENT', `Cannot publish an event whose ${shown(field)} ${rule}`, {
    hint: 'mend the event; nothing was sent',
    details: { field, outcome: 'not-sent' },
  });
}

/** @param path where in the event, as `data.items[3].price` */
export function notEncodableError(path: string, what: string, encoding: string): WatertightError {
  const message = `Cannot encode an event as ${encoding}: ${shown(path)} is ${what}`;
  return new WatertightError('WT_PUBLISH_NOT_ENCODABLE', message, {
    hint: 'publish plain data: texts, finite numbers, booleans, null, arrays and objects without circles',
    details: { path, encoding, outcome: 'not-sent' },
  });
}

export function tooLargeError(bytes: number, limit: number): WatertightError {
  return new WatertightError(
    'WT_PUBLISH_TOO_LARGE',
    `Cannot publish an event of ${bytes} bytes as the limit is ${limit}`,
    {
      hint: 'store the large part elsewhere and publish a reference, or raise maxEventBytes and the limit of the broker',
      details: { bytes, limit, outcome: 'not-sent' },
    },
  );
}

export function closedError(publisher: string): WatertightError {
  return new WatertightError('WT_PUBLISH_CLOSED', `Cannot publish to ${shown(publisher)} as it is closed`, {
    hint: 'publish before the publisher closes; a closed one is not opened again',
    details: { publisher, outcome: 'not-sent' },
  });
}

export function bufferFullError(publisher: string, limits: { events: number; bytes: number }): WatertightError {
  const message = `Cannot publish to ${shown(publisher)} as ${limits.events} events or ${limits.bytes} bytes wait already`;
  return new WatertightError('WT_PUBLISH_BUFFER_FULL', message, {
    hint: 'await publish(), or raise maxBufferedEvents and maxBufferedBytes; see stats().lastError for why nothing leaves',
    details: { publisher, ...limits, outcome: 'not-sent' },
  });
}

export function droppedError(publisher: string, policy: string, outcome: FailedOutcome): WatertightError {
  return new WatertightError(
    'WT_PUBLISH_DROPPED',
    `An event for ${shown(publisher)} was dropped by overflow: ${policy}`,
    {
      hint: "raise the buffer's limits, or choose overflow: 'block'",
      details: { publisher, policy, outcome },
    },
  );
}

/** @param why the last thing that went wrong on the way to the broker */
export function undeliveredError(
  publisher: string,
  outcome: FailedOutcome,
  why: string,
  cause: unknown,
): WatertightError {
  const code = outcome === 'unknown' ? 'WT_PUBLISH_UNKNOWN' : 'WT_PUBLISH_NOT_SENT';
  const message =
    outcome === 'unknown'
      ? `${shown(publisher)} did not confirm an event ${why}: it may have it`
      : `Cannot publish to ${shown(publisher)}: not sent ${why}`;
  return new WatertightError(code, cause === undefined ? message : `${message} (${shown(errorText(cause))})`, {
    hint:
      outcome === 'unknown'
        ? 'publish it again with the same id, and let consumers drop what they have seen'
        : 'publish it again when the broker is back, or give more time by publishTimeoutMs',
    details: { publisher, outcome },
    ...(cause === undefined ? {} : { cause }),
  });
}

type ConnectCode = `WT_PUBLISH_CONNECT_${'REFUSED' | 'TIMEOUT' | 'AUTH' | 'TLS' | 'PROTOCOL' | 'URL'}`;

/** A broker that cannot be reached, or not like this. */
export function connectError(
  code: ConnectCode,
  target: string,
  why: string,
  hint: string,
  cause?: unknown,
): WatertightError {
  return new WatertightError(code, `Cannot connect to ${shown(target)}: ${shown(why)}`, {
    hint,
    details: { target, outcome: 'not-sent' },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The broker answers, and has no such exchange, topic or stream. */
export function noDestinationError(target: string, kind: string, name: string, cause?: unknown): WatertightError {
  return new WatertightError(
    'WT_PUBLISH_NO_DESTINATION',
    `Cannot publish to ${shown(target)}: there is no ${kind} ${shown(name)}`,
    {
      hint: `make the ${kind} first, or check its name`,
      details: { target, kind, name, outcome: 'not-sent' },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** The broker answers, and does not take it. */
export function refusedError(target: string, why: string, cause?: unknown): WatertightError {
  return new WatertightError('WT_PUBLISH_REFUSED', `${shown(target)} does not take events: ${shown(why)}`, {
    hint: "look at the broker's limits and permissions",
    details: { target, outcome: 'not-sent' },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** @param why a client that is there is of no use */
export function noClientError(name: string, cause: unknown, why?: { rule: string; hint: string }): WatertightError {
  const { rule, hint } = why ?? { rule: 'is not installed', hint: `npm install ${name}` };
  return new WatertightError('WT_PUBLISH_NO_CLIENT', `Cannot publish as the package ${name} ${rule}`, {
    hint,
    details: { package: name, outcome: 'not-sent' },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function connectTimeoutError(target: string, timeoutMs: number): WatertightError {
  const hint = 'check host and port, and whether the broker answers; connectTimeoutMs gives it more time';
  return connectError('WT_PUBLISH_CONNECT_TIMEOUT', target, `no answer within ${timeoutMs} ms`, hint);
}

export function poolFullError(target: string, limit: number): WatertightError {
  const message = `Cannot connect to ${shown(target)} as the pool has its ${limit} connections already`;
  return new WatertightError('WT_PUBLISH_POOL_FULL', message, {
    hint: 'close publishers to other URLs, or raise maxConnections of the ConnectionPool',
    details: { target, limit, outcome: 'not-sent' },
  });
}

export function flushTimeoutError(publisher: string, timeoutMs: number, buffered: number): WatertightError {
  const message = `${shown(publisher)} has ${buffered} events that are not confirmed after ${timeoutMs} ms`;
  return new WatertightError('WT_PUBLISH_FLUSH_TIMEOUT', message, {
    hint: 'they go on; see stats().lastError for what holds them up, or give flush() more time',
    details: { publisher, timeoutMs, buffered },
  });
}

/** A server that does not speak TLS takes the handshake for the beginning of a command, and waits for the rest. */
export function noTlsError(target: string, timeoutMs: number): WatertightError {
  const hint = 'check whether the broker speaks TLS on that port, or use the scheme without it';
  return connectError('WT_PUBLISH_CONNECT_TLS', target, `no answer to a TLS handshake within ${timeoutMs} ms`, hint);
}

export function graphClosedError(graph: string): WatertightError {
  return new WatertightError('WT_PUBLISH_GRAPH_CLOSED', `Cannot run ${shown(graph)} as it is closed`, {
    hint: 'run graphs before close(); a closed one is not opened again',
    details: { graph },
  });
}

export function graphBusyError(graph: string, limit: number): WatertightError {
  return new WatertightError('WT_PUBLISH_GRAPH_BUSY', `Cannot run ${shown(graph)} as it has ${limit} runs already`, {
    hint: 'await runs before starting more, or raise maxConcurrentRuns; runs() names those that are there',
    details: { graph, limit },
  });
}

/** @param by who stopped it @param isResumable whether it ended between two steps, with its checkpoint kept */
export function runStoppedError(
  graph: string,
  runId: string,
  by: string,
  details: { readonly reason: unknown; readonly nodes: readonly string[]; readonly isResumable: boolean },
  cause: unknown,
): WatertightError {
  const { reason, nodes, isResumable } = details;
  const why = reason === undefined ? '' : ` (${errorText(reason, 80)})`;
  return new WatertightError(
    'WT_PUBLISH_RUN_STOPPED',
    `Run ${shown(runId)} of ${shown(graph)} was stopped by ${by}${why}`,
    {
      hint: isResumable
        ? 'invoke the graph with null and the same thread_id to go on from its checkpoint'
        : 'the last checkpoint of its thread, if there is a checkpointer, is that of the last whole step',
      details: { graph, runId, by, nodes, isResumable },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** What became of an event, or of a flush or connect, at one child of a composite. */
export interface ChildFailure {
  readonly name: string;
  readonly error: Error;
}

/** Some of several publishers have not done it. @param done the names of those that have */
export function partialError(
  publisher: string,
  what: 'publish' | 'flush' | 'connect',
  failures: readonly ChildFailure[],
  done: readonly string[],
): WatertightError {
  const failed = failures.map(({ name, error }) => {
    const { code, details } = error as Partial<WatertightError>;
    return { name, code: code ?? error.name, ...(what === 'publish' ? { outcome: outcomeOf(details) } : {}) };
  });
  const isNowhere =
    done.length === 0 &&
    failures.every(({ error }) => outcomeOf((error as Partial<WatertightError>).details) === 'not-sent');
  const names = failures.map(({ name }) => shown(name)).join(', ');
  const message = `${shown(publisher)} could not ${what} to ${failures.length} of ${failures.length + done.length} publishers: ${names}`;
  return new WatertightError('WT_PUBLISH_PARTIAL', message, {
    hint: "details.failed says what became of it at each; give policy 'best-effort' to those that may fail",
    details: {
      publisher,
      failed,
      done,
      ...(what === 'publish' ? { outcome: isNowhere ? 'not-sent' : 'unknown' } : {}),
    },
    cause: new AggregateError(
      failures.map(({ error }) => error),
      message,
    ),
  });
}

function outcomeOf(details: WatertightError['details'] | undefined): FailedOutcome {
  return details?.outcome === 'not-sent' ? 'not-sent' : 'unknown';
}

/** No room: in the outbox, or on its disk. */
export function outboxFullError(folder: string, why: string, bytes: number, cause?: unknown): WatertightError {
  return new WatertightError(
    'WT_PUBLISH_OUTBOX_FULL',
    `Cannot put an event into the outbox ${shown(folder)}: ${shown(why)}`,
    {
      hint: 'make room on the disk, raise outbox.maxBytes, or see stats().lastError for why nothing leaves',
      details: { folder, bytes, outcome: 'not-sent' },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

/** The disk does not do what it is told. */
export function outboxFailedError(
  folder: string,
  why: string,
  outcome: FailedOutcome,
  cause?: unknown,
): WatertightError {
  const message = `Cannot use the outbox ${shown(folder)}: ${shown(why)}`;
  return new WatertightError(
    'WT_PUBLISH_OUTBOX_FAILED',
    cause === undefined ? message : `${message} (${shown(errorText(cause))})`,
    {
      hint: 'give a folder that this process may write, on a disk that works; what was accepted is still there',
      details: { folder, outcome },
      ...(cause === undefined ? {} : { cause }),
    },
  );
}

export function outboxBusyError(folder: string, pid: number | undefined): WatertightError {
  const by = pid === undefined ? 'another process' : pid === process.pid ? 'this process' : `process ${pid}`;
  const message = `Cannot open the outbox ${shown(folder)} as ${by} has it`;
  return new WatertightError('WT_PUBLISH_OUTBOX_BUSY', message, {
    hint: 'give each publisher a folder of its own, or close the other one first',
    details: { folder, outcome: 'not-sent', ...(pid === undefined ? {} : { pid }) },
  });
}
