/** Listens on a unix socket that is never open to others, and hands it over. */

import { lstat, rename, unlink } from 'node:fs/promises';
import { connect, Server } from 'node:net';

/** Owner and group may connect. */
const UMASK = 0o117;
/**
 * A socket is made beside its place and renamed, so that what libuv unlinks by
 * itself when a server is closed is never the socket of a later bridge.
 */
export const BESIDE = '.new';
/** systemd's first descriptor, where it has made the socket. */
const FIRST_FD = 3;
/** ms between two looks at who has the place. */
const WATCH = 500;
/** How often, and how many ms apart, who has connected is accepted. */
const TURNS = 10;
const TURN = 10;

/** The place where a server listens. */
export class Place {
  #server;
  #path;
  #own = null;

  /**
   * @param {import('node:net').Server} server
   * @param {string} path
   */
  constructor(server, path) {
    this.#server = server;
    this.#path = path;
  }

  /**
   * A socket of a bridge that died is replaced, one of a live bridge when it
   * is to be taken over: that one sees it and leaves.
   *
   * @param {object} [how]
   * @param {boolean} [how.takeOver]
   * @param {boolean} [how.inherited] systemd has made the socket
   * @returns {Promise<void>}
   * @throws {Error} when something else is there, or a live bridge
   */
  async listen({ takeOver = false, inherited = false } = {}) {
    if (inherited) {
      await this.#bind({ fd: FIRST_FD });
      return;
    }
    const beside = this.#path + BESIDE;
    await removeStale(beside, false);
    await removeStale(this.#path, takeOver);
    await this.#bind({ path: beside });
    this.#own = await lstat(beside);
    await rename(beside, this.#path);
  }

  async #bind(where) {
    const server = this.#server;
    const before = process.umask(UMASK);
    try {
      const listening = new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(where, () => {
          server.off('error', reject);
          resolve();
        });
      });
      process.umask(before);
      await listening;
    } finally {
      process.umask(before);
    }
  }

  /** @returns {Promise<void>} when another socket stands in the place */
  replaced() {
    if (this.#own === null) return new Promise(() => {});
    return new Promise((resolve) => {
      const timer = setInterval(async () => {
        if (await this.#holder() !== 'another') return;
        clearInterval(timer);
        resolve();
      }, WATCH);
      timer.unref();
    });
  }

  /**
   * Nobody can connect here any more. Who has, is served: in the queue of a
   * socket that is closed, a request would be lost.
   *
   * @returns {Promise<void>} not when all are served: the server says that
   */
  async leave() {
    if (this.#own !== null) {
      if (await this.#holder() === 'this') {
        await unlink(this.#path).catch(() => {});
      }
      await acceptAll();
    }
    // not http's close(), which ends idle connections too
    Server.prototype.close.call(this.#server);
  }

  async #holder() {
    const { ino, dev } = await lstat(this.#path).catch(() => ({}));
    if (ino === undefined) return null;
    return ino === this.#own.ino && dev === this.#own.dev ? 'this' : 'another';
  }
}

async function acceptAll() {
  for (let turn = 0; turn < TURNS; turn++) {
    await new Promise((resolve) => { setTimeout(resolve, TURN); });
  }
}

async function removeStale(path, takeOver) {
  let found;
  try {
    found = await lstat(path);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (!found.isSocket()) throw new Error('the path is no socket');
  if (takeOver) return;
  if (await isLive(path)) throw new Error('another bridge listens there');
  await unlink(path);
}

function isLive(path) {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }) => resolve(code !== 'ECONNREFUSED'));
  });
}
