/** One `claude` process, from its start to the removal of its directory. */

import { rm } from 'node:fs/promises';

import { Calm } from './calm.mjs';
import { Account, costEvent } from './cost.mjs';
import { Purse } from './credential.mjs';
import { ToolDesk } from './desk.mjs';
import { ApiError } from './errors.mjs';
import { EventReader } from './events.mjs';
import { planHistory } from './history.mjs';
import { Prompt } from './prompt.mjs';
import { Recorder } from './recorder.mjs';

const NEXT = {
  starting: ['parked', 'gone'],
  parked: ['bound', 'gone'],
  bound: ['answering', 'gone'],
  answering: ['kept', 'gone'],
  kept: ['bound', 'gone'],
  gone: [],
};
const READY = JSON.stringify({
  type: 'update_environment_variables', request_id: 'ready', variables: {},
});
const MOST_GREETING = 64 * 1024;
const START_TIMEOUT = 30000;
/** ms in which a bound child must confirm its settings. */
const BIND_TIMEOUT = 10000;
/** The same for one that was kept: it has nothing to set up. */
const REBIND_TIMEOUT = 3000;
const TERM_GRACE = 500;
const CLOSE_GRACE = 100;
/**
 * ms that an answer's end waits for what it has cost, and for the process to
 * be as it is kept; all of it is there at once, but on a machine in trouble.
 */
const END_WAIT = 2000;
const REFUSED = 400;

/** The process ended before it could ask the API: another may be asked. */
export class Unsent extends Error {}

/**
 * starting → parked → bound → answering → kept → bound …, and gone. Bound: it
 * is given the conversation. Answering: it asks the API. Kept: it waits for
 * what extends the conversation. `exit` leads to gone from every state;
 * nothing else does, and only gone removes the directory.
 */
export class ClaudeProcess {
  #launcher;
  #onState;
  #child = null;
  #dir = null;
  #pass = null;
  #query = null;
  #purse = null;
  #prompt = new Prompt();
  #timers = new Set();
  #cause = null;
  #isSet = false;
  #isTold = false;
  #disarmed = false;
  #calm = null;
  #account = null;
  #desk = null;
  #leave;

  state = 'starting';
  /** Answers that it was asked for. */
  turns = 0;
  /** The message that it ended with, when it is kept. */
  held = null;
  /** The calls of it that wait. */
  calls = [];
  /** When it was started. */
  day = null;
  /** Whether it may be kept after an answer. */
  lasting = false;

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

  /** @returns {boolean} whether it can be given another conversation */
  get rewindable() {
    return this.#prompt.first !== undefined && this.calls.length === 0;
  }

  /** @returns {number|undefined} */
  get pid() {
    return this.#child?.pid;
  }

  /**
   * Starts the child and has it parked before it knows of any request.
   *
   * @param {boolean} isWanted whether a request waits for it
   */
  start(isWanted) {
    try {
      ({ child: this.#child, dir: this.#dir, pass: this.#pass,
        day: this.day } = this.#launcher.spawn());
    } catch {
      this.#gone();
      return;
    }
    const child = this.#child;
    if (!isWanted && this.alive) this.#calm = new Calm(child.pid);
    this.lasting = this.#pass !== null;
    if (this.lasting) this.#pass.onExcess = () => this.#exceeded();
    child.stdin.on('error', () => {});
    child.stderr.resume();
    child.once('exit', () => this.#gone());
    child.on('error', () => { if (child.pid === undefined) this.#gone(); });
    this.#after(START_TIMEOUT, () => {
      if (this.state === 'starting') this.halt();
    });
    this.#awaitReady();
  }

  /** A request waits for it now. */
  hurry() {
    this.#calm?.end();
  }

  /**
   * Asks for one answer. Ends the process, whatever happens, but where the
   * answer says so and it is whole: then the process is kept.
   *
   * @param {Turn} turn with the credential in its flags
   * @param {object} options
   * @param {AbortSignal} options.signal the client went
   * @param {number} options.idleTimeout ms without an event
   * @param {boolean} options.burst see history.mjs
   * @param {boolean} options.marked whether it may be rewound, see there
   * @param {Prices} options.prices see cost.mjs
   * @param {boolean} options.keep whether the process may be kept
   * @param {object[]|null} options.results of the calls that it waits at,
   *   which are all that the turn adds
   * @param {boolean} options.rewind whether the turn is of another
   *   conversation than the one that it holds
   * @yields {object} Messages events, `message_stop` last; before that, where
   *   it is known, `claude_cost`
   * @throws {ApiError|Unsent}
   */
  async* answer(turn, options) {
    const { signal, idleTimeout, prices, keep } = options;
    const reader = new EventReader(!this.lasting);
    const recorder = keep ? new Recorder() : null;
    const onAbort = () => this.stop();
    const idle = this.#after(idleTimeout, () => {
      this.#fail(new ApiError(504, 'the model was silent for too long'));
    });
    signal.addEventListener('abort', onAbort);
    this.#isTold = false;
    this.held = null;
    this.calls = [];
    this.#account ??= new Account(prices);
    try {
      await this.#bind(turn, options);
      for (;;) {
        const { done, value } = await this.#query.next();
        if (done) throw new Error('ended');
        if (value.subtype === 'init') this.#prompt.model = value.model;
        if (this.#prompt.confirms(value)) continue;
        const event = reader.read(value);
        if (value.type === 'stream_event') idle.refresh();
        if (this.state === 'bound' && (event !== null || isAsking(value))) {
          this.#move('answering');
        }
        if (event === null) continue;
        if (event.type === 'message_start') this.#disarm(turn, keep);
        recorder?.add(event);
        this.#isTold = true;
        if (event.type === 'message_delta') {
          const waits = reader.calls && this.#isWaiting(recorder);
          if (!reader.settled && !waits) this.halt();
          yield event;
          const cost = await this.#cost(turn.flags.model, reader);
          if (cost !== undefined) yield costEvent(cost);
          const isDone = (reader.sound || waits) && await this.#isDisarmed();
          yield { type: 'message_stop' };
          this.held = isDone ? recorder?.message ?? null : null;
          if (waits) this.calls = recorder.calls;
          return;
        }
        yield event;
      }
    } catch (error) {
      this.held = null;
      throw this.#explain(error);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#clear(idle);
      if (this.held === null || signal.aborted || !this.alive) this.halt();
      else this.#move('kept');
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
   * that had to be halted or waits can't say it.
   */
  async #cost(model, reader) {
    const late = this.#after(END_WAIT, () => this.halt());
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
    return this.#account.charge(model, reader.usage, reader.cost);
  }

  /** Whether the answer's calls wait for results, which its client may bring */
  #isWaiting(recorder) {
    return recorder !== null && recorder.message !== null
      && this.#desk.knows(recorder.calls);
  }

  /** It sends what nobody asked for: it goes on after an answer by itself. */
  #exceeded() {
    if (this.turns > 0) this.halt();
  }

