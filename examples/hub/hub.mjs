/**
 * A small hub: people connect over WebSocket, send to one another, and hear the news. Whoever is away gets what was missed
 * on coming back.
 *
 * A client sends `{"to": "bob", "text": "hi"}` for a person and `{"news": "…"}` for everybody; it gets
 * `{"from", "text"}` and `{"news"}`.
 */
import { EventEmitter, once } from 'node:events';
import { createServer, STATUS_CODES } from 'node:http';
import { ConnectionRegistry } from 'watertight/connections';
import { Startup } from 'watertight/startup';
import { WebSocketServer } from 'ws';

const MAX_MESSAGE_BYTES = 65_536;
/** What is answered to an upgrade that the registry would refuse. */
const REFUSAL_STATUS = { closing: 503, limit: 503, 'per-user': 429 };

/**
 * Starts a hub that lives as long as `scope`: closing it refuses new connections, answers what has come in, closes the
 * others with 1001, and then stops the server.
 *
 * @param options.listen what `server.listen` takes: a port or the path of a unix socket
 * @param options.subscribe hands each connection its news; it must end with the connection
 */
export async function startHub(scope, { listen = 0, subscribe = untilItEnds, limits = {} } = {}) {
  return new Startup({ scope, name: 'hub' })
    .phase('parts')
    .step('news', {}, () => new EventEmitter().setMaxListeners(0))
    .step('server', {}, ({ scope }) => scope.server(createServer()))
    .step('registry', { needs: ['news'] }, ({ scope, results: { news } }) => openRegistry(scope, news, limits))
    .phase('doors')
    .step('requests', { needs: ['server', 'registry'] }, ({ scope, results: { server, registry } }) => {
      scope.on(server, 'request', (request, response) => answer(registry, request, response));
    })
    .step('upgrades', { needs: ['server', 'registry', 'news'] }, ({ scope, results: { server, registry, news } }) => {
      const upgrade = upgrader(registry, (connection) => subscribe(connection, news));
      scope.on(server, 'upgrade', upgrade);
    })
    .phase('open')
    .step('listening', { needs: ['server'] }, ({ results: { server } }) => once(server.listen(listen), 'listening'))
    .start();
}

function openRegistry(scope, news, limits) {
  const registry = new ConnectionRegistry({
    scope,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    ...limits,
    onMessage: (connection, text) => receive(registry, news, connection, text),
    onError: (error, connection) => console.error(`connection ${connection.id}: ${error.message}`),
  });
  return registry;
}

/** Refuses before the handshake who would be refused after it. */
function upgrader(registry, onConnection) {
  const webSockets = new WebSocketServer({ noServer: true, clientTracking: false, maxPayload: MAX_MESSAGE_BYTES });
  return (request, socket, head) => {
    const user = userOf(request);
    const refusal = user === null ? 401 : REFUSAL_STATUS[registry.refusal(user)];
    if (refusal !== undefined) return refuse(socket, refusal);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = registry.attach(webSocket, user);
      if (connection !== null) onConnection(connection);
    });
  };
}

/** The connection's own scope takes the listener off when the connection ends. */
function untilItEnds(connection, news) {
  connection.scope.on(news, 'news', (text) => tell(connection, text));
}

/** News are not kept for those who have gone. */
export function tell(connection, text) {
  if (connection.state === 'open') connection.send(JSON.stringify({ news: text }));
}

function receive(registry, news, connection, text) {
  const { to, text: body, news: announced } = JSON.parse(text);
  if (announced !== undefined) return news.emit('news', String(announced));
  return registry.send(String(to), JSON.stringify({ from: connection.userId, text: String(body) }));
}

/** In a real server the user comes out of a session that was checked, never out of what the client claims. */
function userOf(request) {
  const user = new URL(request.url, 'http://hub').searchParams.get('user');
  return user !== null && /^[\w-]{1,64}$/.test(user) ? user : null;
}

function refuse(socket, status) {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function answer(registry, request, response) {
  if (request.url !== '/health') return response.writeHead(404).end();
  const health = registry.health();
  response.writeHead(health.status === 'critical' || health.status === 'degraded' ? 503 : 200, {
    'content-type': 'application/json',
  });
  response.end(JSON.stringify({ ...health, held: registry.stats().held }));
}
