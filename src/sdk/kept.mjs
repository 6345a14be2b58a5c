/**
 * Processes that answered and wait for a request that extends exactly their
 * conversation, or begins another: of the same key, with the same settings.
 * Anything else gets a fresh process.
 */

import { createHash } from 'node:crypto';

import { CREDENTIALS } from './credential.mjs';
import { isFree, resultsOf } from './desk.mjs';
import { today } from './launch.mjs';

/** Messages from which on a conversation is not worth more. */
const LONG = 16;
/** A client that was told of calls is likely to be back soon, or never. */
const CALLS_WORTH = 2 * LONG;
/** ms in which half of the worth is gone. */
const HALF_LIFE = 60_000;
const CALLS_HALF_LIFE = 20_000;

/**
 * @typedef {object} Taken
 * @property {ClaudeProcess} process that is no longer kept
 * @property {object[]|null} results of the calls that it waits at
 * @property {boolean} rewind whether it holds another conversation
 */

/** The kept processes of one bridge. */
export class KeptProcesses {
  #settings;
  #all = new Map();

  /** @param {object} settings of settings.mjs */
  constructor(settings) {
    this.#settings = settings;
  }

  /** @returns {number} */
  get size() {
    return this.#all.size;
  }

  /** @returns {number} those that wait at calls */
  get waiting() {
    return [...this.#all.keys()]
      .filter(({ calls }) => calls.length > 0).length;
  }

  /**
   * @param {ClaudeProcess} process that is about to answer
   * @param {Turn} turn
   * @returns {boolean} whether it may be kept then
   */
  isFit(process, turn) {
    return process.lasting && process.turns + 1 < this.#settings.keepTurns
      && this.isWanted(turn);
  }

  /**
   * @param {Turn} turn
   * @returns {boolean} whether it is worth keeping a process that answered it
   */
  isWanted({ keyId, tools }) {
    const { keep, continues, toolSteps, rewinds } = this.#settings;
    return keep > 0 && keyId !== undefined
      && (tools.length > 0 ? toolSteps && isFree(tools)
        : continues || rewinds);
  }

  /**
   * @param {ClaudeProcess} process that answered the turn, and holds it
   * @param {Turn} turn
   */
  put(process, turn) {
    const { keep, keepTime, continues, rewinds } = this.#settings;
    const isAtCalls = process.calls.length > 0;
    if (!isAtCalls && !continues && !rewinds) {
      process.stop();
      return;
    }
    while (this.#all.size >= keep) this.giveUp();
    const settings = settingsOf(turn, process.day);
    const messages = digestsOf([...turn.messages, process.held]);
    this.#all.set(process, {
      settings,
      mark: digest([settings, messages]),
      messages: new Set(messages),
      since: Date.now(),
      timer: setTimeout(() => this.#end(process), keepTime),
    });
  }

  /**
   * @param {Turn} turn
   * @returns {Taken|null} one that can answer the turn
   */
  take(turn) {
    if (this.#all.size === 0 || turn.keyId === undefined) return null;
    const settings = settingsOf(turn, today());
    const messages = digestsOf(turn.messages);
    const mark = digest([settings, messages.slice(0, -1)]);
    return this.#takeSame(mark, turn.messages.at(-1))
      ?? (this.isWanted(turn) ? this.#takeOther(settings, messages) : null);
  }

  /** One that holds all of the conversation but the user's last message. */
  #takeSame(mark, { content }) {
    for (const [process, kept] of this.#all) {
      if (kept.mark !== mark) continue;
      const { calls } = process;
      if (calls.length === 0 && !this.#settings.continues) continue;
      const results = calls.length > 0 ? resultsOf(calls, content) : null;
      if (!process.alive || (calls.length > 0 && results === null)) {
        this.#end(process);
        continue;
      }
      this.forget(process);
      return { process, results, rewind: false };
    }
    return null;
  }

  /**
   * One that can forget its conversation. What has a message in common with a
   * kept conversation is that one edited, forked or asked again, and gets a
   * fresh process.
   */
  #takeOther(settings, messages) {
    if (!this.#settings.rewinds) return null;
    const alike = [...this.#all].filter(([, kept]) =>
      kept.settings === settings);
    if (alike.some(([, kept]) => messages.some((one) =>
      kept.messages.has(one)))) return null;
    const process = leastUseful(alike.filter(([{ rewindable, alive }]) =>
      rewindable && alive));
    if (process === null) return null;
    this.forget(process);
    return { process, results: null, rewind: true };
  }

  /** @param {ClaudeProcess} process that is gone, or about to go */
  forget(process) {
    clearTimeout(this.#all.get(process)?.timer);
    this.#all.delete(process);
  }

  /** @returns {boolean} whether there was one: the least useful is ended */
  giveUp() {
    const process = leastUseful([...this.#all]);
    if (process === null) return false;
    this.#end(process);
    return true;
  }

  #end(process) {
    this.forget(process);
    process.stop();
  }
}

/**
 * A long conversation is worth more than a short one, since a fresh process
 * would have to be told all of it, and each is worth less from minute to
 * minute. One that waits at calls is worth most at first.
 */
function worthOf([process, { messages, since }]) {
  const isAtCalls = process.calls.length > 0;
  const [worth, halfLife] = isAtCalls ? [CALLS_WORTH, CALLS_HALF_LIFE]
    : [Math.min(messages.size, LONG), HALF_LIFE];
  return worth * 2 ** ((since - Date.now()) / halfLife);
}

function leastUseful(entries) {
  let least = null;
  for (const entry of entries) {
    const worth = worthOf(entry);
    if (least === null || worth < least.worth) {
      least = { process: entry[0], worth };
    }
  }
  return least?.process ?? null;
}

/**
 * All that a process was given but the credential and the conversation: whose
 * it is, and on what day, since it tells the model the date of its start.
 */
function settingsOf({ keyId, system, flags }, day) {
  const env = { ...flags.env };
  const kinds = CREDENTIALS.filter((name) => name in env);
  for (const name of kinds) delete env[name];
  return digest([keyId, day, kinds, system, { ...flags, env }]);
}

function digestsOf(messages) {
  return messages.map((message) => digest(message));
}

function digest(value) {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64');
}
