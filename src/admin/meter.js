/** How much of something is used, as a bar. */

import { h } from './dom.js';
import { amount, money, tokens } from './format.js';

/**
 * @param {number} value
 * @param {number} max
 * @param {string} label what is measured
 * @param {string} text the same in words
 */
export function meter(value, max, label, text) {
  const part = max > 0 ? Math.min(value / max, 1) : 0;
  const fill = h('span', { class: 'meter-fill' });
  fill.style.setProperty('width', `${(part * 100).toFixed(2)}%`);
  return h('span', { class: `meter ${part >= 1 ? 'over'
    : part >= 0.8 ? 'near' : ''}`, role: 'meter', 'aria-label': label,
  'aria-valuemin': '0', 'aria-valuemax': String(max),
  'aria-valuenow': String(Math.min(value, max)), 'aria-valuetext': text },
  fill);
}

const PERIODS = { day: ['today', 'dayCost', 'dayTokens'],
  month: ['month', 'monthCost', 'monthTokens'] };

/** Of a key and "day" or "month": the budgets that it has, and what of them
 * is used: [{ value, max, text, of }] */
export function budgets(key, period) {
  const [name, cost, amountOf] = PERIODS[period];
  const usage = key.usage?.[name] ?? {};
  const list = [];
  if (key[cost]) {
    list.push({ value: usage.cost ?? 0, max: key[cost],
      text: money(usage.cost), of: money(key[cost]) });
  }
  if (key[amountOf]) {
    list.push({ value: tokens(usage), max: key[amountOf],
      text: amount(tokens(usage)), of: `${amount(key[amountOf])} tokens` });
  }
  return list;
}

/** The tightest budget of today in a table's cell, or what was used. */
export function todayCell(key) {
  const [first] = budgets(key, 'day')
    .sort((a, b) => b.value / b.max - a.value / a.max);
  const usage = key.usage?.today ?? {};
  if (!first) {
    if (!usage.requests) return h('span', { class: 'none' }, '–');
    return h('span', { class: 'today' },
      h('span', { class: 'today-text' }, money(usage.cost), h('span',
        { class: 'soft' }, ` · ${amount(tokens(usage))} tokens`)));
  }
  return h('span', { class: 'today' },
    h('span', { class: 'today-text' }, first.text,
      h('span', { class: 'soft' }, ` of ${first.of}`)),
    meter(first.value, first.max, 'Used today',
      `${first.text} of ${first.of}`));
}
