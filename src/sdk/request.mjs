/** Checks a Messages body and a credential; takes only what is known. */

import { readMessages, readSystem } from './blocks.mjs';
import { ApiError, invalid } from './errors.mjs';
import { readFormat } from './format.mjs';
import { readTools } from './tools.mjs';

const FIELDS = ['model', 'max_tokens', 'messages', 'system', 'stream',
  'stop_sequences', 'temperature', 'top_p', 'top_k', 'thinking',
  'output_config', 'metadata', 'tools', 'tool_choice'];
const MODEL = /^[A-Za-z0-9][\w.:@/-]{0,127}(\[1m\])?$/;
const CREDENTIAL = /^sk-ant-(oat|api)\d\d-[\w-]{1,1024}$/;
const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];
const MOST_TOKENS = 10_000_000;
const LEAST_BUDGET = 1024;

/**
 * @typedef {object} Turn one request, checked
 * @property {boolean} stream
 * @property {string} system '' without one
 * @property {Message[]} messages alternating roles, a user's last
 * @property {string[]} tools their names
 * @property {Format} [format] that the answer must have
 * @property {object} flags for the SDK's applyFlagSettings, less the
 *   credential
 */

/**
 * @param {Buffer} raw
 * @returns {Turn}
 * @throws {ApiError} a 400 that names the field
 */
export function readRequest(raw) {
  const body = parse(raw);
  for (const name of Object.keys(body)) {
    if (!FIELDS.includes(name)) {
      throw invalid(name.slice(0, 64), 'is not supported');
    }
  }
  optional(body, 'stream', (v) => typeof v === 'boolean', 'a boolean');
  optional(body, 'metadata', isObject, 'an object');
  const own = readTools(body);
  const format = readFormat(body.output_config?.format);
  if (format?.bound) {
    own.output_config = {
      format: { type: 'json_schema', schema: format.bound } };
  }
  return {
    stream: body.stream === true,
    system: [readSystem(body.system), format?.told].filter(Boolean)
      .join('\n\n'),
    format,
    messages: readMessages(body.messages),
    tools: (own.tools ?? []).map(({ name }) => name),
    flags: readFlags(body, own),
  };
}

/**
 * @param {Record<string, string>} headers
 * @returns {Record<string, string>} the environment of the credential
 * @throws {ApiError} a 401
 */
export function readCredential(headers) {
  const { authorization, 'x-api-key': apiKey } = headers;
  const bearer = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  const credential = authorization === undefined ? apiKey : bearer;
  const kind = CREDENTIAL.exec(credential ?? '')?.[1];
  if (kind === undefined || (authorization && apiKey)) {
    throw new ApiError(401, 'one credential is needed, in authorization or '
      + 'x-api-key');
  }
  return kind === 'oat'
    ? { CLAUDE_CODE_OAUTH_TOKEN: credential }
    : { ANTHROPIC_API_KEY: credential };
}

/** @returns {boolean} whether the value is a JSON object */
export function isObject(value) {
  return typeof value === 'object' && value !== null
    && !Array.isArray(value);
}

function parse(raw) {
  let body;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch {
    throw new ApiError(400, 'the body is not valid JSON');
  }
  if (!isObject(body)) throw new ApiError(400, 'the body is no JSON object');
  return body;
}

function readFlags(body, own) {
  const { model, max_tokens: maxTokens } = body;
  if (typeof model !== 'string' || !MODEL.test(model)) {
    throw invalid('model', 'must be the name of a model');
  }
  if (!isInteger(maxTokens, 1, MOST_TOKENS)) {
    throw invalid('max_tokens', 'must be a whole number above 0');
  }
  const extra = { ...readExtra(body), ...own };
  const env = { CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(maxTokens) };
  readThinking(body.thinking, maxTokens, env, extra);
  const effort = readEffort(body.output_config);
  if (Object.keys(extra).length > 0) {
    env.CLAUDE_CODE_EXTRA_BODY = JSON.stringify(extra);
  }
  const flags = { model, env };
  if (effort !== undefined) flags.effortLevel = effort;
  return flags;
}

/** What the SDK has no other way to set. */
function readExtra(body) {
  const isShare = (v) => typeof v === 'number' && v >= 0 && v <= 1;
  optional(body, 'temperature', isShare, 'a number from 0 to 1');
  optional(body, 'top_p', isShare, 'a number from 0 to 1');
  optional(body, 'top_k', (v) => isInteger(v, 0, 1e9), 'a whole number');
  optional(body, 'stop_sequences', (v) => Array.isArray(v)
    && v.every((s) => typeof s === 'string' && s !== ''),
  'an array of strings that are not empty');
  const extra = {};
  for (const name of ['temperature', 'top_p', 'top_k']) {
    if (body[name] !== undefined) extra[name] = body[name];
  }
  if (body.stop_sequences?.length > 0) {
    extra.stop_sequences = [...body.stop_sequences];
  }
  return extra;
}

function readThinking(thinking, maxTokens, env, extra) {
  const type = thinking === undefined ? 'disabled' : thinking?.type;
  const display = thinking?.display;
  if (!['disabled', 'adaptive', 'enabled'].includes(type)) {
    throw invalid('thinking.type', 'must be disabled, adaptive or enabled');
  }
  if (![undefined, 'summarized', 'omitted'].includes(display)) {
    throw invalid('thinking.display', 'must be summarized or omitted');
  }
  if (type === 'disabled') {
    env.CLAUDE_CODE_DISABLE_THINKING = '1';
    return;
  }
  const own = { type };
  if (display !== undefined) own.display = display;
  if (type === 'enabled') {
    const { budget_tokens: budget } = thinking;
    if (!isInteger(budget, LEAST_BUDGET, maxTokens - 1)) {
      throw invalid('thinking.budget_tokens',
        `must be from ${LEAST_BUDGET} to less than max_tokens`);
    }
    own.budget_tokens = budget;
  }
  if (Object.keys(own).length > 1) extra.thinking = own;
}

function readEffort(config = {}) {
  if (!isObject(config)) throw invalid('output_config', 'must be an object');
  for (const name of Object.keys(config)) {
    if (name !== 'effort' && name !== 'format') {
      throw invalid(`output_config.${name.slice(0, 64)}`, 'is not supported');
    }
  }
  const { effort } = config;
  if (effort !== undefined && !EFFORTS.includes(effort)) {
    throw invalid('output_config.effort',
      `must be one of ${EFFORTS.join(', ')}`);
  }
  return effort;
}

function optional(body, name, isSound, wanted) {
  const value = body[name];
  if (value !== undefined && !isSound(value)) {
    throw invalid(name, `must be ${wanted}`);
  }
}

function isInteger(value, least, most) {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}
