/** A chat over HTTP and WebSocket that forgets: each request, connection and message leaves a listener on the bus. */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { Room, readJson, serve } from './room.mjs';

const room = new Room();

const server = createServer(async (request, response) => {
  const answer = (status, body) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    if (request.method === 'POST') {
      const { from, text } = await readJson(request);
      return answer(201, room.say(from, text));
    }
    answer(200, await listMessages());
  } catch (error) {
    answer(400, { error: error.message });
  }
});

/** The messages, newest first, with those that arrive while we wait for the people online. */
async function listMessages() {
  const fresh = [];
  const onMessage = (message) => fresh.push(message.id);
  room.bus.on('message', onMessage);
  const messages = room.messages.toReversed();
  const online = await countOnline();
  return { online, fresh, messages };
}

const sockets = new WebSocketServer({ server });

async function countOnline() {
  await new Promise(setImmediate);
  return sockets.clients.size;
}

sockets.on('connection', (socket) => {
  room.bus.on('message', (message) => socket.send(JSON.stringify(message)));
  socket.on('message', (data) => {
    const said = room.say('guest', data);
    room.bus.on('message', (reply) => {
      if (reply.text.includes(`@${said.id}`)) socket.send(JSON.stringify({ answered: said.id }));
    });
  });
});

serve(server, sockets);
