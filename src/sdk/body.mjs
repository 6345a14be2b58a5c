/**
 * Reads a request's body within a bound. One that is too large is read on and
 * thrown away, again within a bound: closing while the client still writes
 * would cost it the answer.
 */

import { ApiError } from './errors.mjs';

const MOST_THROWN_AWAY = 64 * 1024 * 1024;

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {number} most bytes
 * @returns {Promise<Buffer>}
 * @throws {ApiError} a 413
 */
export async function readBody(req, most) {
  const chunks = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size <= most) chunks.push(chunk);
    else chunks.length = 0;
    if (size > most + MOST_THROWN_AWAY) break;
  }
  if (size > most) {
    throw new ApiError(413, `the body is larger than ${most} bytes`);
  }
  return Buffer.concat(chunks, size);
}
