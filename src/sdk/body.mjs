/** Reads a request's body within a bound. */

import { ApiError } from './errors.mjs';

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {number} most bytes
 * @returns {Promise<Buffer>}
 * @throws {ApiError} a 413
 */
export async function readBody(req, most) {
  const tooLarge = () => new ApiError(413,
    `the body is larger than ${most} bytes`);
  if (Number(req.headers['content-length']) > most) throw tooLarge();
  const chunks = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > most) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
