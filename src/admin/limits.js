/** A key's limits: how they are asked for, read and told. */

import { h } from './dom.js';
import { field } from './form.js';
import { count, money } from './format.js';

const MAX = { requests: 1e6, concurrent: 1e4, tokens: 1e12, cost: 1e6 };

/** name in the API, label, unit, largest, whether it is money */
const NUMBERS = [
  ['requestsPerMinute', 'Requests', 'a minute', MAX.requests],
  ['tokensPerMinute', 'Tokens', 'a minute', MAX.tokens],
  ['concurrentRequests', 'Requests at once', null, MAX.concurrent],
  ['dayCost', 'Budget a day', 'US dollars', MAX.cost, true],
  ['monthCost', 'Budget a month', 'US dollars', MAX.cost, true],
  ['dayTokens', 'Tokens a day', 'tokens', MAX.tokens],
  ['monthTokens', 'Tokens a month', 'tokens', MAX.tokens],
];

const LISTS = [
  ['allowedModels', 'Models', 'One a line, such as sonnet. Empty: all.'],
  ['allowedAddresses', 'Addresses',
    'One a line, such as 192.0.2.0/24. Empty: from anywhere.'],
];

/** @returns {{ fields: Map, groups: Node[] }} of a key, or of a new one */
export function limitFields(key = {}) {
  const fields = new Map();

  for (const [name, label, unit] of NUMBERS) {
    const value = key[name] ?? null;
    fields.set(name, field({ label, unit, control: h('input', {
      type: 'text', inputmode: 'decimal', autocomplete: 'off',
      placeholder: 'No limit', value: value === null ? '' : String(value),
    }) }));
  }
  for (const [name, label, hint] of LISTS) {
    fields.set(name, field({ label, hint, control: h('textarea', {
      rows: '3', spellcheck: 'false', autocapitalize: 'off', class: 'mono',
      value: (key[name] ?? []).join('\n'),
    }) }));
  }
  fields.set('expiresAt', field({ label: 'Expires',
    hint: 'In your time zone. Empty: never.',
    control: h('input', { type: 'datetime-local',
      'data-time': key.expiresAt, 'data-was': local(key.expiresAt),
      value: local(key.expiresAt) }) }));

  return { fields, groups: [
    group('Rate', fields, 'requestsPerMinute', 'tokensPerMinute',
      'concurrentRequests'),
    group('Budget', fields, 'dayCost', 'monthCost', 'dayTokens',
      'monthTokens'),
    group('Access', fields, 'allowedModels', 'allowedAddresses',
      'expiresAt'),
  ] };
}

function group(title, fields, ...names) {
  return h('fieldset', { class: 'group' }, h('legend', null, title),
    h('div', { class: 'grid' }, names.map((name) => fields.get(name).box)));
}

/**
 * What stands in the fields, by the API's names; null is no limit.
 *
 * @throws {Error} with param, as the API's own
 */
export function readLimits(fields) {
  const values = {};
  for (const [name, , , max, dollars] of NUMBERS) {
    values[name] = number(fields.get(name).control.value, name, max, dollars);
  }
  for (const [name] of LISTS) {
    const lines = fields.get(name).control.value.split(/[\n,]/)
      .map((line) => line.trim()).filter((line) => line !== '');
    values[name] = lines.length > 0 ? lines : null;
  }
  values.expiresAt = expiry(fields.get('expiresAt').control);
  return values;
}

function number(text, name, max, dollars) {
  const plain = text.trim().replace(/^\$/, '').replace(/[\s,_]/g, '');
  if (plain === '') return null;
  const value = Number(plain);
  const good = dollars ? /^\d+(\.\d{1,6})?$/.test(plain)
    : /^\d+$/.test(plain);
  if (!good) {
    throw bad(name, dollars ? 'Enter an amount such as 12.50.'
      : 'Enter a whole number, or nothing for no limit.');
  }
  if (value === 0) {
    throw bad(name, 'Enter more than 0. To stop a key, disable it.');
  }
  if (value > max) {
    throw bad(name, `Enter ${dollars ? money(max) : count(max)} at most.`);
  }
  return value;
}

function expiry(control) {
  if (control.validity.badInput) {
    throw bad('expiresAt', 'Enter a date and a time.');
  }
  if (control.value === '') return null;
  if (control.value === control.dataset.was) return control.dataset.time;
  const time = new Date(control.value);
  if (time <= new Date()) {
    throw bad('expiresAt', 'Choose a time that is still to come.');
  }
  return `${time.toISOString().slice(0, 19)}Z`;
}

export function bad(param, message) {
  return Object.assign(new Error(message), { param });
}

function local(time) {
  if (!time) return '';
  const at = new Date(time);
  return new Date(at - at.getTimezoneOffset() * 60000).toISOString()
    .slice(0, 16);
}

/** The limits that a key has, as words: [label, text] each. */
export function tellLimits(key) {
  const told = [];
  for (const [name, label, unit, , dollars] of NUMBERS) {
    const value = key[name];
    if (value === null || value === undefined) continue;
    const text = dollars ? money(value) : count(value);
    told.push([label, unit === 'a minute' ? `${text} a minute` : text]);
  }
  for (const [name, label] of LISTS) {
    if (key[name]?.length) told.push([label, key[name]]);
  }
  return told;
}

export const LIMIT_NAMES = [...NUMBERS, ...LISTS].map(([name]) => name)
  .concat('expiresAt');
