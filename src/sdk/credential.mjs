/**
 * How a process is given the credential of a request, and has it taken away.
 *
 * An OAuth token goes by a line of its own, which the CLI reads at once. As a
 * setting, which is the only way for an API key, it would take the CLI 5 ms of
 * CPU each time, since it looks through all its settings then.
 */

import { randomUUID } from 'node:crypto';

import { NO_TOKEN } from './launch.mjs';

const TOKEN = 'CLAUDE_CODE_OAUTH_TOKEN';
const KEY = 'ANTHROPIC_API_KEY';

/** Not of a conversation's settings: what is given at each bind. */
export const CREDENTIALS = [TOKEN, KEY];

/** Gives credentials to one process. */
export class Purse {
  #stdin;
  #query;

  /**
   * @param {Writable} stdin of the child
   * @param {Query} query of the SDK, whose child it is
   */
  constructor(stdin, query) {
    this.#stdin = stdin;
    this.#query = query;
  }

  /**
   * @param {object} flags of a turn, with the credential in their `env`
   * @returns {Promise<void>} when the process has all of them
   * @throws {Error} where it doesn't take them
   */
  async set(flags) {
    const { [TOKEN]: token, ...env } = flags.env;
    await Promise.all([token !== undefined && this.#give(token),
      this.#query.applyFlagSettings({ ...flags, env })]);
  }

  /** The same for a process that has everything but the credential. */
  async renew({ env: { [TOKEN]: token, [KEY]: key } }) {
    if (token !== undefined) await this.#give(token);
    else await this.#setting({ [TOKEN]: NO_TOKEN, [KEY]: key });
  }

  /** Takes it away: the CLI fails then before it connects. */
  async empty({ env: { [TOKEN]: token } }) {
    if (token !== undefined) await this.#give('');
    else await this.#setting({ [TOKEN]: '', [KEY]: '' });
  }

  #setting(env) {
    return this.#query.applyFlagSettings({ env });
  }

  async #give(token) {
    const id = randomUUID();
    const answer = this.#query.awaitControlResponse(id);
    this.#stdin.write(`${JSON.stringify({
      type: 'update_environment_variables', request_id: id,
      variables: { [TOKEN]: token } })}\n`);
    const { response } = await answer;
    if (!response?.applied?.includes(TOKEN)) throw new Error('not taken');
  }
}
