/** Conversations with a bridge that keeps processes. */

import assert from 'node:assert/strict';

import { Bridge, question, until } from './bridge.mjs';
import { answerOf } from './fuzz.mjs';

export const KEY = { 'x-claude-key-id': 'one' };

/** @returns {object} a message of the user's with directives for the stub */
export function user(text) {
  return { role: 'user',
    content: [{ type: 'text', text: `[[stub ${text}]]` }] };
}

/** A bridge that keeps processes, and a conversation's next turn. */
export class Keeper {
  /** @param {{url: string}} stub */
  constructor(stub) {
    this.stub = stub;
    this.bridge = undefined;
  }

  /**
   * @param {object} [env]
   * @returns {Promise<Bridge>} with a process parked
   */
  async start(env = {}) {
    this.bridge = await Bridge.start(this.stub,
      { CLAUDE_BRIDGE_KEEP: '4', ...env });
    await this.lasting();
    return this.bridge;
  }

  async stop() {
    await this.bridge?.stop();
    this.bridge = undefined;
  }

  /** Waits until a process is parked. */
  lasting() {
    return until(async () => (await this.bridge.health()).parked === 1);
  }

  /** @returns {Promise<number>} a metric of the bridge */
  async metric(name) {
    const { text } = await this.bridge.get('/metrics');
    return Number(new RegExp(`^claude_bridge_${name} (\\d+)$`, 'm')
      .exec(text)[1]);
  }

  /**
   * @param {object[]} messages to which question and answer are added
   * @param {string|object[]} said directives, or content
   * @param {object} [more] fields of the body
   * @param {object} [headers]
   * @returns {Promise<object[]>} the answer's events
   */
  async turn(messages, said, more = {}, headers = KEY) {
    messages.push(typeof said === 'string' ? user(said)
      : { role: 'user', content: said });
    await this.lasting();
    const { status, events, text: raw } = await this.bridge.post(
      { ...question(''), messages, ...more }, headers);
    assert.equal(status, 200, raw);
    assert.equal(events.at(-1).type, 'message_stop', raw);
    messages.push(answerOf(events));
    return events;
  }
}
