/**
 * The way to the API of the processes that last: a proxy on loopback, which
 * lets out what asks for an answer, and once the answer has begun nothing more
 * until the process is bound again.
 *
 * A process without a budget asks again by itself after some answers. Before
 * it does, it has told of the answer: so what it sends is held until all that
 * it has told is read, and it is not a question of who is quicker.
 */

import { randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import { pipeline } from 'node:stream';

import { Route } from './route.mjs';

/** Bytes: TLS's own messages are smaller, and every request is larger. */
const LEAST_REQUEST = 256;
/** Turns of the event loop, in which everything is read that was told. */
const TURNS = 4;
const NOT_ONWARD = ['proxy-authorization', 'proxy-connection', 'connection',
  'keep-alive', 'host'];

/** The proxy. */
export class Gate {
  #route;
  #server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 });
  #passes = new Map();

  /** @param {object} settings of settings.mjs */
  constructor({ apiBase, network }) {
    this.#route = new Route(apiBase, network);
    this.#server.on('request', (req, res) => {
      this.#forward(req, res).catch(() => res.destroy());
    });
    this.#server.on('connect', (req, socket, head) => {
      socket.on('error', () => {});
      this.#tunnel(req, socket, head).catch(() => socket.destroy());
    });
  }

  /** @returns {Promise<void>} when it listens, on a port of its own */
  async listen() {
    await new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', resolve);
    });
    this.#server.unref();
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#passes.forEach((pass) => pass.close());
  }

  /** @returns {Pass} for one process */
  admit() {
    const name = randomBytes(16).toString('hex');
    const { port } = this.#server.address();
    const pass = new Pass(`http://${name}:x@127.0.0.1:${port}`,
      () => this.#passes.delete(name));
    this.#passes.set(name, pass);
    return pass;
  }

  #passOf({ headers }) {
    const [, coded = ''] = /^Basic (\S+)$/i
      .exec(headers['proxy-authorization'] ?? '') ?? [];
    const [name] = Buffer.from(coded, 'base64').toString('latin1').split(':');
    return this.#passes.get(name);
  }

  /** A request to an API without TLS. */
  async #forward(req, res) {
    res.on('error', () => {});
    req.on('error', () => {});
    const pass = this.#passOf(req);
    const onward = this.#route.onward(req.url);
    if (!pass || !onward || !await pass.lets()) {
      res.destroy();
      return;
    }
    pass.hold(req.socket);
    const socket = await this.#route.dial();
    const headers = { ...req.headers };
    NOT_ONWARD.forEach((name) => delete headers[name]);
    Object.assign(headers, onward.headers, { host: this.#route.authority });
    const up = request({ createConnection: () => socket, path: onward.path,
      method: req.method, headers });
    up.on('error', () => res.destroy());
    up.on('response', (answer) => {
      pass.hear();
      res.writeHead(answer.statusCode, answer.rawHeaders);
      answer.on('error', () => res.destroy());
      answer.pipe(res);
    });
    res.on('close', () => up.destroy());
    req.pipe(up);
  }

  /** A connection to an API with TLS; only the size of what goes is seen. */
  async #tunnel(req, socket, head) {
    const pass = this.#passOf(req);
    if (!pass || req.url !== this.#route.authority || !await pass.lets()) {
      socket.destroy();
      return;
    }
    pass.hold(socket);
    const up = await this.#route.open().catch(() => null);
    if (up === null || socket.destroyed) {
      up?.destroy();
      socket.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n');
      return;
    }
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    if (head.length > 0) socket.unshift(head);
    pipeline(socket, (pieces) => pass.pick(pieces), up, () => up.destroy());
    up.on('data', () => pass.hear());
    up.on('close', () => { if (!up.readableEnded) socket.destroy(); });
    up.pipe(socket);
    socket.on('close', () => up.destroy());
  }
}

/** What one process may send. */
class Pass {
  #leave;
  #sockets = new Set();
  #isShut = true;
  #heard = false;

  /** Called when it sends what nobody asked for. */
  onExcess = () => {};

  constructor(url, leave) {
    /** Of the process's environment. */
    this.env = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: '' };
    this.#leave = leave;
  }

  /** The process is to ask for an answer. */
  open() {
    this.#isShut = false;
    this.#heard = false;
  }

  /** The answer has begun. */
  shut() {
    this.#isShut = true;
  }

  /** The process is gone. */
  close() {
    this.#isShut = true;
    this.#sockets.forEach((socket) => socket.destroy());
    this.#leave();
  }

  /** The API has said something. */
  hear() {
    this.#heard = true;
  }

  /** @param {Socket} socket of the process's, which ends with the pass */
  hold(socket) {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  /**
   * @param {number} [length] of what the process sends, in bytes
   * @returns {Promise<boolean>} whether it may go out
   */
  async lets(length = LEAST_REQUEST) {
    for (let i = 0; this.#heard && !this.#isShut && i < TURNS; i++) {
      await new Promise(setImmediate);
    }
    if (!this.#isShut || length < LEAST_REQUEST) return true;
    this.onExcess();
    return false;
  }

  /** @yields {Buffer} what goes out, until something may not */
  async* pick(pieces) {
    for await (const piece of pieces) {
      if (!await this.lets(piece.length)) return;
      yield piece;
    }
  }
}
