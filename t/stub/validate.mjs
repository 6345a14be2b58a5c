// What the real API refuses about a request, in its order and near its words.

import { ApiError } from './errors.mjs';
import { checkMessages } from './messages.mjs';
import { findModel } from './models.mjs';
import { inputTokens } from './request.mjs';

const TOP_LEVEL = new Set(['cache_control', 'container', 'diagnostics',
  'inference_geo', 'max_tokens', 'messages', 'metadata', 'model',
  'output_config', 'service_tier', 'speed', 'stop_sequences', 'stream',
  'system', 'temperature', 'thinking', 'tool_choice', 'tools', 'top_k',
  'top_p', 'user_profile_id', 'workspace_id']);
const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'];
const THINKING = ['adaptive', 'enabled', 'disabled', 'between_tools'];

function refuse(message) {
  throw new ApiError(400, message);
}

/**
 * Checks who asks. A credential that holds the word `refused` stands for
 * one that the API doesn't accept, `expired` for an OAuth token too old.
 *
 * @param {object} headers of the request
 * @returns {'oauth' | 'api_key'} the kind of credential
 */
export function checkCredential(headers) {
  const bearer = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1];
  const key = headers['x-api-key'];
  const credential = key ?? bearer;
  if (!credential) throw new ApiError(401, 'x-api-key header is required');
  if (credential.includes('refused')) {
    throw new ApiError(401, key ? 'invalid x-api-key' : 'Invalid bearer token');
  }
  if (credential.includes('expired')) {
    throw new ApiError(401, 'OAuth token has expired. Please obtain a new '
      + 'token or refresh your existing token.');
  }
  const isOauth = credential.startsWith('sk-ant-oat')
    || /\boauth-/.test(headers['anthropic-beta'] ?? '');
  return isOauth ? 'oauth' : 'api_key';
}

/**
 * Checks headers and JSON.
 *
 * @param {object} headers of the request
 * @param {Buffer} raw the body
 * @returns {object} the parsed body
 */
export function parseBody(headers, raw) {
  if (!headers['anthropic-version']) {
    refuse('anthropic-version: header is required');
  }
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
    refuse('content-type: must be application/json');
  }
  let body;
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(raw));
  } catch {
    refuse('The request body is not valid JSON');
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    refuse('The request body must be a JSON object');
  }
  return body;
}

/**
 * Checks the body of a Messages request or, without `max_tokens`, of a
 * count_tokens request.
 *
 * @param {object} body
 * @param {{betas: boolean, counting?: boolean}} how `betas`: the request
 *   names beta features, whose fields the stub doesn't know
 */
export function checkRequest(body, { betas, counting = false }) {
  if (!betas) {
    for (const key of Object.keys(body)) {
      if (!TOP_LEVEL.has(key)) refuse(`${key}: Extra inputs are not permitted`);
    }
  }
  const model = checkModel(body.model);
  if (!counting) checkMaxTokens(body, model);
  checkSystem(body.system);
  checkMessages(body.messages, { prefill: model.output < 128000 });
  checkNumbers(body);
  checkThinking(body);
  checkTools(body);
  checkFormat(body.output_config?.format);
  const count = inputTokens(body);
  if (count > model.input) {
    refuse(`prompt is too long: ${count} tokens > ${model.input} maximum`);
  }
}

function checkModel(id) {
  if (id === undefined) refuse('model: Field required');
  if (typeof id !== 'string') refuse('model: Input should be a valid string');
  const model = findModel(id);
  if (!model) throw new ApiError(404, `model: ${id}`);
  return model;
}

function checkMaxTokens({ max_tokens: max }, model) {
  if (max === undefined) refuse('max_tokens: Field required');
  if (!Number.isInteger(max)) {
    refuse('max_tokens: Input should be a valid integer');
  }
  if (max < 1) refuse('max_tokens: Input should be greater than or equal to 1');
  if (max > model.output) {
    refuse(`max_tokens: ${max} > ${model.output}, which is the maximum `
      + `allowed number of output tokens for ${model.id}`);
  }
}

