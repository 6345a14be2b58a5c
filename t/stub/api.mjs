// The stub's routes.

import { makeAnswer, makeEvents, makeId } from './answer.mjs';
import { parseDirectives } from './directive.mjs';
import { ApiError, errorDocument, errorStatus } from './errors.mjs';
import { Exchange, Gone, stream } from './exchange.mjs';
import { apiHeaders } from './headers.mjs';
import { Journal } from './journal.mjs';
import { modelDocument, modelList } from './models.mjs';
import { inputTokens, lastUserText } from './request.mjs';
import { checkCredential, checkRequest, parseBody } from './validate.mjs';

const MAX_BODY = 32 * 1024 * 1024;
const MOST_NAMES = 1000;
const ANSWER_KEYS = ['text', 'echo', 'size', 'deltas', 'tools', 'headers'];

async function readBody(req) {
  const parts = [];
  let size = 0;
  for await (const part of req) {
    size += part.length;
    if (size <= MAX_BODY) parts.push(part);
  }
  if (size > MAX_BODY) {
    throw new ApiError(413, 'Request exceeds the maximum size');
  }
  return Buffer.concat(parts);
}

function sendJson(res, status, document, headers = {}) {
  const text = JSON.stringify(document);
  res.writeHead(status, { 'content-type': 'application/json',
    'content-length': Buffer.byteLength(text), ...headers });
  res.end(text);
}

/** The stub's state and its request handler. */
export class Api {
  /** Number of API answers that have not ended. */
  open = 0;
  #journal;
  #hung = new Map();
  #times = new Map();

  /** @param {{journal: boolean}} options */
  constructor({ journal }) {
    this.#journal = journal ? new Journal() : null;
  }

  /** @returns {object[]} the journal's entries */
  requests() {
    return this.#journal?.entries() ?? [];
  }

  /** Forgets the journal and the counts of `times`. */
  clear() {
    this.#journal?.clear();
    this.#times.clear();
  }

  /** @returns {string[]} the names of the answers that hang */
  hung() {
    return [...this.#hung.values()];
  }

  /** @param {string} [name] lets these hanging answers go on, or all */
  release(name) {
    for (const [go, itsName] of this.#hung) {
      if (name === undefined || name === itsName) go();
    }
  }

  /**
   * @param {import('node:http').IncomingMessage} req
   * @param {import('node:http').ServerResponse} res
   */
  handle(req, res) {
    const url = new URL(`http://stub${req.url}`);
    if (url.pathname.startsWith('/_stub/')) this.#control(req, res, url);
    else this.#serve(req, res, url);
  }

  #control(req, res, { pathname, searchParams }) {
    req.resume();
    const routes = {
      'GET /_stub/requests': () => this.requests(),
      'DELETE /_stub/requests': () => this.clear(),
      'GET /_stub/open': () => ({ open: this.open, hung: this.hung() }),
      'POST /_stub/release': () => this.release(
        searchParams.get('name') ?? undefined),
    };
    const route = routes[`${req.method} ${pathname}`];
    if (route) sendJson(res, 200, route() ?? {});
    else sendJson(res, 404, {});
  }

  async #serve(req, res, url) {
    const entry = this.#journal?.add(req)
      ?? { deltas: 0, startedAt: 0 };
    this.open++;
    res.on('close', () => {
      this.open--;
      entry.endedAt = Date.now();
      entry.closed = res.writableFinished || res.cutByStub
        ? 'server' : 'client';
    });
    const exchange = new Exchange(res, this.#hung);
    const context = { req, res, url, entry, exchange, directive: {},
      requestId: makeId('req_'), kind: 'api_key' };
    try {
      await this.#route(context);
    } catch (e) {
      if (e instanceof Gone || res.destroyed) return;
      this.#fail(context, e);
    } finally {
      entry.status ??= res.headersSent ? res.statusCode : null;
    }
  }

