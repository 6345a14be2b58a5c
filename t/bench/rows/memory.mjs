// What an open stream costs nginx in memory: ten thousand at once, or as many
// as this machine lets two workers have.

import net from 'node:net';
import { once } from 'node:events';
import { Rig, memory } from '../rig.mjs';

const STREAMS = 10000;
const WORKERS = 2;
const AT_ONCE = 200;
const HOLD = JSON.stringify({ model: 'claude-hold', stream: true,
  messages: [{ role: 'user', content: 'Hold.' }] });

/** Opens a stream; it has had its first delta. */
async function open(rig, i) {
  const socket = net.connect({ port: rig.port, host: '127.0.0.1',
    localAddress: `127.0.0.${2 + i % 4}` });
  socket.write('POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n' +
    `Authorization: Bearer ${rig.key}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${HOLD.length}\r\n\r\n${HOLD}`);
  let text = '';
  while (!text.includes('"content":"a few')) {
    const [data] = await once(socket, 'data');
    text += data;
    if (/^HTTP\/1.1 [45]/.test(text)) throw new Error(text.slice(0, 300));
  }
  socket.on('error', () => {});
  return socket;
}

async function many(rig, n, sockets = []) {
  while (sockets.length < n) {
    const base = sockets.length;
    sockets.push(...await Promise.all(Array.from(
      { length: Math.min(AT_ONCE, n - base) }, (_, i) => open(rig, base + i))));
  }
  return sockets;
}

const used = (rig) => rig.workers.reduce((sum, pid) => sum + memory(pid), 0);

export async function rows() {
  const rig = new Rig();
  try {
    await rig.nginx(await rig.stub('stub', 'paced'), { workers: WORKERS });

    // connections are allocated beforehand, so few streams tell of them
    for (const socket of await many(rig, 50)) socket.destroy();
    const before = used(rig);
    const sockets = await many(rig, STREAMS);
    const bytes = (used(rig) - before) / STREAMS;
    for (const socket of sockets) socket.destroy();

    return [{ what: `memory of a stream, ${STREAMS} open`, than: '20 KB',
      ratio: bytes / 1024 / 20, atMost: 1,
      value: `${(bytes / 1024).toFixed(1)} KB`, bytes }];
  } finally {
    await rig.stop();
  }
}
