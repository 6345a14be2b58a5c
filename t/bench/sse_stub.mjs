// A Messages server that costs next to nothing: the same prepared bytes for
// every request.  node sse_stub.mjs SOCKET paced|burst|document

import net from 'node:net';
import { unlinkSync } from 'node:fs';

const DELTAS = 16;
const TEXT = 'a few words of an answer, as long as a delta usually is. ';

const event = (type, fields) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;

const chunk = (text) =>
  `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

const usage = { input_tokens: 12, output_tokens: 1 };

const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n' +
  'Transfer-Encoding: chunked\r\n\r\n' +
  chunk(event('message_start', { message: {
    id: 'msg_1', type: 'message', role: 'assistant', content: [],
    model: 'claude-sonnet-5-5', stop_reason: null, usage } }) +
    event('content_block_start', {
      index: 0, content_block: { type: 'text', text: '' } }));

const delta = chunk(event('content_block_delta', {
  index: 0, delta: { type: 'text_delta', text: TEXT } }));

const tail = chunk(event('content_block_stop', { index: 0 }) +
  event('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 200 } }) +
  event('message_stop', {})) + '0\r\n\r\n';

const answer = JSON.stringify({ object: 'chat.completion', choices: [{
  message: { role: 'assistant', content: TEXT.repeat(DELTAS) } }] });

const document = [Buffer.from('HTTP/1.1 200 OK\r\nContent-Type: ' +
  `application/json\r\nContent-Length: ${answer.length}\r\n\r\n${answer}`)];

const whole = [head, ...Array(DELTAS).fill(delta), tail]
  .map((part) => Buffer.from(part, 'latin1'));

/** All at once, or each part a millisecond after the one before. */
function send(socket, parts) {
  if (!paced) {
    socket.write(Buffer.concat(parts));
    return;
  }
  socket.write(parts[0]);
  if (parts.length > 1) later.push([socket, parts.slice(1)]);
}

function tick() {
  for (const [socket, parts] of later.splice(0)) send(socket, parts);
}

/** Requests arrive whole or in pieces, each with Content-Length. */
function serve(socket) {
  let pending = '', skip = 0, hold = false;

  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    pending += data.toString('latin1');

    for (;;) {
      if (skip === 0) {
        const end = pending.indexOf('\r\n\r\n');
        if (end < 0) return;

        const length = /content-length: (\d+)/i.exec(pending.slice(0, end));
        skip = Number(length?.[1] ?? 0);
        pending = pending.slice(end + 4);
      }

      // of a long prompt nothing is kept
      hold ||= pending.includes('claude-hold');
      const taken = Math.min(skip, pending.length);
      pending = pending.slice(taken);
      skip -= taken;
      if (skip) return;

      // a stream that is held open has had its first delta
      send(socket, process.argv[3] === 'document' ? document
        : hold ? whole.slice(0, 2) : whole);
      hold = false;
      if (!pending) return;
    }
  });
}

const path = process.argv[2];
const paced = process.argv[3] === 'paced';
const later = [];
if (paced) setInterval(tick, 1);
try { unlinkSync(path); } catch { /* none there */ }
process.umask(0);
net.createServer(serve).listen(path, 1024, () => console.log('ready'));