  #fail({ res, requestId, kind, directive }, e) {
    if (res.headersSent) {
      res.destroy(e);
      return;
    }
    const known = e instanceof ApiError ? e
      : new ApiError(e instanceof SyntaxError ? 400 : 500, e.message);
    sendJson(res, known.status,
      errorDocument(known.type, known.message, requestId),
      apiHeaders(requestId, kind, directive));
  }

  async #route(context) {
    const { req, url, entry } = context;
    const raw = await readBody(req);
    if (req.method === 'POST') this.#journal?.setBody(entry, raw);
    context.kind = checkCredential(req.headers);
    const route = `${req.method} ${url.pathname}`;
    if (route === 'POST /v1/messages') return this.#messages(context, raw);
    if (route === 'POST /v1/messages/count_tokens') {
      return this.#countTokens(context, raw);
    }
    const model = /^GET \/v1\/models(?:\/([^/]+))?$/.exec(route);
    if (!model) throw new ApiError(404, 'Not found');
    return this.#models(context, model[1]);
  }

  #send({ res, requestId, kind, directive }, document) {
    sendJson(res, 200, document, apiHeaders(requestId, kind, directive));
  }

  #models(context, id) {
    const document = id === undefined ? modelList(context.url.searchParams)
      : modelDocument(id);
    if (!document) throw new ApiError(404, `model: ${id}`);
    this.#send(context, document);
  }

  #countTokens(context, raw) {
    const { headers } = context.req;
    const body = parseBody(headers, raw);
    checkRequest(body, { betas: 'anthropic-beta' in headers, counting: true });
    this.#send(context, { input_tokens: inputTokens(body) });
  }

  async #messages(context, raw) {
    const { exchange, req } = context;
    const body = parseBody(req.headers, raw);
    checkRequest(body, { betas: 'anthropic-beta' in req.headers });
    const text = lastUserText(body);
    const { directive, rest } = parseDirectives(text);
    context.directive = this.#whileItHolds(directive);
    await this.#beforeHeaders(context);
    const answer = makeAnswer(body, context.directive, { text, rest });
    if (body.stream) await this.#stream(context, answer);
    else await this.#whole(context, answer);
  }

  #whileItHolds(directive) {
    if (directive.times === undefined) return directive;
    const name = directive.name ?? '';
    const count = (this.#times.get(name) ?? 0) + 1;
    if (this.#times.size >= MOST_NAMES) this.#times.clear();
    this.#times.set(name, count);
    if (count <= directive.times) return directive;
    return Object.fromEntries(ANSWER_KEYS.filter((key) => key in directive)
      .map((key) => [key, directive[key]]));
  }

  async #beforeHeaders({ res, exchange, directive, requestId, kind }) {
    await exchange.sleep(directive.first);
    if (directive.hang === 'headers') {
      await exchange.hang(directive.name ?? '');
    }
    if (directive.cut === 'headers') await exchange.cut();
    for (const header of directive.headers) {
      const [name, ...value] = header.split(':');
      res.appendHeader(name, value.join(':').trim());
    }
    const { status, body, type } = directive;
    if (status === undefined) return;
    if (body === undefined) {
      throw new ApiError(status, directive.message
        ?? 'The stub was told to fail', type);
    }
    res.writeHead(status, { ...apiHeaders(requestId, kind, directive),
      'content-type': 'text/html' });
    res.end(body === 'html' ? '<html><body>stub</body></html>\n' : '');
    throw new Gone();
  }

  async #stream(context, answer) {
    const { res, exchange, directive, requestId, kind, entry } = context;
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      ...apiHeaders(requestId, kind, directive) });
    res.flushHeaders();
    entry.status = 200;
    await stream(exchange, makeEvents(answer), directive, {
      error: errorDocument(directive.error, directive.message
        ?? 'The stub was told to fail', requestId),
      onDelta: (count) => { entry.deltas = count; },
    });
    res.end();
  }

  async #whole(context, { message }) {
    const { res, exchange, directive, requestId, kind } = context;
    const { cut, truncate, garbage, error, hang } = directive;
    if (error !== undefined) {
      throw new ApiError(errorStatus(error), directive.message
        ?? 'The stub was told to fail', error);
    }
    const bytes = Buffer.from(garbage === undefined ? JSON.stringify(message)
      : '{"type":"message",oops');
    const middle = bytes.length >> 1;
    res.writeHead(200, { 'content-type': 'application/json',
      ...apiHeaders(requestId, kind, directive) });
    await exchange.write(bytes.subarray(0, middle), directive.chunk);
    if (hang === 'start' || hang === 'stream') {
      await exchange.hang(directive.name ?? '');
    }
    if (cut !== undefined) await exchange.cut();
    if (truncate !== undefined) exchange.truncate();
    await exchange.write(bytes.subarray(middle), directive.chunk);
    res.end();
  }
}
