/** The twin of `leaky-server.mjs`: whoever adds a listener to the bus takes it off when done. */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { Room, readJson, serve } from './room.mjs';

/** A guest is told of answers to this many of their last messages; older ones have left the room's list anyway. */
const ANSWERABLE_MESSAGES = 50;

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
  try {
    const messages = room.messages.toReversed();
    const online = await countOnline();
    return { online, fresh, messages };
  } finally {
    room.bus.off('message', onMessage);
  }
}

const sockets = new WebSocketServer({ server });

async function countOnline() {
  await new Promise(setImmediate);
  return sockets.clients.size;
}

sockets.on('connection', (socket) => {
  const awaitingReply = new Set();
  const onMessage = (message) => {
    socket.send(JSON.stringify(message));
    for (const id of awaitingReply) {
      if (!message.text.includes(`@${id}`)) continue;
      awaitingReply.delete(id);
      socket.send(JSON.stringify({ answered: id }));
    }
  };
  room.bus.on('message', onMessage);
  socket.on('close', () => room.bus.off('message', onMessage));
  socket.on('message', (data) => {
    awaitingReply.add(room.say('guest', data).id);
    if (awaitingReply.size > ANSWERABLE_MESSAGES) awaitingReply.delete(awaitingReply.values().next().value);
  });
});

serve(server, sockets);
