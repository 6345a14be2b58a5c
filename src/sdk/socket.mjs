/** Listens on a unix socket that is never open to others. */

import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/** Owner and group may connect. */
const UMASK = 0o117;

/**
 * @param {import('node:net').Server} server
 * @param {string} path a socket of a bridge that died is replaced
 * @returns {Promise<void>}
 * @throws {Error} when something else is there, or a live bridge
 */
export async function listen(server, path) {
  await removeStale(path);
  const before = process.umask(UMASK);
  try {
    const listening = new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => {
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

async function removeStale(path) {
  let found;
  try {
    found = await lstat(path);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (!found.isSocket()) throw new Error('the path is no socket');
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
