/** What views are made of: headings, empty and failed states, times. */

import { h, icon } from './dom.js';
import { ago, full } from './format.js';

export function heading(title, sub, ...actions) {
  return h('div', { class: 'head' },
    h('div', { class: 'head-text' }, h('h1', { tabindex: '-1' }, title),
      sub && h('p', { class: 'sub' }, sub)),
    actions.length > 0 && h('div', { class: 'actions' }, actions));
}

/** @param {() => void} [again] tries once more */
export function failed(error, again) {
  return h('div', { class: 'empty', role: 'alert' },
    h('span', { class: 'empty-icon' }, icon('warn')),
    h('h2', null, 'This could not be loaded'),
    h('p', null, error.message),
    again && h('button', { type: 'button', class: 'button', onclick: () => {
      document.querySelector('h1')?.focus();
      again();
    } }, 'Try again'));
}

export function empty(picture, title, text, ...actions) {
  return h('div', { class: 'empty' },
    h('span', { class: 'empty-icon' }, icon(picture)),
    h('h2', null, title), h('p', null, text), actions);
}

/** Lines where text will be. */
export function loading(lines = 4) {
  return h('div', { class: 'loading', role: 'status' },
    h('span', { class: 'unseen' }, 'Loading'),
    Array.from({ length: lines }, () => h('span', { class: 'bone' })));
}

export function since(time) {
  if (!time) return h('span', { class: 'soft' }, 'Never');
  return h('time', { datetime: time, title: full(time) }, ago(time));
}

export function notice(kind, ...children) {
  return h('div', { class: `notice ${kind}` },
    icon(kind === 'warn' ? 'warn' : 'info'), h('p', null, children));
}

/** Label and value pairs. */
export function facts(...pairs) {
  return h('dl', { class: 'facts' }, pairs.filter(Boolean).map(
    ([label, ...value]) => h('div', null, h('dt', null, label),
      h('dd', null, value))));
}

/** One of a few, as a row of radio buttons. */
export function choice(label, options, value, change) {
  const name = `choice-${label.replace(/\W+/g, '-').toLowerCase()}`;
  return h('fieldset', { class: 'choice' },
    h('legend', { class: 'unseen' }, label),
    options.map(([key, text]) => h('label', null,
      h('input', { type: 'radio', name, value: key, checked: key === value,
        onchange: () => change(key) }),
      h('span', null, text))));
}
