/** How all keys do today, in four figures above their list. */

import { once, query } from './api.js';
import { h, put } from './dom.js';
import { amount, count, money, tokens } from './format.js';

export function summary() {
  const box = h('dl', { class: 'figures', 'aria-label': 'Today, all keys' });
  const show = (keys, today) => put(box,
    figure('Keys', keys === null ? '–' : count(keys)),
    figure('Requests today', today ? amount(today.requests) : '–'),
    figure('Tokens today', today ? amount(tokens(today)) : '–'),
    figure('Cost today', today ? money(today.cost) : '–'));
  show(null, null);
  void load(show);
  return box;
}

function figure(label, value) {
  return h('div', null, h('dt', null, label), h('dd', null, value));
}

// it is said with UTC's day, as budgets are; without it the list still stands
async function load(show) {
  const today = new Date().toISOString().slice(0, 10);
  try {
    const [status, usage] = await Promise.all([once('GET', 'status'),
      once('GET', query('usage', { from: today, to: today, group: 'day' }))]);
    show(status.store?.keys ?? null, usage.data[0] ?? { requests: 0 });
  } catch {
    // the list says what is wrong
  }
}
