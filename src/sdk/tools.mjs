/**
 * The client's tools. The API is told of them by the client's own
 * declarations, which the process has to put into its request as they are:
 * as tools of an MCP server it would cut their descriptions and rewrite their
 * schemas. It knows no tool of these names, and is ended when one is called.
 */

import { invalid } from './errors.mjs';

const NAME = /^[A-Za-z0-9_-]{1,128}$/;
const SENT = ['name', 'description', 'input_schema', 'strict'];
const FIELDS = [...SENT, 'type', 'cache_control'];
const CHOICES = ['auto', 'any', 'none', 'tool'];
const CHOICE_FIELDS = ['type', 'name', 'disable_parallel_tool_use'];
const MOST_TOOLS = 4096;
const MOST_LEVELS = 200;

/**
 * @param {object} body
 * @returns {{tools?: object[], tool_choice?: object}} fields of the API's
 *   body, built anew; schemas are as they came
 * @throws {ApiError} a 400 that names the field
 */
export function readTools({ tools = [], tool_choice: choice }) {
  if (!Array.isArray(tools) || tools.length > MOST_TOOLS) {
    throw invalid('tools', `must be an array of at most ${MOST_TOOLS} tools`);
  }
  const names = new Set();
  const read = tools.map((tool, i) => readTool(tool, names, `tools.${i}`));
  const own = read.length > 0 ? { tools: read } : {};
  const chosen = readChoice(choice, names);
  if (chosen !== undefined) own.tool_choice = chosen;
  return own;
}

function readTool(tool, names, at) {
  if (typeof tool !== 'object' || tool === null) {
    throw invalid(at, 'must be an object');
  }
  known(tool, FIELDS, at);
  const { type = 'custom', name, description = '', strict = false } = tool;
  if (type !== 'custom') throw invalid(`${at}.type`, 'must be custom');
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw invalid(`${at}.name`, `must match ${NAME.source}`);
  }
  if (names.has(name)) throw invalid(`${at}.name`, 'is there twice');
  names.add(name);
  if (typeof description !== 'string') {
    throw invalid(`${at}.description`, 'must be a string');
  }
  if (typeof strict !== 'boolean') {
    throw invalid(`${at}.strict`, 'must be a boolean');
  }
  readJson(tool.input_schema, `${at}.input_schema`);
  return Object.fromEntries(Object.entries(tool)
    .filter(([field]) => SENT.includes(field)));
}

function readChoice(choice, names) {
  if (choice === undefined) return undefined;
  const type = choice?.type;
  if (!CHOICES.includes(type)) {
    throw invalid('tool_choice.type', `must be one of ${CHOICES.join(', ')}`);
  }
  known(choice, CHOICE_FIELDS, 'tool_choice');
  const { name, disable_parallel_tool_use: single } = choice;
  if (single !== undefined && typeof single !== 'boolean') {
    throw invalid('tool_choice.disable_parallel_tool_use',
      'must be a boolean');
  }
  if (names.size === 0) {
    if (type === 'none') return undefined;
    throw invalid('tool_choice', 'needs tools');
  }
  const own = { type };
  if (type === 'tool') {
    if (!names.has(name)) {
      throw invalid('tool_choice.name', 'is none of the tools');
    }
    own.name = name;
  }
  if (single !== undefined && type !== 'none') {
    own.disable_parallel_tool_use = single;
  }
  return own;
}

function known(object, fields, at) {
  for (const name of Object.keys(object)) {
    if (!fields.includes(name)) {
      throw invalid(`${at}.${name.slice(0, 64)}`, 'is not supported');
    }
  }
}

/**
 * @param {unknown} value
 * @param {string} at
 * @returns {object} the value, if it is an object that can be sent on
 * @throws {ApiError} a 400
 */
export function readJson(value, at) {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid(at, 'must be an object');
  }
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === MOST_LEVELS) throw invalid(at, 'is nested too deep');
    level = level.flatMap((inner) => Object.values(inner)
      .filter((inmost) => typeof inmost === 'object' && inmost !== null));
  }
  return value;
}
