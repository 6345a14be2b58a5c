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
  const all = new Set(messages.flatMap(({ content }) => content
    .filter(({ type }) => type === 'tool_use').map(({ id }) => id)));
  const seen = new Set();
  let open = new Map();
  for (const { role, content } of messages) {
    if (role === 'assistant') open = readCalls(content, seen, all);
    else {
      readResults(content, open);
      moveMedia(content);
    }
  }
}

/** @returns {Map<string, string>} ids that need a result, and their new ones */
function readCalls(content, seen, all) {
  const open = new Map();
  for (const block of content) {
    if (block.type !== 'tool_use') continue;
    if (open.has(block.id)) {
      throw invalid('messages', 'two tool_use blocks have the same id');
    }
    const id = unused(block.id, seen, all);
    open.set(block.id, id);
    seen.add(id);
    block.id = id;
  }
  return open;
}

function unused(id, seen, all) {
  const part = /^(.+)_\d+$/.exec(id);
  if (!seen.has(id) && !all.has(part?.[1])) return id;
  for (let i = 2; ; i++) {
    const other = `${id.slice(0, LONGEST_ID - 8)}-${i}`;
    if (!seen.has(other) && !all.has(other)) return other;
  }
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
    moved.push(...block.content.filter(({ type }) => type !== 'text'));
    block.content = block.content.filter(({ type }) => type === 'text');
    if (block.content.length === 0) delete block.content;
  }
  if (moved.length === 0) return;
  const last = content.findLastIndex(({ type }) => type === 'tool_result');
  content.splice(last + 1, 0, ...moved);
}
