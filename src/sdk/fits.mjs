/** Whether a value fits a JSON Schema. Work and time are bounded. */

import { createContext, Script } from 'node:vm';

import { resolve } from './schema.mjs';

const MOST_STEPS = 1_000_000;
/** ms for all patterns together: they are the client's. */
const PATTERNS = 200;
/** Characters of a text that a simple pattern may try by itself. */
const QUICK = 1000;
const TEST = new Script('new RegExp(pattern, "u").test(text)');

/**
 * @param {unknown} value of JSON
 * @param {unknown} schema
 * @returns {boolean} false also when it took too long to find out
 */
export function fits(value, schema) {
  const state = { root: schema, steps: 0, left: PATTERNS };
  try {
    return check(value, schema, state);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function check(value, schema, state) {
  if (++state.steps > MOST_STEPS) throw new RangeError('too many steps');
  if (schema === true || schema === undefined) return true;
  if (typeof schema !== 'object' || schema === null) return false;
  return Object.keys(schema).every((name) => !Object.hasOwn(RULES, name)
    || RULES[name](value, schema, (v, s) => check(v, s, state), state));
}

const TYPES = {
  object: isObject,
  array: Array.isArray,
  string: (v) => typeof v === 'string',
  number: (v) => typeof v === 'number',
  integer: Number.isInteger,
  boolean: (v) => typeof v === 'boolean',
  null: (v) => v === null,
};

const number = (isSound) => (value, schema) => typeof value !== 'number'
  || isSound(value, schema);
const string = (isSound) => (value, schema, sub, state) =>
  typeof value !== 'string' || isSound(value, schema, state);
const array = (isSound) => (value, schema, sub) => !Array.isArray(value)
  || isSound(value, schema, sub);
const object = (isSound) => (value, schema, sub, state) => !isObject(value)
  || isSound(value, schema, sub, state);
const count = (text) => [...text].length;

const RULES = {
  $ref: (value, { $ref }, sub, { root }) => {
    const target = resolve(String($ref), root);
    return target !== undefined && sub(value, target);
  },
  type: (value, { type }) => [type].flat()
    .some((name) => Object.hasOwn(TYPES, name) && TYPES[name](value)),
  enum: (value, schema) => schema.enum.some((one) => isSame(one, value)),
  const: (value, schema) => isSame(schema.const, value),
  minimum: number((value, { minimum }) => value >= minimum),
  maximum: number((value, { maximum }) => value <= maximum),
  exclusiveMinimum: number((v, { exclusiveMinimum: least }) => v > least),
  exclusiveMaximum: number((v, { exclusiveMaximum: most }) => v < most),
  multipleOf: number((value, { multipleOf: step }) =>
    Math.abs(value / step - Math.round(value / step)) < 1e-9),
  minLength: string((text, { minLength }) => count(text) >= minLength),
  maxLength: string((text, { maxLength }) => count(text) <= maxLength),
  pattern: string((text, { pattern }, state) => matches(pattern, text, state)),
  minItems: array((value, { minItems }) => value.length >= minItems),
  maxItems: array((value, { maxItems }) => value.length <= maxItems),
  uniqueItems: array((value, { uniqueItems }) => !uniqueItems
    || new Set(value.map(canonical)).size === value.length),
  prefixItems: array((value, { prefixItems }, sub) => prefixItems
    .every((one, i) => i >= value.length || sub(value[i], one))),
  items: array((value, { items, prefixItems = [] }, sub) =>
    value.slice(prefixItems.length).every((item) => sub(item, items))),
  contains: array((value, { contains }, sub) =>
    value.some((item) => sub(item, contains))),
  required: object((value, { required }) =>
    required.every((name) => Object.hasOwn(value, name))),
  minProperties: object((value, { minProperties: least }) =>
    Object.keys(value).length >= least),
  maxProperties: object((value, { maxProperties: most }) =>
    Object.keys(value).length <= most),
  propertyNames: object((value, { propertyNames }, sub) =>
    Object.keys(value).every((name) => sub(name, propertyNames))),
  properties: object((value, { properties }, sub) => Object.keys(properties)
    .every((name) => !Object.hasOwn(value, name)
      || sub(value[name], properties[name]))),
  patternProperties: object((value, { patternProperties: all }, sub, state) =>
    Object.keys(all).every((pattern) => Object.keys(value).every((name) =>
      !matches(pattern, name, state) || sub(value[name], all[pattern])))),
  additionalProperties: object((value, schema, sub, state) => {
    const { properties = {}, patternProperties = {} } = schema;
    const patterns = Object.keys(patternProperties);
    return Object.keys(value).every((name) =>
      Object.hasOwn(properties, name)
      || patterns.some((pattern) => matches(pattern, name, state))
      || sub(value[name], schema.additionalProperties));
  }),
  anyOf: (value, { anyOf }, sub) => anyOf.some((one) => sub(value, one)),
  oneOf: (value, { oneOf }, sub) =>
    oneOf.filter((one) => sub(value, one)).length === 1,
  allOf: (value, { allOf }, sub) => allOf.every((one) => sub(value, one)),
  not: (value, { not }, sub) => !sub(value, not),
  if: (value, { if: condition, then, else: other }, sub) =>
    sub(value, sub(value, condition) ? then : other),
};

/** A pattern that takes long, or is none, matches nothing. */
function matches(pattern, text, state) {
  if (isQuick(String(pattern), text)) return isMatch(pattern, text);
  if (state.left < 1) throw new RangeError('too slow patterns');
  state.place ??= createContext({});
  Object.assign(state.place, { pattern, text });
  const begun = performance.now();
  try {
    return TEST.runInContext(state.place,
      { timeout: Math.ceil(state.left) });
  } catch {
    return false;
  } finally {
    state.left -= performance.now() - begun;
  }
}

/** With one quantifier at most it takes no more than the square. */
function isQuick(pattern, text) {
  return text.length <= QUICK
    && (pattern.match(/[*+?{]/g) ?? []).length <= 1;
}

function isMatch(pattern, text) {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return false;
  }
}

function isObject(value) {
  return typeof value === 'object' && value !== null
    && !Array.isArray(value);
}

function isSame(a, b) {
  return canonical(a) === canonical(b);
}

/** JSON text, the names of objects in order. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) =>
    `${JSON.stringify(name)}:${canonical(value[name])}`).join()}}`;
}
