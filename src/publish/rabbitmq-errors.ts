import { errorText } from '../core/index.js';
import { connectErrorOf } from './broker-url.js';
import { connectError, noDestinationError } from './publish-errors.js';

/** Reply codes of AMQP 0-9-1 (section 1.2 of its specification), as RabbitMQ uses them. */
export const ACCESS_REFUSED = 403;
const NOT_FOUND = 404;
export const PRECONDITION_FAILED = 406;
const CONNECTION_FORCED = 320;
const COMMAND_INVALID = 503;

/** The broker's code, of an error of amqplib's; undefined when the broker has not said anything. */
export function replyCodeOf(error: unknown): number | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === 'number') return code;
  // While a connection is being made, the code stands in the text only.
  const [, inText] = /by server: (\d{3}) /.exec(errorText(error)) ?? [];
  return inText === undefined ? undefined : Number(inText);
}

/** Why there is no connection, as one of `WT_PUBLISH_*`. */
export function connectionErrorOf(target: string, virtualHost: string, error: unknown): Error {
  const text = errorText(error);
  const code = replyCodeOf(error);
  if (code === ACCESS_REFUSED) return notAllowed(target, error);
  if (code === CONNECTION_FORCED) return notNow(target, error);
  // amqplib keeps to itself what the broker says then. Some of it passes: a limit, a virtual host that starts.
  if (/Expected ConnectionOpenOk; got <ConnectionClose/.test(text)) {
    const why = `the virtual host ${virtualHost} is refused: there is none, the user may not use it, or it is full or down`;
    const hint =
      'compare the path of the url with rabbitmqctl list_vhosts, list_permissions; the broker logs the reason';
    return connectError('WT_PUBLISH_CONNECT_REFUSED', target, why, hint, error);
  }
  return connectErrorOf(target, error);
}

/**
 * Why there is no channel to an exchange, as one of `WT_PUBLISH_*`.
 * @param kind of the exchange as it was asked for: `durable topic exchange`
 */
export function channelErrorOf(target: string, error: unknown, kind: string, exchange: string): Error {
  switch (replyCodeOf(error)) {
    case ACCESS_REFUSED:
      return notAllowed(target, error);
    case NOT_FOUND:
    case PRECONDITION_FAILED:
    case COMMAND_INVALID:
      return noDestinationError(target, kind, exchange, error);
    case CONNECTION_FORCED:
      return notNow(target, error);
  }
  return connectErrorOf(target, error);
}

/** The broker's own words, without amqplib's around them. */
function saidBy(error: unknown): string {
  const text = errorText(error);
  return /with message "(.*)"/s.exec(text)?.[1] ?? text;
}

function notAllowed(target: string, cause: unknown): Error {
  const hint = 'check user and password in the url, and what the user may do (rabbitmqctl list_permissions)';
  return connectError('WT_PUBLISH_CONNECT_AUTH', target, saidBy(cause), hint, cause);
}

/** It stops, or an operator has ended the connection. */
function notNow(target: string, cause: unknown): Error {
  return connectError('WT_PUBLISH_CONNECT_REFUSED', target, saidBy(cause), "see the broker's log", cause);
}

/** The broker takes nothing from anybody who publishes: its memory or its disk is short. */
export function heldBackError(target: string, reason: string, cause?: unknown): Error {
  const hint = 'give the broker memory or disk (rabbitmqctl status names the alarm), or have its queues read';
  return connectError(
    'WT_PUBLISH_CONNECT_REFUSED',
    target,
    `the broker takes no messages for now: ${reason}`,
    hint,
    cause,
  );
}
