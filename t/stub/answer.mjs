// Makes the answer to a request: its content blocks, and the events that
// carry them.

import { randomBytes } from 'node:crypto';

import { inputTokens, tokens } from './request.mjs';
import { sample } from './sample.mjs';

const MAX_SIZE = 64 * 1024 * 1024;
const MAX_DELTAS = 1000000;
const QUOTED = 200;
const MOST_PIECES = 64;
const PIECE = 12;
const FILLER = 'The quick brown fox jumps over the lazy dog. ';

/**
 * @param {string} prefix such as `msg_`
 * @returns {string} an id in the API's form
 */
export function makeId(prefix) {
  return `${prefix}01${randomBytes(11).toString('hex')}`;
}

/**
 * Builds the whole answer.
 *
 * @param {object} body a valid Messages request
 * @param {object} directive
 * @param {{text: string, rest: string}} asked the last user text, with and
 *   without directives
 * @returns {{message: object, parts: {block: object, pieces: string[]}[]}}
 *   the finished message, and its content blocks with the texts of the
 *   deltas that each is sent in
 */
export function makeAnswer(body, directive, asked) {
  const called = { ...directive, tools: calledTools(body, directive) };
  const parts = [...thinkingParts(directive), ...textParts(body, called,
    asked), ...called.tools.map(toolPart)];
  const end = limit(parts, body);
  const count = directive.deltas;
  for (const part of parts) {
    part.pieces = part.words ? part.text.match(/\S+\s*/g) ?? []
      : split(part.text, count);
  }
  const message = {
    id: makeId('msg_'), type: 'message', role: 'assistant',
    model: body.model, content: parts.map(contentBlock), container: null,
    ...stopFields(directive, end, parts),
    usage: makeUsage(body, directive, parts),
  };
  return { message, parts };
}

/** Those of the directives, or one that the request leaves no choice of. */
function calledTools({ tools = [], tool_choice: choice }, directive) {
  const asked = directive.tools.length > 0 || directive.text !== undefined;
  if (asked || !['any', 'tool'].includes(choice?.type)) return directive.tools;
  const { name, input_schema: schema } = tools.find((tool) =>
    choice.type === 'any' || tool.name === choice.name);
  return [{ name, args: sample(schema) }];
}

function thinkingParts({ thinking, redacted }) {
  const parts = [];
  if (thinking !== undefined) {
    const text = thinking === '1' ? 'The stub thinks about it.' : thinking;
    const signature = Buffer.from(`stub:${text.length}`).toString('base64');
    parts.push({ text, block: { type: 'thinking', thinking: '', signature } });
  }
  if (redacted !== undefined) {
    const data = Buffer.from('stub').toString('base64');
    parts.push({ text: '', block: { type: 'redacted_thinking', data } });
  }
  return parts;
}

function textParts(body, directive, asked) {
  const words = directive.deltas !== undefined;
  const text = givenText(body, directive, asked);
  const block = { type: 'text', text: '' };
  if (text !== undefined) return text ? [{ text, block }] : [];
  if (directive.tools.length) return [];
  if (words) return [{ text: countUp(directive), words, block }];
  const schema = body.output_config?.format?.schema;
  if (schema) return [{ text: JSON.stringify(sample(schema)), block }];
  const quote = [...asked.rest.trim().slice(0, 2 * QUOTED)]
    .slice(0, QUOTED).join('').trim();
  return [{ block, text: 'Hello! This is the demo model of '
    + 'ngx_http_claude_module; no Claude model was asked.'
    + (quote ? ` You wrote: "${quote}"` : '') }];
}

function givenText(body, directive, { text, rest }) {
  if (directive.text !== undefined) return String(directive.text);
  if (directive.echo === 'all') return text;
  if (directive.echo === 'body') return JSON.stringify(body);
  if (directive.echo !== undefined) return rest;
  if (directive.size === undefined) return undefined;
  const size = Math.min(directive.size, MAX_SIZE);
  return FILLER.repeat(Math.ceil(size / FILLER.length)).slice(0, size);
}

function countUp(directive) {
  const length = Math.min(directive.deltas, MAX_DELTAS);
  return Array.from({ length }, (_, i) => `${i + 1} `).join('');
}

function toolPart({ name, args = {}, id = makeId('toolu_') }) {
  const text = typeof args === 'string' ? args : JSON.stringify(args);
  return { text, block: { type: 'tool_use', id, name, input: {} } };
}

