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
    if (!this.#isMissing() || !this.#isStartable()) return;
    while (this.#retry === null && this.#isMissing()) this.#start();
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
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const process = await this.#takeAlive(signal);
      if (process === null) return;
      if (yield* this.#answered(process, turn, signal)) return;
    }
    throw overloaded('one SDK process after another ended');
  }

  /** Answers, or is false when another process may be asked. */
  async* #answered(process, turn, signal, how = FRESH) {
    const { idleTimeout, burstHistory: burst, rewinds } = this.#settings;
    const keep = this.#kept.isFit(process, turn) && !this.#draining;
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
    while (this.#kept.giveUp());
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
  #isMissing() {
    return this.#wanted() > 0 && this.#count('starting') < this.#mostStarts()
      && this.#all.size < this.#settings.maxProcesses;
  }

  /** Those that nobody waits for leave half the cores to what is under way. */
  #mostStarts() {
    const { starts } = this.#settings;
    return this.#queue.length > 0 ? starts : Math.ceil(starts / 2);
  }

  #wanted() {
    const spare = Math.max(0, this.#settings.pool - this.#count('bound'));
    return this.#queue.length + (this.#draining ? 0 : spare)
      - this.#parked.length - this.#count('starting');
  }

  /** Kept ones go where they are in the way of the others. */
  #makeRoom() {
    const leaving = this.#count('kept') - this.#kept.size;
    const room = this.#settings.maxProcesses - this.#all.size + leaving;
    for (let i = this.#wanted() - room; i > 0 && this.#kept.giveUp(); i--);
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

  #start() {
    const process = new ClaudeProcess(this.#launcher,
      (changed, before) => this.#changed(changed, before));
    this.starts++;
    this.#all.add(process);
    process.start(this.#queue.length > 0);
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
      this.#kept.forget(process);
      if (before === 'starting' && !this.#draining) this.#failed();
    }
    this.fill();
  }

  #park(process) {
    const waiting = this.#queue.shift();
    if (waiting) waiting.resolve(process);
    else if (this.#draining) process.stop();
    else this.#parked.push(process);
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
  async #takeAlive(signal) {
    let process;
    do process = await this.#take(signal);
    while (!process.alive);
    if (!signal.aborted) return process;
    this.#park(process);
    return null;
  }

  #take(signal) {
    const { queue, queueTimeout } = this.#settings;
    const process = this.#parked.shift();
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
      const waiting = { resolve: settle(resolve), reject: settle(reject) };
      signal.addEventListener('abort', onAbort);
      this.#queue.push(waiting);
      for (const one of this.#all) one.hurry();
      this.fill();
    });
  }

  #refuseAll(message) {
    this.#queue.splice(0).forEach(({ reject }) => {
      reject(overloaded(message));
    });
  }

  #count(state) {
    let count = 0;
    for (const process of this.#all) count += process.state === state;
    return count;
  }
}

function wayOf({ results, rewind }) {
  if (rewind) return 'rewound';
  return results === null ? 'continued' : 'toolSteps';
}
