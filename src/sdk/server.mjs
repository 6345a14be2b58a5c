/** HTTP on the unix socket: the Messages API, health and metrics. */

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

import { readBody } from './body.mjs';
import { ApiError } from './errors.mjs';
import { MessageBuilder } from './events.mjs';
import { checked } from './format.mjs';
import { counted, render } from './metrics.mjs';
import { readCredential, readRequest } from './request.mjs';

/** nginx keeps an idle connection for 60 s; ours must outlast it. */
const KEEP_ALIVE = 120000;
const HEADERS = 125000;
const REQUEST = 300000;
/** Bytes that a client may leave unread, and that a whole answer may have. */
const MOST_UNREAD = 1024 * 1024;
const MOST_ANSWER = 32 * 1024 * 1024;
const ID = /^[\w.:-]{1,128}$/;
/** W3C Trace Context, version 00: the trace and the caller's span. */
const TRACE = /^00-(?!0+-)([\da-f]{32})-(?!0+-)([\da-f]{16})-[\da-f]{2}$/;

/**
 * @param {object} parts
 * @param {Pool} parts.pool
 * @param {object} parts.settings of settings.mjs
 * @param {object} parts.log of log.mjs
 * @returns {import('node:http').Server} not yet listening
 */
export function createBridge({ pool, settings, log }) {
  const answered = new Map();
  let refused = 0;
  const server = createServer({
    keepAliveTimeout: KEEP_ALIVE,
    headersTimeout: HEADERS,
    requestTimeout: REQUEST,
  });

  server.on('request', async (req, res) => {
    const route = `${req.method} ${req.url.split('?', 1)[0]}`;
    if (!server.listening) res.setHeader('connection', 'close');
    if (route === 'POST /v1/messages') {
      await messages(req, res);
    } else if (route === 'POST /v1/messages/count_tokens') {
      req.resume();
      sendJson(res, 501, new ApiError(501, 'tokens are not counted').toBody());
    } else if (route === 'GET /health') {
      const health = pool.health();
      sendJson(res, health.status === 'ok' ? 200 : 503,
        { ...health, ...counted(pool), refused });
    } else if (route === 'GET /metrics') {
      res.setHeader('content-type', 'text/plain; version=0.0.4');
      res.end(render(pool, answered, refused));
    } else {
      sendJson(res, 404, new ApiError(404, 'no such resource').toBody());
    }
  });

  async function messages(req, res) {
    const call = new Call(req, res);
    try {
      const raw = await readBody(req, settings.maxBody);
      const credential = readCredential(req.headers);
      const turn = readRequest(raw);
      Object.assign(turn.flags.env, credential);
      turn.keyId = call.keyId;
      const all = pool.answer(turn, call.signal);
      const events = turn.format ? checked(all, turn.format) : all;
      await (turn.stream ? call.stream(events) : call.whole(events));
    } catch (error) {
      call.fail(error);
      if (error?.isPools && !call.signal.aborted) refused++;
      if (!(error instanceof ApiError) && !call.signal.aborted) {
        log.error('internal', { request_id: call.id, trace_id: call.traceId,
          error: error?.name, at: error?.stack?.split('\n', 2)[1]?.trim() });
      }
    }
    answered.set(call.outcome, (answered.get(call.outcome) ?? 0) + 1);
    log.info('request', call.report());
  }

  return server;
}

/** One request and its response. */
class Call {
  #res;
  #begun = Date.now();
  #first = null;
  #abort = new AbortController();

  outcome = 'aborted';

  constructor(req, res) {
    const { 'x-request-id': id, 'x-claude-key-id': keyId, traceparent }
      = req.headers;
    this.id = ID.test(id ?? '') ? id : `req_${randomBytes(12).toString('hex')}`;
    this.keyId = ID.test(keyId ?? '') ? keyId : undefined;
    [, this.traceId, this.spanId] = TRACE.exec(traceparent ?? '') ?? [];
    this.#res = res;
    res.setHeader('request-id', this.id);
    res.on('error', () => {});
    res.once('close', () => {
      if (!res.writableEnded) this.#abort.abort();
    });
  }

  /** @returns {AbortSignal} aborts when the client went */
  get signal() {
    return this.#abort.signal;
  }

  /** Sends each event on as it comes. */
  async stream(events) {
    const res = this.#res;
    for await (const event of events) {
      if (this.signal.aborted) return;
      if (this.#first === null) this.#begin();
      res.write(frame(event.type, event));
      if (event.type === 'message_stop') {
        this.outcome = '200';
        res.end();
      } else if (res.writableLength > MOST_UNREAD) {
        this.outcome = 'unread';
        res.destroy();
      }
    }
  }

  /** Gathers the events and sends one document. */
  async whole(events) {
    const builder = new MessageBuilder();
    let size = 0;
    for await (const event of events) {
      this.#first ??= Date.now();
      size += JSON.stringify(event).length;
      if (size > MOST_ANSWER) {
        throw new ApiError(502, 'the answer is too large to be sent whole');
      }
      builder.add(event);
    }
    if (this.signal.aborted) return;
    this.outcome = '200';
    sendJson(this.#res, 200, builder.message);
  }

  /** A status while that is possible, an event in the stream afterwards. */
  fail(cause) {
    const res = this.#res;
    if (this.signal.aborted || res.writableEnded) return;
    const error = cause instanceof ApiError ? cause
      : new ApiError(500, 'the bridge had an internal error');
    this.outcome = String(error.status);
    if (res.headersSent) {
      res.end(frame('error', error.toBody()));
      return;
    }
    for (const [name, value] of Object.entries(error.headers)) {
      res.setHeader(name, value);
    }
    sendJson(res, error.status, error.toBody(this.id));
  }

  /** @returns {object} what the log says */
  report() {
    return {
      request_id: this.id,
      trace_id: this.traceId,
      span_id: this.spanId,
      key_id: this.keyId,
      outcome: this.outcome,
      first_ms: this.#first === null ? undefined : this.#first - this.#begun,
      ms: Date.now() - this.#begun,
    };
  }

  #begin() {
    this.#first = Date.now();
    this.#res.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
    });
  }
}

function frame(type, data) {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function sendJson(res, status, document) {
  const text = JSON.stringify(document);
  res.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  res.end(text);
}