  /**
   * As soon as the API answers the process can send no more; one that is to be
   * kept has its credential taken away.
   */
  #disarm({ flags }, keep) {
    this.#pass?.shut();
    this.#disarmed = false;
    if (!keep) return;
    this.#disarmed = this.#purse.empty(flags)
      .then(() => true, () => false);
  }

  /** Whether the process has confirmed that it has no credential. */
  async #isDisarmed() {
    const late = this.#after(END_WAIT, () => this.halt());
    try {
      return await this.#disarmed;
    } finally {
      this.#clear(late);
    }
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
      this.hurry();
      if (seen.includes('"ready"') && this.alive) this.#move('parked');
      else this.halt();
    };
    stdout.on('data', onData);
    stdin.write(`${READY}\n`);
  }

  async #bind(turn, options) {
    this.turns++;
    this.#move('bound');
    this.#isSet = false;
    this.#pass?.open();
    if (this.#query !== null) {
      await this.#rebind(turn, options);
      return;
    }
    this.#desk = new ToolDesk(options.keep ? turn.tools : []);
    this.#prompt.push(this.#plan(turn.messages, options));
    this.#query = this.#launcher.query(this.#child,
      { systemPrompt: turn.system, ...this.#desk.options }, this.#prompt);
    this.#purse = new Purse(this.#child.stdin, this.#query);
    this.#isTaken(this.#purse.set(turn.flags), BIND_TIMEOUT).catch(() => {
      if (!this.alive) return;
      this.#fail(new ApiError(502, 'the SDK refused the settings'));
    });
  }

  #plan(messages, { burst, marked, keep }) {
    return planHistory(messages, { burst, marked: marked && keep });
  }

  /** One that was kept has everything but the credential and the question. */
  async #rebind({ flags, messages }, options) {
    const { results, rewind } = options;
    await this.#isTaken(Promise.all([
      rewind && this.#rewind(), this.#purse.renew(flags)]), REBIND_TIMEOUT);
    if (results === null) {
      this.#prompt.push(
        this.#plan(rewind ? messages : messages.slice(-1), options));
    } else {
      results.forEach(({ id, result }) => this.#desk.give(id, result));
    }
  }

  /** Has it forget all that was said; internal to the pinned SDK version. */
  async #rewind() {
    const { first, last } = this.#prompt;
    const { response } = await this.#query.request({
      subtype: 'rewind_conversation', target_message_uuid: first,
      last_seen_user_message_uuid: last });
    const isEmpty = response?.rewound === true
      && response.targetMessageUuid === first
      && response.precedingAssistantUuid === null;
    if (!isEmpty) throw new Error('not rewound');
    this.#prompt.restart();
    this.#desk.clear();
  }

  async #isTaken(settings, timeout) {
    const late = this.#after(timeout, () => this.halt());
    try {
      await settings;
      this.#isSet = true;
    } finally {
      this.#clear(late);
    }
  }

  /**
   * The child confirms its settings before it reads the conversation. One that
   * was kept may have come to harm since: as long as nothing was told, another
   * is asked.
   */
  #explain(error) {
    const cause = this.#cause ?? error;
    const isOld = this.turns > 1 && !this.#isTold;
    if (cause instanceof ApiError) {
      return isOld && cause.status === REFUSED ? new Unsent() : cause;
    }
    if (!this.#isSet || isOld) return new Unsent();
    return new ApiError(502, 'the SDK process ended before the answer did');
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
    this.#prompt.close();
    this.#pass?.close();
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
