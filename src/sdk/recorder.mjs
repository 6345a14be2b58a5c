/**
 * What a process holds after an answer: the assistant's message, as a client
 * would bring it back and history.mjs would give it to a fresh process.
 */

import { MessageBuilder } from './events.mjs';

const FIELDS = {
  text: ['type', 'text'],
  thinking: ['type', 'thinking', 'signature'],
  redacted_thinking: ['type', 'data'],
  tool_use: ['type', 'id', 'name', 'input'],
};

/** Gathers one answer. */
export class Recorder {
  #builder = new MessageBuilder();

  /** @param {object} event a Messages event */
  add(event) {
    this.#builder.add(event);
  }

  /**
   * @returns {Message|null} null where what the process holds is another
   *   than what a fresh one would be given
   */
  get message() {
    const { message, sound } = this.#builder;
    if (message === null || !sound) return null;
    const content = message.content.map(rebuild);
    if (content.includes(null) || isOutOfOrder(content)) return null;
    return { role: 'assistant', content };
  }

  /** @returns {{id: string, name: string}[]} the calls of the answer */
  get calls() {
    return this.#builder.message.content
      .filter(({ type }) => type === 'tool_use');
  }
}

function rebuild(block) {
  const fields = Object.hasOwn(FIELDS, block.type) && FIELDS[block.type];
  if (!fields || (block.type === 'text' && block.text.trim() === '')) {
    return null;
  }
  if (block.type === 'text' && block.citations?.length > 0) return null;
  if (fields.some((name) => block[name] === undefined)) return null;
  return Object.fromEntries(fields.map((name) => [name, block[name]]));
}

/** A fresh process is given texts before calls, and thinking first. */
function isOutOfOrder(content) {
  const first = content.findIndex(({ type }) => type === 'tool_use');
  return first >= 0
    && content.slice(first).some(({ type }) => type !== 'tool_use');
}
