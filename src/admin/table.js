/**
 * Tables that become cards on a narrow screen. There CSS makes blocks of
 * their elements; the roles are written out because browsers forget them then.
 */

import { h } from './dom.js';

export function table(caption, heads, rows, className = '') {
  return h('table', { class: `table ${className}`, role: 'table' },
    h('caption', { class: 'unseen' }, caption),
    h('thead', { role: 'rowgroup' }, tableRow(null, heads)),
    h('tbody', { role: 'rowgroup' }, rows));
}

export function tableRow(props, ...cells) {
  return h('tr', { role: 'row', ...props }, cells);
}

export function columnHead(props, ...content) {
  return h('th', { scope: 'col', role: 'columnheader', ...props }, content);
}

export function rowHead(props, ...content) {
  return h('th', { scope: 'row', role: 'rowheader', ...props }, content);
}

/** @param {string|null} label what stands before it in a card */
export function cell(props, label, ...content) {
  return h('td', { role: 'cell', ...props },
    label && h('span', { class: 'cell-label', 'aria-hidden': 'true' }, label),
    content);
}
