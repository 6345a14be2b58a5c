/** One `claude` process, from its start to the removal of its directory. */

import { rm } from 'node:fs/promises';

import { costEvent } from './cost.mjs';
import { ApiError } from './errors.mjs';
import { EventReader } from './events.mjs';
import { planHistory } from './history.mjs';

const NEXT = {
  starting: ['parked', 'gone'],
  parked: ['bound', 'gone'],
  bound: ['answering', 'gone'],
  answering: ['gone'],
  gone: [],
};
const READY = JSON.stringify({
  type: 'update_environment_variables', request_id: 'ready', variables: {},
});
const MOST_GREETING = 64 * 1024;
const START_TIMEOUT = 30000;
/** ms in which a bound child must confirm its settings. */
const BIND_TIMEOUT = 10000;
const TERM_GRACE = 500;
const CLOSE_GRACE = 100;
/** ms that an answer's end waits for what it has cost. */
const COST_WAIT = 500;

/** The process ended before it could ask the API: another may be asked. */
export class Unsent extends Error {}

/**
 * starting → parked → bound → answering → gone. Bound: it is given the
 * conversation. Answering: it asks the API. `exit` leads to gone from every
 * state; nothing else does, and only gone removes the directory.
 */
export class ClaudeProcess {
  #launcher;
  #onState;
  #child = null;
  #dir = null;
  #query = null;
  #timers = new Set();
  #cause = null;
  #resume = null;
  #isSet = false;
  #leave;

  state = 'starting';