/** Cuts the parts at the first stop sequence and at max_tokens. */
function limit(parts, body) {
  let left = body.max_tokens;
  let end;
  for (const [i, part] of parts.entries()) {
    if (part.block.type === 'text') end = cutAtStop(part, body);
    if (tokens(part.text) > left) {
      part.text = firstBytes(part.text, left * 4);
      end = { stop_reason: 'max_tokens' };
    }
    if (end) {
      parts.length = i + 1;
      return end;
    }
    left -= tokens(part.text);
  }
  return undefined;
}

function cutAtStop(part, { stop_sequences: stops = [] }) {
  const found = stops.map((stop) => ({ stop, at: part.text.indexOf(stop) }))
    .filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at)[0];
  if (!found) return undefined;
  part.text = part.text.slice(0, found.at);
  return { stop_reason: 'stop_sequence', stop_sequence: found.stop };
}

function firstBytes(text, length) {
  const bytes = Buffer.from(text);
  while (length > 0 && (bytes[length] & 0xc0) === 0x80) length--;
  return bytes.toString('utf8', 0, length);
}

/** Splits into equal pieces, never inside a surrogate pair. */
function split(text, count) {
  count ??= Math.min(MOST_PIECES, Math.ceil(text.length / PIECE));
  const pieces = [];
  let start = 0;
  for (let i = 1; i <= count; i++) {
    let end = Math.round(text.length * i / count);
    if (/[\uD800-\uDBFF]/.test(text[end - 1] ?? '')
        && /[\uDC00-\uDFFF]/.test(text[end] ?? '')) end++;
    if (end > start) pieces.push(text.slice(start, end));
    start = Math.max(start, end);
  }
  return pieces;
}

function contentBlock({ block, text }) {
  if (block.type === 'thinking') return { ...block, thinking: text };
  if (block.type === 'text') return { ...block, text };
  if (block.type !== 'tool_use') return block;
  try {
    return { ...block, input: JSON.parse(text) };
  } catch {
    return block;
  }
}

function stopFields(directive, end, parts) {
  const called = parts.some(({ block }) => block.type === 'tool_use');
  const fields = { stop_reason: called ? 'tool_use' : 'end_turn',
    stop_sequence: null, stop_details: null, ...end };
  const { stop } = directive;
  if (stop !== undefined) fields.stop_reason = stop === 'null' ? null : stop;
  if (stop === 'refusal') {
    fields.stop_details = { type: 'refusal', category: null,
      explanation: null };
  }
  return fields;
}

function makeUsage(body, directive, parts) {
  const count = (keep) => parts.filter(keep)
    .reduce((sum, { text }) => sum + tokens(text), 0);
  const thinking = count(({ block }) => block.type === 'thinking');
  return {
    input_tokens: directive.input ?? inputTokens(body),
    cache_creation_input_tokens: directive['cache-creation'] ?? 0,
    cache_read_input_tokens: directive['cache-read'] ?? 0,
    output_tokens: directive.output ?? count(() => true),
    output_tokens_details: { thinking_tokens: thinking },
    service_tier: 'standard',
  };
}

/**
 * The events of a streamed answer, in order.
 *
 * @param {{message: object, parts: object[]}} answer of makeAnswer
 * @returns {Generator<object>} events; each has its `type`
 */
export function* makeEvents({ message, parts }) {
  const { stop_reason, stop_sequence, stop_details, container, usage }
    = message;
  yield { type: 'message_start', message: { ...message, content: [],
    stop_reason: null, stop_sequence: null, stop_details: null,
    usage: { ...usage, output_tokens: 1, output_tokens_details: null } } };
  for (const [index, { block, pieces }] of parts.entries()) {
    const { signature, ...start } = block;
    if (signature) start.signature = '';
    yield { type: 'content_block_start', index, content_block: start };
    if (index === 0) yield { type: 'ping' };
    for (const delta of deltasOf(block, pieces)) {
      yield { type: 'content_block_delta', index, delta };
    }
    yield { type: 'content_block_stop', index };
  }
  const { service_tier, ...counts } = usage;
  yield { type: 'message_delta', usage: counts,
    delta: { stop_reason, stop_sequence, stop_details, container } };
  yield { type: 'message_stop' };
}

function* deltasOf(block, pieces) {
  if (block.type === 'tool_use') {
    yield { type: 'input_json_delta', partial_json: '' };
  }
  for (const piece of pieces) {
    if (block.type === 'text') yield { type: 'text_delta', text: piece };
    else if (block.type === 'thinking') {
      yield { type: 'thinking_delta', thinking: piece };
    } else yield { type: 'input_json_delta', partial_json: piece };
  }
  if (block.signature) {
    yield { type: 'signature_delta', signature: block.signature };
  }
}
