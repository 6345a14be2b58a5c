/** What can be done to a key that is there. Each resolves to the key as it is
 * then, or to undefined when the person thought better of it. */

import { call } from './api.js';
import { ask, confirm, work } from './dialog.js';
import { h, named } from './dom.js';
import { clear, field, place } from './form.js';
import { ago } from './format.js';
import { readToken, tokenField } from './key-form.js';
import { showKey } from './secret.js';

const GRACE = [[0, 'Stop it at once'], [3600, 'Keep it for 1 hour'],
  [86400, 'Keep it for 1 day'], [604800, 'Keep it for 7 days']];

function path(key, what) {
  return `keys/${encodeURIComponent(key.id)}${what ?? ''}`;
}

export async function rotateKey(key) {
  const made = await ask({ title: 'Rotate key', className: 'small',
    content: (close) => {
      const grace = field({ label: 'The old key',
        control: h('select', { 'data-first': true }, GRACE.map(
          ([seconds, text]) => h('option', { value: String(seconds) }, text))),
        hint: 'Time to put the new key wherever the old one is used.' });
      const problem = h('p', { class: 'problem', role: 'alert' });
      const button = h('button', { type: 'submit', class: 'button primary' },
        'Make a new key');
      const submit = async () => close(await call('POST',
        path(key, '/rotate'), { grace: Number(grace.control.value) }));
      return [h('form', { onsubmit: (event) => {
        event.preventDefault();
        void work(button, problem, submit);
      } },
      h('div', { class: 'dialog-body' },
        h('p', null, named(key.keyName), ' gets a new key. Its credential, '
          + 'limits and use stay as they are.'),
        grace.box, problem),
      h('div', { class: 'dialog-foot' },
        h('button', { type: 'button', class: 'button',
          onclick: () => close() }, 'Cancel'), button))];
    } });
  if (!made) return undefined;
  await showKey(made);
  delete made.apiKey;
  return made;
}

export function disableKey(key) {
  return confirm({ title: 'Disable key?', label: 'Disable key',
    text: [[named(key.keyName), ' is refused at once, and answers under way '
      + 'are cut off. You can enable it again.']],
    act: () => call('PATCH', path(key), { enabled: false }) });
}

export function enableKey(key) {
  return call('PATCH', path(key), { enabled: true });
}

/** @returns {Promise<true|undefined>} */
export function deleteKey(key) {
  return confirm({ title: 'Delete key?', label: 'Delete key', danger: true,
    text: [
      [named(key.keyName), ' stops working at once, its credential is '
        + 'erased, and its limits are gone. This can’t be undone.'],
      key.lastUsed ? `It was last used ${ago(key.lastUsed)}.`
        : 'It was never used.',
    ],
    act: () => call('DELETE', path(key)) });
}

export function replaceToken(key) {
  return ask({ title: 'Replace the Claude token', className: 'small',
    content: (close) => {
      const token = tokenField();
      const fields = new Map([['oauthToken', token]]);
      const problem = h('p', { class: 'problem', role: 'alert' });
      const button = h('button', { type: 'submit', class: 'button primary' },
        'Replace token');
      const submit = async () => {
        clear(fields, problem);
        try {
          close(await call('POST', path(key, '/token'),
            { oauthToken: readToken(token.control) }));
        } catch (error) {
          place(error, fields, problem);
        }
      };
      return [h('form', { novalidate: true, autocomplete: 'off',
        onsubmit: (event) => {
          event.preventDefault();
          void work(button, problem, submit);
        } },
      h('div', { class: 'dialog-body' },
        h('p', null, 'The key itself stays the same: whoever uses ',
          named(key.keyName), ' notices nothing.'),
        token.box, problem),
      h('div', { class: 'dialog-foot' },
        h('button', { type: 'button', class: 'button',
          onclick: () => close() }, 'Cancel'), button))];
    } });
}

/** Asks Claude whether the key's credential works. */
export function verifyKey(key) {
  return call('POST', path(key, '/verify'));
}
