// What the real API refuses about `messages`.

import { ApiError } from './errors.mjs';

const ROLES = ['user', 'assistant', 'system'];
const BLOCKS = new Set(['text', 'image', 'document', 'search_result',
  'thinking', 'redacted_thinking', 'tool_use', 'tool_result',
  'tool_reference', 'server_tool_use', 'web_search_tool_result',
  'web_fetch_tool_result', 'tool_search_tool_result', 'container_upload']);
const IMAGES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];
const TOOL_ID = /^[a-zA-Z0-9_-]+$/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

function refuse(message) {
  throw new ApiError(400, message);
}

/**
 * @param {unknown} messages
 * @param {{prefill: boolean}} how `prefill`: the model goes on from a last
 *   message of the assistant's; one that doesn't refuses it
 */
export function checkMessages(messages, { prefill }) {
  if (messages === undefined) refuse('messages: Field required');
  if (!Array.isArray(messages)) {
    refuse('messages: Input should be a valid array');
  }
  if (!messages.length) refuse('messages: at least one message is required');
  messages.forEach(checkMessage);
  const turns = mergeTurns(messages);
  if (!turns.length) refuse('messages: at least one message is required');
  if (!prefill && turns.at(-1).role === 'assistant') {
    refuse('This model does not support assistant message prefill. The '
      + 'conversation must end with a user message.');
  }
  checkToolPairs(turns);
}

function checkMessage(message, i) {
  const where = `messages.${i}`;
  if (!ROLES.includes(message?.role)) {
    refuse(`messages: Unexpected role "${message?.role}"`);
  }
  const { role, content } = message;
  if (content === undefined) refuse(`${where}.content: Field required`);
  if (typeof content !== 'string' && !Array.isArray(content)) {
    refuse(`${where}.content: Input should be a valid list`);
  }
  if (!content.length && role === 'user') {
    refuse(`${where}: user messages must have non-empty content`);
  }
  if (typeof content === 'string') return;
  content.forEach((block, j) => checkBlock(block, `${where}.content.${j}`));
}

function checkBlock(block, where) {
  if (!BLOCKS.has(block?.type)) {
    refuse(`${where}: Input tag '${block?.type}' found using 'type' does not `
      + 'match any of the expected tags');
  }
  if (block.type === 'text') {
    if (typeof block.text !== 'string') refuse(`${where}.text: Field required`);
    if (!block.text) refuse('messages: text content blocks must be non-empty');
  }
  if (block.type === 'image') checkImage(block.source, `${where}.image`);
  if (block.type === 'thinking') checkThought(block, where);
  if (block.type === 'tool_use') {
    checkId(block.id, `${where}.id`);
    if (block.input === null || typeof block.input !== 'object') {
      refuse(`${where}.input: Input should be a valid dictionary`);
    }
  }
  if (block.type === 'tool_result') checkResult(block, where);
}

function checkId(id, where) {
  if (typeof id !== 'string') refuse(`${where}: Field required`);
  if (!TOOL_ID.test(id)) {
    refuse(`${where}: String should match pattern '${TOOL_ID.source}'`);
  }
}

/** The stub's own signatures tell how long the text is that they are for. */
function checkThought({ thinking, signature }, where) {
  if (typeof thinking !== 'string') refuse(`${where}.thinking: Field required`);
  const own = /^stub:(\d+)$/.exec(Buffer.from(signature ?? '', 'base64'));
  if (!signature || (own && Number(own[1]) !== thinking.length)) {
    refuse(`${where}: Invalid \`signature\` in \`thinking\` block`);
  }
}

function checkResult(block, where) {
  checkId(block.tool_use_id, `${where}.tool_use_id`);
  if (!Array.isArray(block.content)) return;
  block.content.forEach((b, i) => checkBlock(b, `${where}.content.${i}`));
  if (block.is_error && block.content.some(({ type }) => type !== 'text')) {
    refuse(`${where}: all content must be type \`text\` if \`is_error\` is `
      + 'true');
  }
}

function checkImage(source, where) {
  if (source?.type === 'url') {
    if (!/^https:\/\//.test(source.url ?? '')) {
      refuse(`${where}.source.url: Only HTTPS URLs are supported.`);
    }
  } else if (source?.type === 'base64') {
    if (!IMAGES.includes(source.media_type)) {
      refuse(`${where}.source.base64.media_type: Input should be ${IMAGES}`);
    }
    if (!isBase64(source.data)) {
      refuse(`${where}.source.base64: invalid base64 data`);
    }
  } else if (source?.type !== 'file') {
    refuse(`${where}.source: Input should be base64, url or file`);
  }
}

function isBase64(data) {
  return typeof data === 'string' && data.length % 4 === 0
    && BASE64.test(data);
}

function mergeTurns(messages) {
  const turns = [];
  for (const { role, content } of messages) {
    if (role === 'system') continue;
    const blocks = typeof content === 'string' ? [] : content;
    if (turns.at(-1)?.role === role) turns.at(-1).blocks.push(...blocks);
    else turns.push({ role, blocks: [...blocks] });
  }
  return turns;
}

function checkToolPairs(turns) {
  let open = new Set();
  for (const { role, blocks } of turns) {
    const results = blocks.filter((b) => b.type === 'tool_result')
      .map((b) => b.tool_use_id);
    const strange = results.find((id) => !open.has(id));
    if (strange !== undefined) {
      refuse('messages: unexpected `tool_use_id` found in `tool_result` '
        + `blocks: ${strange}`);
    }
    const missing = [...open].filter((id) => !results.includes(id));
    if (missing.length) {
      refuse('messages: `tool_use` ids were found without `tool_result` '
        + `blocks immediately after: ${missing.join(', ')}`);
    }
    open = new Set(role === 'assistant'
      ? blocks.filter((b) => b.type === 'tool_use').map((b) => b.id) : []);
  }
}