function checkSystem(system) {
  if (system === undefined || typeof system === 'string') return;
  if (!Array.isArray(system)) refuse('system: Input should be a valid array');
  system.forEach((block, i) => {
    if (block?.type !== 'text' || typeof block.text !== 'string') {
      refuse(`system.${i}: Input should be a text block`);
    }
    if (!block.text) refuse('system: text content blocks must be non-empty');
  });
}

function checkNumbers(body) {
  for (const key of ['temperature', 'top_p']) {
    const value = body[key];
    if (value === undefined) continue;
    if (typeof value !== 'number') refuse(`${key}: Input should be a number`);
    if (value < 0 || value > 1) refuse(`${key}: range: 0..1`);
  }
  if (body.stream !== undefined && typeof body.stream !== 'boolean') {
    refuse('stream: Input should be a valid boolean');
  }
  const stops = body.stop_sequences ?? [];
  if (!Array.isArray(stops)) {
    refuse('stop_sequences: Input should be a valid array');
  }
  for (const stop of stops) {
    if (typeof stop !== 'string') {
      refuse('stop_sequences: Input should be a valid string');
    }
    if (!stop.trim()) {
      refuse('stop_sequences: each stop sequence must contain '
        + 'non-whitespace');
    }
  }
}

function checkThinking({ thinking, output_config: output, ...body }) {
  const effort = output?.effort;
  if (effort !== undefined && !EFFORTS.includes(effort)) {
    refuse(`output_config.effort: Input should be one of ${EFFORTS}`);
  }
  if (thinking === undefined) return;
  if (!THINKING.includes(thinking?.type)) {
    refuse(`thinking.type: Input should be one of ${THINKING}`);
  }
  if (thinking.type === 'enabled') {
    if (!(thinking.budget_tokens >= 1024)) {
      refuse('thinking.enabled.budget_tokens: Input should be greater than '
        + 'or equal to 1024');
    }
    if (thinking.budget_tokens >= (body.max_tokens ?? Infinity)) {
      refuse('max_tokens must be greater than thinking.budget_tokens');
    }
  }
  if (['enabled', 'adaptive'].includes(thinking.type)
      && ![undefined, 1].includes(body.temperature)) {
    refuse('temperature: may only be set to 1 when thinking is enabled or in '
      + 'adaptive mode');
  }
}

function checkTools({ tools = [], tool_choice: choice, thinking }) {
  if (!Array.isArray(tools)) refuse('tools: Input should be a valid array');
  const names = new Set();
  tools.forEach((tool, i) => {
    if (!/^[a-zA-Z0-9_-]{1,128}$/.test(tool?.name ?? '')) {
      refuse(`tools.${i}.name: String should match pattern `
        + "'^[a-zA-Z0-9_-]{1,128}$'");
    }
    if (names.has(tool.name)) refuse('tools: Tool names must be unique.');
    names.add(tool.name);
    const custom = tool.type === undefined || tool.type === 'custom';
    if (custom && tool.input_schema?.type !== 'object') {
      refuse(`tools.${i}.input_schema.type: Input should be 'object'`);
    }
  });
  if (choice === undefined) return;
  if (!['auto', 'any', 'tool', 'none'].includes(choice?.type)) {
    refuse('tool_choice.type: Input should be auto, any, tool or none');
  }
  if (choice.type === 'tool' && !names.has(choice.name)) {
    refuse(`tool_choice: Tool '${choice.name}' not found in provided tools`);
  }
  if (choice.type !== 'none' && !tools.length) {
    refuse('tool_choice: may only be specified while providing tools');
  }
  if (['any', 'tool'].includes(choice.type)
      && ['adaptive', 'enabled'].includes(thinking?.type)) {
    refuse('Thinking may not be enabled when tool_choice forces tool use.');
  }
}

function checkFormat(format) {
  if (format === undefined || format === null) return;
  if (format.type !== 'json_schema') {
    refuse("output_config.format.type: Input should be 'json_schema'");
  }
  checkClosed(format.schema, 'output_config.format.schema');
}

/** Output is only bound to schemas whose objects are closed. */
function checkClosed(schema, where) {
  if (typeof schema !== 'object' || schema === null) return;
  if (schema.type === 'object' && schema.additionalProperties !== false) {
    refuse(`${where}: For 'object' type, 'additionalProperties' must be `
      + 'explicitly set to false');
  }
  for (const inner of Object.values(schema)) checkClosed(inner, where);
}