  /**
   * @param {Launcher} launcher
   * @param {(process: ClaudeProcess, before: string) => void} onState
   */
  constructor(launcher, onState) {
    this.#launcher = launcher;
    this.#onState = onState;
    /** Settles when the process is gone and its directory too. */
    this.removed = new Promise((resolve) => { this.#leave = resolve; });
  }

  /** @returns {boolean} false as soon as the child is known to be dead */
  get alive() {
    const child = this.#child;
    return this.state !== 'gone' && child?.pid !== undefined
      && child.exitCode === null && child.signalCode === null;
  }

  /** @returns {number|undefined} */
  get pid() {
    return this.#child?.pid;
  }

  /** Starts the child and has it parked before it knows of any request. */
  start() {
    try {
      ({ child: this.#child, dir: this.#dir } = this.#launcher.spawn());
    } catch {
      this.#gone();
      return;
    }
    const child = this.#child;
    child.stdin.on('error', () => {});
    child.stderr.resume();
    child.once('exit', () => this.#gone());
    child.on('error', () => { if (child.pid === undefined) this.#gone(); });
    this.#after(START_TIMEOUT, () => {
      if (this.state === 'starting') this.halt();
    });
    this.#awaitReady();
  }

  /**
   * Asks for one answer. Ends the process, whatever happens.
   *
   * @param {Turn} turn with the credential in its flags
   * @param {object} options
   * @param {AbortSignal} options.signal the client went
   * @param {number} options.idleTimeout ms without an event
   * @param {boolean} options.burst see history.mjs
   * @param {Prices} options.prices see cost.mjs
   * @yields {object} Messages events, `message_stop` last; before that, where
   *   it is known, `claude_cost`
   * @throws {ApiError|Unsent}
   */
  async* answer(turn, { signal, idleTimeout, burst, prices }) {
    const reader = new EventReader();
    const onAbort = () => this.stop();
    const idle = this.#after(idleTimeout, () => {
      this.#fail(new ApiError(504, 'the model was silent for too long'));
    });
    signal.addEventListener('abort', onAbort);
    try {
      this.#bind(turn, burst);
      for (;;) {
        const { done, value } = await this.#query.next();
        if (done) throw new Error('ended');
        if (this.#isResumed(value)) continue;
        const event = reader.read(value);
        if (value.type === 'stream_event') idle.refresh();
        if (this.state === 'bound' && (event !== null || isAsking(value))) {
          this.#move('answering');
        }
        if (event === null) continue;
        if (event.type === 'message_delta') {
          if (!reader.settled) this.halt();
          yield event;
          const cost = await this.#cost(turn.flags.model, reader, prices);
          if (cost !== undefined) yield costEvent(cost);
          yield { type: 'message_stop' };
          return;
        }
        yield event;
      }
    } catch (error) {
      throw this.#explain(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#clear(idle);
      this.halt();
    }
  }

  /** Ends the process politely, and after a short grace by force. */
  stop() {
    if (!this.alive) return;
    this.#signal('SIGTERM');
    this.#after(TERM_GRACE, () => this.halt());
  }

  /**
   * Ends the process before it can do anything more: between two requests to
   * the API a SIGTERM, and now and then a lone SIGKILL, comes too late.
   */
  halt() {
    this.#signal('SIGSTOP');
    this.#signal('SIGKILL');
  }

  /**
   * The SDK says what a turn has cost when it is over, which is at once; one
   * that had to be halted can't say it.
   */
  async #cost(model, reader, prices) {
    const late = this.#after(COST_WAIT, () => this.halt());
    try {
      while (reader.settled && reader.cost === undefined) {
        const { done, value } = await this.#query.next();
        if (done) break;
        reader.read(value);
      }
    } catch {
      // the answer is whole; a result is read as the end that it is
    } finally {
      this.#clear(late);
    }
    this.halt();
    const { usage, cost } = reader;
    if (typeof cost !== 'number') return prices.guess(model, usage);
    prices.learn(model, usage, cost);
    return cost;
  }

  #move(next) {
    const before = this.state;
    if (!NEXT[before].includes(next)) {
      throw new Error(`no way from ${before} to ${next}`);
    }
    this.state = next;
    this.#onState(this, before);
  }

  /** A reply to an empty setting shows that the child reads its stdin. */
  #awaitReady() {
    const { stdin, stdout } = this.#child;
    let seen = '';
    const onData = (chunk) => {
      seen += chunk.toString('latin1');
      if (!seen.includes('\n')) {
        if (seen.length > MOST_GREETING) this.halt();
        return;
      }
      stdout.off('data', onData);
      stdout.pause();
      if (seen.includes('"ready"') && this.alive) this.#move('parked');
      else this.halt();
    };
    stdout.on('data', onData);
    stdin.write(`${READY}\n`);
  }

  #bind(turn, burst) {
    this.#move('bound');
    const steps = planHistory(turn.messages, burst);
    this.#query = this.#launcher.query(this.#child, turn.system,
      this.#lines(steps));
    const late = this.#after(BIND_TIMEOUT, () => this.halt());
    this.#query.applyFlagSettings(turn.flags).then(
      () => {
        this.#isSet = true;
        this.#clear(late);
      },
      () => {
        if (!this.alive) return;
        this.#fail(new ApiError(502, 'the SDK refused the settings'));
      });
  }

  /** The child confirms its settings before it reads the conversation. */
  #explain(error) {
    if (this.#cause !== null) return this.#cause;
    if (error instanceof ApiError) return error;
    if (!this.#isSet) return new Unsent();
    return new ApiError(502, 'the SDK process ended before the answer did');
  }

  /** What the SDK writes to the child; it stays open until the end. */
  async* #lines(steps) {
    for (const { line, wait } of steps) {
      const answered = wait
        && new Promise((resolve) => { this.#resume = resolve; });
      yield line;
      await answered;
    }
    await this.removed;
  }

  /** Whether the message is the empty result that a waiting step expects. */
  #isResumed({ type, num_turns: turns, is_error: isError }) {
    if (this.#resume === null || type !== 'result') return false;
    if (turns !== 0 || isError) return false;
    this.#resume();
    this.#resume = null;
    return true;
  }

  #fail(cause) {
    this.#cause ??= cause;
    this.halt();
  }

  #signal(name) {
    if (!this.alive) return;
    try {
      process.kill(-this.#child.pid, name);
    } catch {
      this.#child.kill(name);
    }
  }

  #after(delay, action) {
    const timer = setTimeout(action, delay);
    this.#timers.add(timer);
    return timer;
  }

  #clear(timer) {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }

  async #gone() {
    if (this.state === 'gone') return;
    for (const timer of this.#timers) clearTimeout(timer);
    const query = this.#query;
    if (query) setTimeout(() => query.close(), CLOSE_GRACE);
    this.#move('gone');
    if (this.#dir !== null) {
      await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 })
        .catch(() => {});
    }
    this.#leave();
  }
}

/** The CLI says that its request goes out; the first event may take long. */
function isAsking({ type, subtype, status }) {
  return type === 'system' && subtype === 'status' && status === 'requesting';
}
