/** What the SDK writes to one process: lines of history.mjs, turn by turn. */

/** An iterable that never ends by itself, since its end is the process's. */
export class Prompt {
  #steps = [];
  #wake = () => {};
  #resume = null;
  #isClosed = false;

  /** The model that is asked, aliases resolved, once the process said so. */
  model = undefined;

  /** Names of the user's first and last message, where they have any. */
  first = undefined;
  last = undefined;

  /** @param {Step[]} steps of history.mjs, the last one asks */
  push(steps) {
    for (const step of steps) this.#steps.push(step);
    this.last = steps.at(-1).line.uuid;
    this.first ??= steps[0].line.uuid;
    this.#wake();
  }

  /** Begins another conversation. */
  restart() {
    this.first = undefined;
  }

  /** Ends the iteration: the process is gone. */
  close() {
    this.#isClosed = true;
    this.#wake();
  }

  /**
   * @param {object} message of the SDK
   * @returns {boolean} whether it is the empty result that a waiting step
   *   expects, which lets the next one go
   */
  confirms({ type, num_turns: turns, is_error: isError }) {
    if (this.#resume === null || type !== 'result') return false;
    if (turns !== 0 || isError) return false;
    this.#resume();
    this.#resume = null;
    return true;
  }

  async* [Symbol.asyncIterator]() {
    while (!this.#isClosed) {
      const step = this.#steps.shift();
      if (step === undefined) {
        await new Promise((resolve) => { this.#wake = resolve; });
        continue;
      }
      const { line, wait, named } = step;
      if (named) line.message.model = this.model;
      const answered = wait
        && new Promise((resolve) => { this.#resume = resolve; });
      yield line;
      await answered;
    }
  }
}
