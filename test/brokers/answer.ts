import { connect } from 'node:net';

/** For one try: a server that has accepted a connection and says nothing is not there yet. */
const TRY_MS = 1_000;

/** What the server on this port says to these bytes first, as latin1; undefined when it says nothing. */
export function answerOf(port: number, request: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answer?: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(TRY_MS, () => end());
    socket.once('error', () => end());
    socket.once('close', () => end());
    socket.once('connect', () => socket.write(request, 'latin1'));
    socket.once('data', (bytes) => end(bytes.toString('latin1')));
  });
}
