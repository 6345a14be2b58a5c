/**
 * Starts programs, ends the run when one of them ends or when told to, and
 * leaves none behind: what doesn't go by itself in time is killed, with all
 * that it has started.
 */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import { Ended, fail, Failure } from './say.mjs';
import { family, isAlive, signalsOf } from './processes.mjs';
import { runAs } from './users.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
/** ms that programs have to go by themselves; the bridge's own is shorter. */
const GRACE = 3000;
/** ms that killed ones may take. */
const BURIAL = 1000;
const LOOK_AGAIN = 50;
const WATCH = 250;

export class Supervisor {
  #services = new Map();
  #family = new Map();
  #cleanups = [];
  #end;
  #stopping = false;

  constructor() {
    /** Resolved when the run is to end. */
    this.ended = new Promise((resolve) => { this.#end = resolve; });
    this.ended.then(() => { this.#stopping = true; });
    for (const name of SIGNALS) process.on(name, () => this.#end());
    this.#watchMake();
    // whoever read our output is gone; the signal follows, if there is one
    process.stdout.on('error', () => {});
    process.stderr.on('error', () => {});
  }

  /**
   * make passes SIGTERM on to us, but trusts that a terminal sends us SIGINT
   * and SIGHUP too: where only make got one, it no longer catches it.
   */
  #watchMake() {
    const make = process.ppid;
    const { name, caught } = signalsOf(make);
    if (name !== 'make') return;
    setInterval(() => {
      if (process.ppid !== make || signalsOf(make).caught !== caught) {
        this.#end();
      }
    }, WATCH).unref();
  }

  /** @param {() => void} action at the end, in reverse order */
  cleanup(action) {
    this.#cleanups.unshift(action);
  }

  /**
   * Starts a program in a session of its own, so that a terminal's Ctrl-C
   * reaches it in our order, and its orphans are known. Its output goes to our
   * standard error.
   *
   * @param {string} name
   * @param {object|null} user of users.mjs
   * @param {string[]} command
   * @param {{env: object, cwd: string, heard?: (line: string) => boolean}}
   *   options `heard` may take a line, which then isn't shown
   */
  start(name, user, command, { env, cwd, heard = () => false }) {
    const [file, ...args] = runAs(user, command);
    const child = spawn(file, args,
      { env, cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        if (!heard(line)) console.error(`${name}: ${line}`);
      });
    }
    child.on('error', (error) => this.#gone(name, error.code));
    child.on('exit', (code, signal) => this.#gone(name, signal ?? code));
    this.#services.set(name, child);
  }

  #gone(name, how) {
    this.#remember();
    this.#services.delete(name);
    if (!this.#stopping) fail(`${name} ended by itself (${how})`);
    this.#end();
  }

  /**
   * Waits for a condition.
   *
   * @param {string} trouble that it is, when the condition doesn't hold
   * @param {number} limit ms
   * @param {() => Promise<boolean>|boolean} holds
   * @returns {Promise<void>}
   * @throws {Failure} after the limit
   * @throws {Ended} when the run is to end
   */
  async until(trouble, limit, holds) {
    const deadline = Date.now() + limit;
    while (!this.#stopping) {
      if (await holds()) return;
      if (Date.now() > deadline) {
        throw new Failure(`${trouble} after ${limit / 1000} s`);
      }
      await Promise.race([sleep(LOOK_AGAIN), this.ended]);
    }
    throw new Ended();
  }

  /** Ends all that was started, then cleans up. */
  async stop() {
    this.#stopping = true;
    for (const child of this.#services.values()) child.kill('SIGTERM');
    await this.#wait(GRACE, () => this.#services.size > 0);
    for (const [pid, started] of this.#family) {
      if (isAlive(pid, started)) kill(pid);
    }
    await this.#wait(BURIAL, () => [...this.#family]
      .some(([pid, started]) => isAlive(pid, started)));
    for (const action of this.#cleanups) action();
    process.exit();
  }

  async #wait(limit, goesOn) {
    const deadline = Date.now() + limit;
    this.#remember();
    while (goesOn() && Date.now() < deadline) {
      await sleep(LOOK_AGAIN);
      this.#remember();
    }
  }

  /** What a program has started may outlive it. */
  #remember() {
    for (const { pid } of this.#services.values()) {
      for (const [found, started] of family(pid)) {
        this.#family.set(found, started);
      }
    }
  }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function sleep(ms) {
  return new Promise((resolve) => { setTimeout(resolve, ms); });
}
