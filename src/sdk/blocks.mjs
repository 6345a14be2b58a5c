/** Reads messages and content blocks, building each anew. */

import { invalid } from './errors.mjs';
import { pairResults } from './pairs.mjs';
import { readJson } from './tools.mjs';

const USER = { text, image, document, tool_result: toolResult };
const ASSISTANT = {
  text, thinking, redacted_thinking: redactedThinking, tool_use: toolUse,
};
const RESULT = { text, image, document };
/** How the data begins; the CLI would put a note in a bad image's place. */
const IMAGES = {
  'image/jpeg': /^\xff\xd8\xff/,
  'image/png': /^\x89PNG\r\n\x1a\n/,
  'image/gif': /^GIF8/,
  'image/webp': /^RIFF.{4}WEBP/s,
};
const DOCUMENTS = { 'application/pdf': /^%PDF-/ };
/** Base64 characters that hold the longest of these beginnings. */
const BEGINNING = 24;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const TOOL_ID = /^[A-Za-z0-9_-]{1,128}$/;
const MOST_MESSAGES = 100_000;

/**
 * @typedef {object} Message
 * @property {'user'|'assistant'} role
 * @property {object[]} content blocks, at least one
 */

/**
 * @param {unknown} system a string, text blocks, or undefined
 * @returns {string}
 */
export function readSystem(system) {
  if (system === undefined) return '';
  if (typeof system === 'string') return system;
  if (!Array.isArray(system)) {
    throw invalid('system', 'must be a string or an array of text blocks');
  }
  return system.map((block, i) => {
    if (block?.type !== 'text') {
      throw invalid(`system.${i}.type`, 'must be text');
    }
    return string(block, 'text', `system.${i}`);
  }).join('\n\n');
}

/**
 * Messages of one role in a row become one.
 *
 * @param {unknown} messages
 * @returns {Message[]} alternating roles, the user's last
 */
export function readMessages(messages) {
  if (!Array.isArray(messages)) {
    throw invalid('messages', 'must be an array');
  }
  if (messages.length === 0 || messages.length > MOST_MESSAGES) {
    throw invalid('messages', `must hold 1 to ${MOST_MESSAGES} messages`);
  }
  const read = messages.map((message, i) => readMessage(message,
    `messages.${i}`));
  // the CLI drops what is only thinking, and would mend the rest its way
  const joined = join(join(read).filter((message) => !isThought(message)));
  if (joined.at(-1)?.role !== 'user') {
    throw invalid('messages', 'the last message must be the user\'s: '
      + 'prefilling the assistant\'s answer is not supported');
  }
  if (joined[0].role !== 'user') {
    throw invalid('messages', 'the first message must be the user\'s');
  }
  pairResults(joined);
  return joined;
}

function join(messages) {
  const joined = [];
  for (const { role, content } of messages) {
    const last = joined.at(-1);
    if (last?.role === role) content.forEach((one) => last.content.push(one));
    else joined.push({ role, content });
  }
  return joined;
}

function isThought({ content }) {
  return content.every(({ type }) => /thinking$/.test(type));
}

function readMessage(message, at) {
  const role = message?.role;
  if (role !== 'user' && role !== 'assistant') {
    throw invalid(`${at}.role`, 'must be user or assistant');
  }
  const kinds = role === 'user' ? USER : ASSISTANT;
  return { role, content: readContent(message, kinds, at) };
}

function readContent(holder, kinds, at) {
  const { content } = holder;
  const place = `${at}.content`;
  if (typeof content === 'string') {
    return [text({ text: content }, place, true)];
  }
  if (!Array.isArray(content) || content.length === 0) {
    throw invalid(place, 'must be a string or an array of blocks');
  }
  const lenient = kinds !== USER && !content.every(isBlank);
  return content.flatMap((block, i) => {
    if (lenient && isBlank(block)) return [];
    const type = block?.type;
    if (typeof type !== 'string' || !Object.hasOwn(kinds, type)) {
      throw invalid(`${place}.${i}.type`,
        `must be one of ${Object.keys(kinds).join(', ')}`);
    }
    return [kinds[type](block, `${place}.${i}`)];
  });
}

/** Models write such blocks beside calls; the API doesn't take them back. */
function isBlank(block) {
  return block?.type === 'text' && typeof block.text === 'string'
    && block.text.trim() === '';
}

function string(block, name, at) {
  if (typeof block[name] !== 'string') {
    throw invalid(`${at}.${name}`, 'must be a string');
  }
  return block[name];
}

function text(block, at, bare = false) {
  const value = string(block, 'text', at);
  if (value.trim() === '') {
    throw invalid(bare ? at : `${at}.text`, 'must not be blank');
  }
  return { type: 'text', text: value };
}

function image(block, at) {
  return { type: 'image', source: source(block, at, IMAGES) };
}

function document(block, at) {
  const read = { type: 'document' };
  if (block.source?.type === 'text') {
    const data = string(block.source, 'data', `${at}.source`);
    read.source = { type: 'text', media_type: 'text/plain', data };
  } else {
    read.source = source(block, at, DOCUMENTS);
  }
  for (const name of ['title', 'context']) {
    if (block[name] != null) read[name] = string(block, name, at);
  }
  return read;
}

function source(block, at, kinds) {
  const { source: given } = block;
  const place = `${at}.source`;
  if (given?.type === 'url') {
    const url = string(given, 'url', place);
    if (!/^https?:\/\/\S+$/.test(url)) {
      throw invalid(`${place}.url`, 'must be an http or https URL');
    }
    return { type: 'url', url };
  }
  if (given?.type !== 'base64') {
    throw invalid(`${place}.type`, 'must be base64 or url');
  }
  const type = given.media_type;
  if (!Object.hasOwn(kinds, type)) {
    throw invalid(`${place}.media_type`,
      `must be one of ${Object.keys(kinds).join(', ')}`);
  }
  const data = string(given, 'data', place);
  if (data.length % 4 !== 0 || !BASE64.test(data)) {
    throw invalid(`${place}.data`, 'must be base64');
  }
  const begins = Buffer.from(data.slice(0, BEGINNING), 'base64')
    .toString('latin1');
  if (!kinds[type].test(begins)) {
    throw invalid(`${place}.data`, `is no ${type}`);
  }
  return { type: 'base64', media_type: type, data };
}

function thinking(block, at) {
  return {
    type: 'thinking',
    thinking: string(block, 'thinking', at),
    signature: string(block, 'signature', at),
  };
}

function redactedThinking(block, at) {
  return { type: 'redacted_thinking', data: string(block, 'data', at) };
}

function toolUse(block, at) {
  return {
    type: 'tool_use',
    id: toolId(block, 'id', at),
    name: string(block, 'name', at),
    input: readJson(block.input, `${at}.input`),
  };
}

function toolId(block, name, at) {
  const id = string(block, name, at);
  if (!TOOL_ID.test(id)) {
    throw invalid(`${at}.${name}`, `must match ${TOOL_ID.source}`);
  }
  return id;
}

function toolResult(block, at) {
  const read = {
    type: 'tool_result',
    tool_use_id: toolId(block, 'tool_use_id', at),
  };
  const { content } = block;
  if (typeof content === 'string') read.content = content;
  else if (content?.length > 0) {
    read.content = content.every?.(isBlank)
      ? content.map((blank) => blank.text).join('')
      : readContent(block, RESULT, at);
  }
  if (block.is_error !== undefined) read.is_error = block.is_error === true;
  return read;
}
