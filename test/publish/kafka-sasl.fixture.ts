import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

const SASL_HANDSHAKE = 17;
const API_VERSIONS = 18;
const SASL_AUTHENTICATE = 36;
const UNSUPPORTED_VERSION = 35;
const SASL_AUTHENTICATION_FAILED = 58;
/** Key, lowest and highest version: with Produce and Metadata, which clients look for. */
const APIS = [
  [0, 3, 7],
  [3, 1, 5],
  [SASL_HANDSHAKE, 0, 1],
  [API_VERSIONS, 0, 2],
  [SASL_AUTHENTICATE, 0, 1],
];

const int16 = (value: number) => [(value >> 8) & 255, value & 255];
const int32 = (value: number) => [...int16(value >> 16), ...int16(value)];
const text = (value: string) => [...int16(value.length), ...Buffer.from(value)];

/**
 * Says no to every password, as Kafka does: the mock of librdkafka knows no SASL. Nothing but the first three answers of the
 * protocol (KIP-43, KIP-152).
 */
export async function startSaslRefusal(): Promise<Server> {
  const server = createServer((socket) => answer(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function answer(socket: Socket): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    received = Buffer.concat([received, bytes]);
    while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
      const size = received.readInt32BE(0);
      const body = [...received.subarray(8, 12), ...answerTo(received.readInt16BE(4), received.readInt16BE(6))];
      socket.write(Buffer.from([...int32(body.length), ...body]));
      received = received.subarray(4 + size);
    }
  });
}

function answerTo(api: number, version: number): number[] {
  if (api === SASL_HANDSHAKE) return [...int16(0), ...int32(1), ...text('PLAIN')];
  if (api === SASL_AUTHENTICATE) {
    return [...int16(SASL_AUTHENTICATION_FAILED), ...text('wrong password'), ...int32(0), ...int32(0), ...int32(0)];
  }
  if (version > 2) return [...int16(UNSUPPORTED_VERSION), ...int32(0)];
  return [...int16(0), ...int32(APIS.length), ...APIS.flat().flatMap(int16), ...int32(0)];
}
