/** How the API is reached: at once, or through the operator's proxy. */

import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

const API = 'https://api.anthropic.com';
const PORTS = { 'http:': 80, 'https:': 443 };
const MOST_HEAD = 16 * 1024;
const TIMEOUT = 30000;

/** The way to one host. */
export class Route {
  #target;
  #proxy;

  /**
   * @param {string|null} apiBase null for Anthropic's own
   * @param {Record<string, string>} network variables of settings.mjs
   */
  constructor(apiBase, network) {
    this.#target = new URL(apiBase ?? API);
    const secure = this.#target.protocol === 'https:';
    const proxy = secure ? network.HTTPS_PROXY : network.HTTP_PROXY;
    this.#proxy = proxy && !isExcepted(this.#target, network.NO_PROXY)
      ? new URL(proxy.includes('://') ? proxy : `http://${proxy}`) : null;
  }

  /** @returns {string} host and port, as a proxy is asked for them */
  get authority() {
    return `${this.#target.hostname}:${portOf(this.#target)}`;
  }

  /**
   * A request that came as to a proxy, for an API without TLS.
   *
   * @param {string} url
   * @returns {{path: string, headers: object}|null} how it goes on over a
   *   connection of `dial`; null if it is for another host
   */
  onward(url) {
    const { origin, pathname, search } = new URL(url, 'none:/');
    if (origin !== this.#target.origin) return null;
    return this.#proxy === null ? { path: pathname + search, headers: {} }
      : { path: url, headers: this.#authorization };
  }

  /** @returns {Promise<Socket>} connected to the host, or to the proxy */
  dial() {
    return this.#proxy === null ? dial(this.#target, false)
      : dial(this.#proxy, this.#proxy.protocol === 'https:');
  }

  /** @returns {Promise<Socket>} connected to the host, as if at once */
  async open() {
    const socket = await this.dial();
    if (this.#proxy === null) return socket;
    const headers = { host: this.authority, ...this.#authorization };
    socket.write([`CONNECT ${this.authority} HTTP/1.1`,
      ...Object.entries(headers).map((pair) => pair.join(': ')),
      '\r\n'].join('\r\n'));
    try {
      await accepted(socket);
    } catch (error) {
      socket.destroy();
      throw error;
    }
    return socket;
  }

  get #authorization() {
    const { username, password } = this.#proxy;
    if (username === '') return {};
    const pair = [username, password].map(decodeURIComponent).join(':');
    return { 'proxy-authorization':
      `Basic ${Buffer.from(pair).toString('base64')}` };
  }
}

function portOf({ port, protocol }) {
  return Number(port || PORTS[protocol]);
}

/** NO_PROXY: names, with their subdomains, with a port or without; or all. */
function isExcepted(target, names = '') {
  const { hostname } = target;
  return names.toLowerCase().split(/[\s,]+/).filter(Boolean).some((entry) => {
    const [, name, port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry);
    if (port !== undefined && Number(port) !== portOf(target)) return false;
    return entry === '*' || hostname === name || hostname.endsWith(`.${name}`);
  });
}

function dial(url, secure) {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options = { host, port: portOf(url) };
  return new Promise((resolve, reject) => {
    const socket = secure ? connectTls({ ...options, servername: host })
      : connect(options);
    const late = () => socket.destroy(new Error('timed out'));
    socket.setTimeout(TIMEOUT, late);
    socket.once('error', reject);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      socket.setTimeout(0);
      socket.off('timeout', late);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Waits for the proxy's yes, and leaves what follows it to be read. */
function accepted(socket) {
  return new Promise((resolve, reject) => {
    let seen = Buffer.alloc(0);
    const fail = () => reject(new Error('the proxy said no'));
    const onData = (piece) => {
      seen = Buffer.concat([seen, piece]);
      const end = seen.indexOf('\r\n\r\n');
      if (end < 0 && seen.length < MOST_HEAD) return;
      socket.off('data', onData);
      socket.off('error', fail);
      socket.off('close', fail);
      socket.setTimeout(0);
      socket.pause();
      if (!/^HTTP\/1\.[01] 200 /.test(seen.toString('latin1'))) fail();
      else resolve(socket.unshift(seen.subarray(end + 4)));
    };
    socket.setTimeout(TIMEOUT, () => socket.destroy());
    socket.on('error', fail);
    socket.on('close', fail);
    socket.on('data', onData);
  });
}
