/**
 * A start that nobody waits for, at a low priority, so that it doesn't slow
 * down what is under way.
 *
 * By the group that the kernel makes of each session's processes (autogroup,
 * sched(7)), and a child has a session of its own. Unlike a nice value this may
 * be raised again without a privilege, if not more than ten times a second.
 */

import { writeFileSync } from 'node:fs';

/** As a nice value: a seventieth of what one of priority 0 gets. */
const LOW = 19;
/** On a machine that is always busy it would never end. */
const LONGEST = 5000;
const AGAIN = 110;

/** The priority of one process. */
export class Calm {
  #file;
  #isLow;
  #timer = null;

  /** @param {number} pid of a process that leads a session */
  constructor(pid) {
    this.#file = `/proc/${pid}/autogroup`;
    this.#isLow = this.#write(LOW) === null;
    if (this.#isLow) setTimeout(() => this.end(), LONGEST).unref();
  }

  /** From now on the process is as any other; it may be gone. */
  end() {
    if (!this.#isLow || this.#timer !== null) return;
    const problem = this.#write(0);
    this.#isLow = problem === 'EAGAIN';
    if (!this.#isLow) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.end();
    }, AGAIN);
    this.#timer.unref();
  }

  #write(nice) {
    try {
      writeFileSync(this.#file, String(nice));
      return null;
    } catch ({ code }) {
      return code;
    }
  }
}
