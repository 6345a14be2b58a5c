/**
 * Processes that answered and wait for a request that extends exactly their
 * conversation: of the same key, with the same settings. Anything else gets a
 * fresh process.
 */

import { createHash } from 'node:crypto';

import { isFree, resultsOf } from './desk.mjs';

/** Not of the settings: what is given to a process at each bind. */
const CREDENTIALS = ['CLAUDE_CODE_OAUTH_TOKEN', 'ANTHROPIC_API_KEY'];
/**
 * A lasting process loses its credential while the answer comes. One that is
 * cut sooner could be gone on with, and nobody asked for that.
 */
const LEAST_TOKENS = 256;

/** The kept processes of one bridge. */
export class KeptProcesses {
  #settings;
  #all = new Map();

  /** Requests that went on in a kept process. */
  continued = 0;

  /** @param {object} settings of settings.mjs */
  constructor(settings) {
    this.#settings = settings;
  }

  /** @returns {number} */
  get size() {
    return this.#all.size;
  }

  /**
   * @param {Turn} turn
   * @returns {boolean} whether it should be answered by a lasting process
   */
  isWanted({ keyId, flags, tools }) {
    const { keep, continues, toolSteps } = this.#settings;
    return keep > 0 && keyId !== undefined
      && flags.env.CLAUDE_CODE_MAX_OUTPUT_TOKENS >= LEAST_TOKENS
      && (tools.length > 0 ? toolSteps && isFree(tools) : continues);
  }

  /**
   * @param {ClaudeProcess} process that is about to answer
   * @returns {boolean} whether it may be kept then
   */
  isFit(process) {
    return process.lasting && process.turns + 1 < this.#settings.keepTurns;
  }

  /**
   * @param {ClaudeProcess} process that answered the turn, and holds it
   * @param {Turn} turn
   */
  put(process, turn) {
    const { keep, keepTime, continues } = this.#settings;
    if (process.calls.length === 0 && !continues) {
      process.stop();
      return;
    }
    while (this.#all.size >= keep) this.giveUp();
    const timer = setTimeout(() => this.#end(process), keepTime);
    const mark = fingerprint(turn, [...turn.messages, process.held]);
    this.#all.set(process, { mark, timer });
  }

  /**
   * @param {Turn} turn
   * @returns {{process: ClaudeProcess, results: object[]|null}|null} one that
   *   holds all of the conversation but the user's last message, and the
   *   results that it waits for; it is no longer kept
   */
  take(turn) {
    if (this.#all.size === 0 || turn.keyId === undefined) return null;
    if (turn.messages.length < 3) return null;
    const mark = fingerprint(turn, turn.messages.slice(0, -1));
    const { content } = turn.messages.at(-1);
    for (const [process, kept] of this.#all) {
      if (kept.mark !== mark) continue;
      const { calls } = process;
      const results = calls.length > 0 ? resultsOf(calls, content) : null;
      if (!process.alive || (calls.length > 0 && results === null)) {
        this.#end(process);
        continue;
      }
      this.forget(process);
      return { process, results };
    }
    return null;
  }

  /** @param {ClaudeProcess} process that is gone, or about to go */
  forget(process) {
    clearTimeout(this.#all.get(process)?.timer);
    this.#all.delete(process);
  }

  /** @returns {boolean} whether there was one: the oldest is ended */
  giveUp() {
    const [process] = this.#all.keys();
    if (process === undefined) return false;
    this.#end(process);
    return true;
  }

  #end(process) {
    this.forget(process);
    process.stop();
  }
}

/** All that a process was given but the credential: whose it is, and when. */
function fingerprint({ keyId, system, flags }, messages) {
  const env = { ...flags.env };
  const kinds = CREDENTIALS.filter((name) => name in env);
  for (const name of kinds) delete env[name];
  // the process tells the model the date of its start
  const day = new Date().toDateString();
  return createHash('sha256').update(JSON.stringify(
    [keyId, day, kinds, system, { ...flags, env }, messages])).digest('hex');
}
