/** A word at the edge of the window that something was done. */

import { h } from './dom.js';

const TIME = 6000;

export function toast(...text) {
  const box = document.getElementById('toasts');
  const note = h('div', { class: 'toast' }, ...text);
  box.replaceChildren(note);
  setTimeout(() => note.remove(), TIME);
}
