/**
 * Sees to it that tool results answer tool calls as the API demands it. The
 * CLI would repair a history that doesn't, and the model would be told things
 * that nobody said.
 */

import { invalid } from './errors.mjs';

const LONGEST_ID = 128;

/**
 * Ids that were used before get another: the CLI takes a call whose id it
 * has seen for a copy, and one that ends in a number, such as call_1 beside a
 * call named call, for a part of the other. Images and documents of a failed
 * result follow after the results: the API takes only text in one.
 *
 * @param {Message[]} messages alternating roles; changed in place
 * @throws {ApiError} a 400
 */
export function pairResults(messages) {
  const ids = new Ids(messages.flatMap(({ content }) => content
    .filter(({ type }) => type === 'tool_use').map(({ id }) => id)));
  let open = new Map();
  for (const { role, content } of messages) {
    if (role === 'assistant') open = readCalls(content, ids);
    else {
      readResults(content, open);
      moveMedia(content);
    }
  }
}

/** @returns {Map<string, string>} ids that need a result, and their new ones */
function readCalls(content, ids) {
  const open = new Map();
  for (const block of content) {
    if (block.type !== 'tool_use') continue;
    if (open.has(block.id)) {
      throw invalid('messages', 'two tool_use blocks have the same id');
    }
    const id = ids.unused(block.id);
    open.set(block.id, id);
    block.id = id;
  }
  return open;
}

function readResults(content, open) {
  const missing = new Map(open);
  for (const block of content) {
    if (block.type !== 'tool_result') continue;
    const id = missing.get(block.tool_use_id);
    if (id === undefined) {
      throw invalid('messages', 'a tool_result answers no tool_use of the '
        + 'message before it, or one that has its result');
    }
    missing.delete(block.tool_use_id);
    block.tool_use_id = id;
  }
  if (missing.size > 0) {
    throw invalid('messages', 'a tool_use has no tool_result in the message '
      + 'after it');
  }
  open.clear();
}

function moveMedia(content) {
  const moved = [];
  for (const block of content) {
    if (!block.is_error || !Array.isArray(block.content)) continue;
    const { content: all } = block;
    block.content = all.filter(({ type }) => type === 'text');
    all.forEach((one) => { if (one.type !== 'text') moved.push(one); });
    if (block.content.length === 0) delete block.content;
  }
  if (moved.length === 0) return;
  const last = content.findLastIndex(({ type }) => type === 'tool_result');
  const rest = content.splice(last + 1);
  for (const one of moved.concat(rest)) content.push(one);
}

/** The ids of a conversation, in which no two are to be the same. */
class Ids {
  #all;
  #seen = new Set();
  #next = new Map();

  constructor(all) {
    this.#all = new Set(all);
  }

  /** @returns {string} the id itself, or one that nobody has */
  unused(id) {
    const part = /^(.+)_\d+$/.exec(id)?.[1];
    const isNew = !this.#seen.has(id);
    this.#seen.add(id);
    if (isNew && !this.#all.has(part)) return id;
    const start = id.slice(0, LONGEST_ID - 8);
    for (let i = this.#next.get(start) ?? 2; ; i++) {
      const other = `${start}-${i}`;
      this.#next.set(start, i + 1);
      if (this.#all.has(other)) continue;
      this.#all.add(other);
      return other;
    }
  }
}
