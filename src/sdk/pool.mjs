/** Keeps processes parked, hands them out, replaces them. */

import { Prices } from './cost.mjs';
import { overloaded } from './errors.mjs';
import { KeptProcesses } from './kept.mjs';
import { ClaudeProcess, Unsent } from './process.mjs';

const BACKOFF = 200;
const MOST_BACKOFF = 30000;
const LOOK_AGAIN = 1000;
/** Starts that fail in a row before requests are refused at once. */
const MOST_FAILURES = 3;
/** Processes that may die under one request before it is refused. */
const MOST_TRIES = 3;

/** How a process is taken that was not kept. */
const FRESH = { results: null, rewind: false };

/** The processes of one bridge and the requests that wait for them. */
export class Pool {
  #launcher;
  #settings;
  #log;
  #all = new Set();
  #parked = [];
  #lasting = [];
  #queue = [];
  #failures = 0;
  #proved;
  #problem = null;
  #retry = null;
  #draining = false;
  #prices = new Prices();
  #kept;

  starts = 0;
  failedStarts = 0;
  /** Requests that a kept process answered. */
  served = { continued: 0, toolSteps: 0, rewound: 0 };

  /**
   * @param {Launcher} launcher
   * @param {object} settings of settings.mjs
   * @param {object} log of log.mjs
   */
  constructor(launcher, settings, log) {
    this.#launcher = launcher;
    this.#settings = settings;
    this.#log = log;
    this.#kept = new KeptProcesses(settings);
    // with nothing parked nothing is known before the first request
    this.#proved = settings.pool === 0;
  }

