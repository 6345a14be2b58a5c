/** Random conversations, and what of them has to reach the API. */

import { conversation } from './bridge.mjs';

const TOOLS = ['w', 'Bash'].map((name) => ({ name, description: `of ${name}`,
  input_schema: { type: 'object', properties: { n: { type: 'integer' } } } }));
const EFFORTLESS = { model: 'claude-sonnet-5-5', max_tokens: 1024 };
/** A request with another of these is another conversation's. */
export const SETTINGS = [
  { ...EFFORTLESS, system: 'be brief' },
  { ...EFFORTLESS, system: 'be long' },
  { ...EFFORTLESS, system: 'be brief', max_tokens: 2048 },
  { ...EFFORTLESS, system: 'be brief', temperature: 0.5 },
  { ...EFFORTLESS, system: 'be brief', thinking: { type: 'adaptive' } },
  { ...EFFORTLESS, system: 'be brief', model: 'claude-opus-5-5' },
  { ...EFFORTLESS, system: 'be brief', model: 'claude-haiku-4-5' },
  { ...EFFORTLESS, output_config: { effort: 'low' } },
  { ...EFFORTLESS, tools: TOOLS },
  { ...EFFORTLESS, tools: TOOLS, thinking: { type: 'adaptive' } },
  { ...EFFORTLESS, tools: TOOLS.slice(1) },
];
const NOTE = /^<system-reminder>\n(# Env|You are powered|Today's date)/;
const APPENDED = /\n\n<system-reminder>\n# Environment[^]*$/;
const VERSION = /cc_version=[\w.]+/;

/** @returns {() => number} from 0 to less than 1, the same for one seed */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @returns {object} the answer as a client brings it back */
export function answerOf(events) {
  const content = [];
  for (const { type, index, content_block: block, delta } of events) {
    if (type === 'content_block_start') content[index] = { ...block, json: '' };
    if (type !== 'content_block_delta') continue;
    const at = content[index];
    if (delta.type === 'text_delta') at.text += delta.text;
    if (delta.type === 'thinking_delta') at.thinking += delta.thinking;
    if (delta.type === 'signature_delta') at.signature = delta.signature;
    if (delta.type === 'input_json_delta') at.json += delta.partial_json;
  }
  return { role: 'assistant', content: content.map(({ json, ...block }) => (
    json ? { ...block, input: JSON.parse(json) } : block)) };
}

/**
 * What a body is apart from its messages and what differs by process; of the
 * SDK's own messages what they say, not where they stand.
 */
export function rest({ messages, metadata: _, ...body }) {
  const own = messages.filter(({ role }) => role === 'system');
  const notes = own.map(({ content }) => (Array.isArray(content)
    ? content.map(({ text }) => text).join('') : content)).filter(Boolean);
  const configs = new Set(own.map(({ output_config: config }) => config)
    .filter(Boolean).map((config) => JSON.stringify(config)));
  const text = JSON.stringify([body, notes, [...configs]]);
  return JSON.parse(text.replace(VERSION, 'cc_version'),
    (name, value) => (name === 'cache_control' ? undefined : value));
}

/** The messages without the SDK's note, wherever it stands. */
export function said(body) {
  return conversation(body).flatMap(({ role, content }) => {
    const own = content.filter(({ text }) => !NOTE.test(text ?? ''))
      .map(cutNote);
    return own.length > 0 ? [{ role, content: own }] : [];
  });
}

/** Older models have the note at the end of a tool's result. */
function cutNote(block) {
  const cut = (text) => text.replace(APPENDED, '');
  if (block.type !== 'tool_result' || block.content === undefined) return block;
  return { ...block, content: typeof block.content === 'string'
    ? cut(block.content) : block.content.map((one) => (
      one.type === 'text' ? { ...one, text: cut(one.text) } : one)) };
}
