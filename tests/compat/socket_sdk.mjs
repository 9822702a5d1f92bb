// The behaviour of the original's WebSocket client, driven by a test. Contract: hooks 6.
//
//   node socket_sdk.mjs <folder with node_modules> <ws url> <agent> <session> <channel>…
//
// in, one word a line: drop (cut the connection) | publish | state | quit
// out, JSON a line: {state} | {sent: frame} | {event: {id, channel, event, data}}
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [folder, wsUrl, agent_id, session_id, ...channels] = process.argv.slice(2);
const WebSocket = createRequire(`${folder}/package.json`)('ws');
const report = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

let socket;
let state = 'disconnected';
let attempts = 0;
const become = (next) => report({ state: (state = next) });
const send = (frame) => {
  report({ sent: frame });
  socket.send(JSON.stringify(frame));
};

function connect() {
  become('connecting');
  socket = new WebSocket(`${wsUrl}?agent_id=${agent_id}`);
  socket.on('open', () => {
    attempts = 0;
    become('connected');
    send({ type: 'auth', agent_id, session_id });
    socket.pinging = setInterval(() => send({ type: 'ping' }), 25000);
  });
  socket.on('message', (text) => take(JSON.parse(text)));
  socket.on('error', () => {});
  socket.on('close', (code) => {
    clearInterval(socket.pinging);
    become('disconnected');
    if (code !== 1000 && attempts < 10)
      setTimeout(connect, Math.min(1000 * 2 ** attempts++, 30000));
  });
}

function take(frame) {
  if (frame.type === 'ack') {
    if (!frame.success) return;
    become('authenticated');
    for (const channel of channels) send({ type: 'subscribe', channel });
  } else if (frame.type === 'ping') send({ type: 'pong' });
  else if (frame.type === 'error') report({ error: frame });
  else if (frame.type !== 'pong' && frame.type !== 'connected') {
    const { id = '', channel = 'global', event = 'unknown', data = {} } = frame;
    if (id) send({ type: 'ack', message_id: id });
    report({ event: { id, channel, event, data } });
  }
}

createInterface({ input: process.stdin })
  .on('line', (word) => {
    if (word === 'drop') socket.terminate();
    else if (word === 'state') report({ state });
    else if (word === 'publish')
      send({ type: 'publish', channel: 'global', event: 'task.created', data: { id: 'mine' } });
    else process.exit(0);
  })
  .on('close', () => process.exit(0));
connect();