  /** Starts what is missing; called again whenever something changed. */
  fill() {
    if (this.#retry !== null || !this.#launcher.prepared) return;
    this.#makeRoom();
    if (this.#missing() === null || !this.#isStartable()) return;
    while (this.#retry === null) {
      const kind = this.#missing();
      if (kind === null) return;
      this.#start(kind === 'lasting');
    }
  }

  /**
   * Has a kept process answer if one holds the conversation, else a parked
   * one, waiting for it in the queue if need be.
   *
   * @param {Turn} turn
   * @param {AbortSignal} signal the client went
   * @yields {object} Messages events
   * @throws {ApiError}
   */
  async* answer(turn, signal) {
    const taken = this.#kept.take(turn);
    if (taken !== null) {
      const { process, results, rewind } = taken;
      if (yield* this.#answered(process, turn, signal, { results, rewind })) {
        this.served[wayOf(taken)]++;
        return;
      }
    }
    const isLasting = this.#kept.isWanted(turn);
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const process = await this.#takeAlive(signal, isLasting);
      if (process === null) return;
      if (yield* this.#answered(process, turn, signal)) return;
    }
    throw overloaded('one SDK process after another ended');
  }

  /** Answers, or is false when another process may be asked. */
  async* #answered(process, turn, signal, how = FRESH) {
    const { idleTimeout, burstHistory: burst, rewinds } = this.#settings;
    const keep = this.#kept.isFit(process) && !this.#draining;
    try {
      yield* process.answer(turn, { signal, idleTimeout, burst, keep,
        marked: rewinds, prices: this.#prices, ...how });
    } catch (error) {
      if (error instanceof Unsent) return false;
      throw error;
    }
    if (process.state !== 'kept') return true;
    if (this.#draining) process.stop();
    else this.#kept.put(process, turn);
    this.fill();
    return true;
  }

  /** @returns {{end: number, calls: number}} kept ones by where they wait */
  get kept() {
    const calls = this.#kept.waiting;
    return { end: this.#kept.size - calls, calls };
  }

  /** @returns {object} the document of `GET /health` */
  health() {
    const parked = this.#count('parked');
    const starting = this.#count('starting');
    const kept = this.#kept.size;
    const busy = this.#all.size - parked - starting - kept;
    const sound = parked > 0 || busy > 0
      || (this.#proved && !this.#isBroken());
    return {
      status: sound && !this.#draining ? 'ok' : 'unavailable',
      ready: this.#parked.length > 0 && !this.#draining,
      parked,
      busy,
      starting,
      kept,
      queue: this.#queue.length,
    };
  }

  /** Keeps no more parked; what runs and waits goes on. */
  drain() {
    this.#draining = true;
    while (this.#giveUp());
    this.#parked.splice(this.#queue.length).forEach((p) => p.stop());
  }

  /** @returns {Promise<void>} when every process and directory is gone */
  async stop() {
    this.#draining = true;
    clearTimeout(this.#retry);
    this.#refuseAll('the bridge is shutting down');
    this.#all.forEach((process) => process.stop());
    await Promise.all([...this.#all].map(({ removed }) => removed));
  }

  /**
   * A process that was just bound is replaced only when it has asked the API:
   * a start beside it would slow that down.
   */
  #missing() {
    const { starts, maxProcesses } = this.#settings;
    if (this.#count('starting') >= starts) return null;
    if (this.#all.size >= maxProcesses) return null;
    const isAnyWanted = this.#wanted() > 0;
    const isFirst = this.#parked.length + this.#count('starting') === 0;
    if (isAnyWanted && isFirst) return 'ordinary';
    if (this.#isLastingWanted(isAnyWanted)) return 'lasting';
    return isAnyWanted ? 'ordinary' : null;
  }

  #wanted() {
    const spare = Math.max(0, this.#settings.pool - this.#count('bound'));
    const served = Math.min(this.#count('starting', true),
      this.#queue.filter(({ isLasting }) => isLasting).length);
    return this.#queue.length - served + (this.#draining ? 0 : spare)
      - this.#parked.length - this.#count('starting', false);
  }

  /** One is parked beside the others, where that leaves room for them. */
  #isLastingWanted(isAnyWanted) {
    const { keep, pool, maxProcesses } = this.#settings;
    return keep > 0 && this.#launcher.lasts && !this.#draining
      && this.#lasting.length === 0
      && (isAnyWanted || this.#count('bound') === 0)
      && this.#count('starting', true) === 0
      && this.#all.size + pool < maxProcesses;
  }

  /** Kept and lasting ones go where they are in the way of the others. */
  #makeRoom() {
    const leaving = this.#count('kept') - this.#kept.size
      + this.#count('parked', true) - this.#lasting.length;
    const room = this.#settings.maxProcesses - this.#all.size + leaving;
    for (let i = this.#wanted() - room; i > 0 && this.#giveUp(); i--);
  }

  #giveUp() {
    if (this.#kept.giveUp()) return true;
    this.#lasting[0]?.stop();
    return this.#lasting.shift() !== undefined;
  }

  #isStartable() {
    const problem = this.#launcher.problem();
    if (problem === null) {
      if (this.#problem !== null) this.#log.info('claude_found');
      this.#problem = null;
      return true;
    }
    if (problem !== this.#problem) {
      this.#problem = problem;
      this.#log.error('claude_missing',
        { path: this.#launcher.command, problem });
    }
    this.#refuseAll('no SDK process can be started');
    this.#later(LOOK_AGAIN);
    return false;
  }

  #isBroken() {
    return this.#problem !== null || this.#failures >= MOST_FAILURES;
  }

  #start(lasting) {
    const process = new ClaudeProcess(this.#launcher,
      (changed, before) => this.#changed(changed, before), lasting);
    this.starts++;
    this.#all.add(process);
    process.start();
    this.#log.debug('process', { pid: process.pid, state: process.state });
  }

  #changed(process, before) {
    const { pid, state } = process;
    this.#log.debug('process', { pid, state, before });
    if (state === 'parked') {
      this.#failures = 0;
      this.#proved = true;
      this.#park(process);
    } else if (state === 'gone') {
      this.#all.delete(process);
      this.#parked = this.#parked.filter((parked) => parked !== process);
      this.#lasting = this.#lasting.filter((parked) => parked !== process);
      this.#kept.forget(process);
      if (before === 'starting' && !this.#draining) this.#failed();
    }
    this.fill();
  }

  #park(process) {
    const { lasting } = process;
    const first = this.#queue.findIndex(({ isLasting }) =>
      isLasting || !lasting);
    if (first >= 0) this.#queue.splice(first, 1)[0].resolve(process);
    else if (this.#draining) process.stop();
    else (lasting ? this.#lasting : this.#parked).push(process);
  }

  #failed() {
    this.failedStarts++;
    this.#failures++;
    const delay = Math.min(MOST_BACKOFF, BACKOFF * 2 ** this.#failures);
    this.#log.warn('start_failed',
      { in_a_row: this.#failures, again_ms: delay });
    if (this.#isBroken()) this.#refuseAll('no SDK process can be started');
    this.#later(delay);
  }

  #later(delay) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.fill();
    }, delay);
  }

  /** @returns {Promise<ClaudeProcess|null>} null when the client went */
  async #takeAlive(signal, isLasting) {
    let process;
    do process = await this.#take(signal, isLasting);
    while (!process.alive);
    if (!signal.aborted) return process;
    this.#park(process);
    return null;
  }

  /** A lasting one is only preferred, but nobody else gets one. */
  #take(signal, isLasting) {
    const { queue, queueTimeout } = this.#settings;
    const process = (isLasting && this.#lasting.shift())
      || this.#parked.shift();
    if (process) return process;
    if (this.#isBroken()) throw overloaded('no SDK process can be started');
    if (this.#queue.length >= queue) throw overloaded('the queue is full');
    return new Promise((resolve, reject) => {
      const leave = (error) => {
        this.#queue = this.#queue.filter((other) => other !== waiting);
        waiting.reject(error);
      };
      const onAbort = () => leave(overloaded('the client went'));
      const timer = setTimeout(() => {
        leave(overloaded('no SDK process became free in time'));
      }, queueTimeout);
      const settle = (end) => (value) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        end(value);
      };
      const waiting = {
        isLasting, resolve: settle(resolve), reject: settle(reject) };
      signal.addEventListener('abort', onAbort);
      this.#queue.push(waiting);
      this.fill();
    });
  }

  #refuseAll(message) {
    this.#queue.splice(0).forEach(({ reject }) => {
      reject(overloaded(message));
    });
  }

  /** Those in a state; with `lasting` only such, or only others. */
  #count(state, lasting = undefined) {
    let count = 0;
    for (const process of this.#all) {
      count += process.state === state
        && (lasting ?? process.lasting) === process.lasting;
    }
    return count;
  }
}

function wayOf({ results, rewind }) {
  if (rewind) return 'rewound';
  return results === null ? 'continued' : 'toolSteps';
}
