import type { RefusalReason } from './connection-registry.js';
import type { EndCause } from './link.js';
import type { DropReason } from './recovery.js';

/** Counts since the registry was made. A message for several users counts once for each. */
export class Totals {
  attached = 0;
  ended = 0;
  /** Sockets that were not attached, by reason. */
  readonly refused: Record<RefusalReason | 'gone', number> = { closing: 0, limit: 0, 'per-user': 0, gone: 0 };
  /** Connections that this side ended for a cause of its own. */
  readonly cut: Record<EndCause, number> = {
    silent: 0,
    slow: 0,
    replay: 0,
    handshake: 0,
    forced: 0,
    'too-big': 0,
    failed: 0,
  };
  /** Messages accepted by `send`, `broadcast` and `Connection.send`: in the end each is delivered or dropped. */
  messages = 0;
  /** Left through at least one connection: the kernel took them. */
  delivered = 0;
  /** Of these, kept for their user before. */
  replayed = 0;
  readonly dropped: Record<DropReason, number> = {
    overflow: 0,
    expired: 0,
    memory: 0,
    users: 0,
    slow: 0,
    unreachable: 0,
    closed: 0,
  };
  /** Messages that one slow connection did not get, whether or not another one of its user did. */
  missed = 0;
  received = 0;
  handlerFailures = 0;
  socketErrors = 0;
  /** Releases in scopes of connections that failed or did not end. */
  releaseFailures = 0;
  /** Attempts to use a connection or socket for a user that it does not belong to. */
  violations = 0;
}
