import { errorText } from '../core/index.js';
import { connectError } from './publish-errors.js';

/** @throws WatertightError WT_PUBLISH_CONNECT_URL. @param schemes as `redis:` */
export function brokerUrl(url: unknown, schemes: readonly string[]): URL {
  const example = `${schemes[0]}//127.0.0.1:<port>`;
  const hint = `give a url as ${example}; letters of a password that mean something in a URL are written as %XX`;
  const parsed = typeof url === 'string' ? (URL.parse?.(url) ?? tryParse(url)) : null;
  if (!parsed)
    throw connectError(
      'WT_PUBLISH_CONNECT_URL',
      'a broker',
      `${typeof url === 'string' ? 'its url' : `a url that is ${typeof url}`} cannot be read`,
      hint,
    );
  if (!schemes.includes(parsed.protocol)) {
    throw connectError(
      'WT_PUBLISH_CONNECT_URL',
      withoutPassword(parsed),
      `its url begins with ${parsed.protocol}, not ${schemes.join(' or ')}`,
      hint,
    );
  }
  if (parsed.hostname === '')
    throw connectError('WT_PUBLISH_CONNECT_URL', withoutPassword(parsed), 'its url names no host', hint);
  return parsed;
}

function tryParse(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/** What may be printed: scheme, user, host, port and path. */
export function withoutPassword(url: URL): string {
  const user = url.username === '' ? '' : `${url.username}@`;
  return `${url.protocol}//${user}${url.host}${url.pathname === '/' ? '' : url.pathname}`;
}

/** Words by which brokers and OpenSSL tell that they speak of different things. */
const TLS = /ssl|tls|wrong version number|certificate|self.signed|EPROTO|http request/i;
const AUTH = /WRONGPASS|NOAUTH|NOPERM|ACCESS.REFUSED|auth|password|login|credential|SASL|permission/i;
const TIMEOUT = /ETIMEDOUT|time.?out|timed out/i;
const NO_HOST = /ENOTFOUND|EAI_AGAIN/;
/** The other side has gone while the connection was made: it starts, stops, or a proxy stands before it. */
const CUT =
  /ECONNRESET|EPIPE|abruptly|hang up|unexpected close|(connection|socket) (is |was )?(closed|ended|disconnected)|closed (the )?connection|channel ended/i;
const REFUSED = /ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|CONNECTION.REFUSED/i;

/** What a failed connection means, as one of `WT_PUBLISH_CONNECT_*`. */
export function connectErrorOf(target: string, error: unknown): Error {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === 'string' && code.startsWith('WT_')) return error as Error;
  const text = `${typeof code === 'string' ? code : ''} ${errorText(error)}`;
  const make = (kind: Parameters<typeof connectError>[0], why: string, hint: string) =>
    connectError(kind, target, why, hint, error);
  if (NO_HOST.test(text))
    return make(
      'WT_PUBLISH_CONNECT_REFUSED',
      'there is no such host',
      'check the host in the url, and name resolution',
    );
  if (REFUSED.test(text))
    return make('WT_PUBLISH_CONNECT_REFUSED', 'nobody listens there', 'start the broker, or check host and port');
  if (CUT.test(text)) {
    return make(
      'WT_PUBLISH_CONNECT_REFUSED',
      `the connection was cut while it was made (${errorText(error)})`,
      'the broker may be starting; if it is not, check that it speaks TLS where the url says so, and nowhere else',
    );
  }
  if (AUTH.test(text))
    return make(
      'WT_PUBLISH_CONNECT_AUTH',
      `user or password are refused (${errorText(error)})`,
      'check user and password in the url',
    );
  if (TLS.test(text)) {
    return make(
      'WT_PUBLISH_CONNECT_TLS',
      `one side speaks TLS, the other does not, or the certificate is refused (${errorText(error)})`,
      'check the scheme of the url (rediss:, amqps:, tls:) and the certificates',
    );
  }
  if (TIMEOUT.test(text))
    return make(
      'WT_PUBLISH_CONNECT_TIMEOUT',
      `no answer in time (${errorText(error)})`,
      'check host and port, and whether the broker answers; connectTimeoutMs gives it more time',
    );
  return make(
    'WT_PUBLISH_CONNECT_PROTOCOL',
    errorText(error),
    'check that the url leads to a broker of this kind, and not to another port',
  );
}
