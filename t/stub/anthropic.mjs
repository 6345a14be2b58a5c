#!/usr/bin/env node
// A stub of Anthropic's Messages API, for the tests and for the demo model.
// It listens on loopback (and on a unix socket if told), calls nobody, bills
// nothing, and is close enough to the real API for @anthropic-ai/sdk and for
// the Claude Agent SDK.
//
//   node anthropic.mjs [--port N] [--socket PATH] [--no-journal]
//
// The first line on standard output is `listening on http://127.0.0.1:PORT`;
// with --socket a second one is `listening on unix:PATH`. --port 0, the
// default, takes a free port. --no-journal keeps no request in memory.
//
// Served: POST /v1/messages, POST /v1/messages/count_tokens, GET /v1/models,
// GET /v1/models/{id}, with Anthropic's checks and error documents. A
// credential with `refused` or `expired` in it gets 401. For the tests:
//
//   GET    /_stub/requests  the last requests, oldest first: {n, method, url,
//                           headers, body (text), status, deltas (sent),
//                           startedAt, endedAt (ms, or null), closed
//                           ('client', 'server', or null)}
//   DELETE /_stub/requests  forgets them, and what `times` has counted
//   GET    /_stub/open      {"open": number of API answers not yet ended,
//                           "hung": names of those that hang}
//   POST   /_stub/release   lets every answer go on that hangs;
//                           ?name=NAME only those with that name
//
// Tokens: four bytes of UTF-8 make one, rounded up. Input is the JSON text of
// `system`, `messages` and `tools`, each rounded by itself; output is the
// text, thinking and tool input, each block by itself.
//
// The answer is chosen by directives in the text of the last user message
// (its text blocks and tool results), `[[stub key=value ...]]`. A value is a
// bare word, a JSON string, or a JSON object; `key` alone means `key=1`; an
// unknown key is a 400. Without a directive the answer is a short greeting
// that quotes the user; with an output_config.format a sample of its schema;
// where tool_choice asks for a tool a call of it, its input a sample too.
//
// What is answered
//   text="..."        this text
//   echo              the user's text exactly, without its directives
//   echo=all          the same with them
//   echo=body         the request's body as JSON text
//   size=N            N bytes of ASCII text (64 MB at most)
//   deltas=N          in N pieces; without any of the above the text is
//                     "1 2 ... N ", a number a delta (a million at most)
//   thinking[="..."]  a thinking block with a signature comes first
//   redacted          a redacted thinking block comes first
//   tool=NAME args={...} [id=ID]
//                     a tool_use block; several make parallel calls; args as
//                     a JSON string are sent as they are, sound or not
//   stop=REASON       this stop_reason (refusal, pause_turn, null, ...)
//   input=N output=N cache-read=N cache-creation=N
//                     these usage counts
//   stop_sequences and max_tokens of the request are honoured.
//
// When
//   first=MS          before the headers
//   wait=MS           between the headers and the first event
//   delay=MS          between deltas
//   hang=headers|start|stream [name=NAME]
//                     stops there until released, two minutes at most:
//                     before the headers, before the first event, after
//                     `after=N` deltas (0 by default)
//
// Faults. N counts deltas of all blocks; with fewer it comes at their end.
//   status=N [type=T] [message="..."] [body=empty|html]
//                     an error instead of an answer; with `body` that body
//                     instead of an error document (status=200 too)
//   retry-after=S retry-after-ms=MS should-retry=true|false
//                     headers, with any status
//   unified=allowed|allowed_warning|rejected|none [reset=S]
//                     the subscription's limit headers, ending in S seconds;
//                     by default allowed with an OAuth token, else none
//   times=N name=NAME the directive holds for the first N requests that bear
//                     the name; later ones are answered as if it had only
//                     its text, echo, size and deltas
//   error=T after=N [message="..."]
//                     an SSE error event after N deltas, then the end; not
//                     streamed: an error answer
//   cut=N | cut=headers
//                     destroys the connection after N deltas
//   truncate=N        ends the response cleanly after N deltas
//   skip=EVENT        leaves out the events of this type
//   garbage=N [kind=json|event|utf8|line] [bytes=N]
//                     after N deltas, and goes on: an event that is not JSON,
//                     an unknown event (sound), invalid UTF-8 in a delta, or
//                     `bytes` bytes (65536) without a line end
//   Not streamed, cut and truncate stop in the middle of the document, and
//   garbage is an answer that is not JSON.
//
// How it is written
//   chunk=N           N bytes a write (1: byte by byte)
//   ascii             every non-ASCII character as \u escapes
//   crlf              lines end in CR LF
//   header="Name: value"
//                     an additional response header; several are possible

import { createServer } from 'node:http';
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { Api } from './api.mjs';

const KEEP_ALIVE = 75000;
const LOOPBACK = '127.0.0.1';

function listen(server, where) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/**
 * Starts the stub.
 *
 * @param {{port?: number, socket?: string, journal?: boolean}} [options]
 * @returns {Promise<{url: string, requests: () => object[],
 *   open: () => number, hung: () => string[], release: (name?: string) => void,
 *   clear: () => void, close: () => Promise<void>}>}
 */
export async function startStub({ port = 0, socket, journal = true } = {}) {
  const api = new Api({ journal });
  const handler = (req, res) => api.handle(req, res);
  const places = [{ port, host: LOOPBACK }];
  if (socket) places.push({ path: socket });
  const servers = [];
  const close = async () => {
    await Promise.all(servers.map((server) => new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    })));
  };
  try {
    for (const place of places) {
      const server = createServer({ keepAliveTimeout: KEEP_ALIVE }, handler);
      await listen(server, place);
      servers.push(server);
    }
  } catch (e) {
    await close();
    throw e;
  }
  return {
    url: `http://${LOOPBACK}:${servers[0].address().port}`,
    requests: () => api.requests(), open: () => api.open,
    hung: () => api.hung(), release: (name) => api.release(name),
    clear: () => api.clear(), close,
  };
}

async function main() {
  const { values } = parseArgs({ options: {
    port: { type: 'string', default: '0' }, socket: { type: 'string' },
    'no-journal': { type: 'boolean', default: false } } });
  const stub = await startStub({ port: Number(values.port),
    socket: values.socket, journal: !values['no-journal'] });
  console.log(`listening on ${stub.url}`);
  if (values.socket) console.log(`listening on unix:${values.socket}`);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => stub.close().then(() => process.exit(0)));
  }
}

if (process.argv[1]
    && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  main().catch((e) => {
    console.error(`anthropic stub: ${e.message}`);
    process.exit(1);
  });
}
