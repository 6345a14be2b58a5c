/** The forms that make a key and change one. */

import { call } from './api.js';
import { ask, work } from './dialog.js';
import { h } from './dom.js';
import { clear, field, place, secretInput } from './form.js';
import { bad, limitFields, readLimits } from './limits.js';

const NAME_MAX = 128;
const TOKEN = /^sk-ant-(oat01|api03)-[A-Za-z0-9_-]+$/;

/** @returns {Promise<object|undefined>} the new key, with apiKey */
export function createKey() {
  return keyDialog({ title: 'Create a key', label: 'Create key', key: {},
    credential: true,
    send: (values) => call('POST', 'keys', present(values)) });
}

/** @returns {Promise<object|undefined>} the key as it is now */
export function editKey(key) {
  return keyDialog({ title: 'Edit key', label: 'Save changes', key,
    credential: false,
    send: (values) => {
      const changes = changed(key, values);
      return Object.keys(changes).length === 0 ? key
        : call('PATCH', `keys/${encodeURIComponent(key.id)}`, changes);
    } });
}

function keyDialog({ title, label, key, credential, send }) {
  return ask({ title, className: 'wide', content: (close) => {
    const { fields: limits, groups } = limitFields(key);
    const fields = new Map([['keyName', nameField(key)], ...limits]);
    if (credential) fields.set('oauthToken', tokenField());

    const problem = h('p', { class: 'problem', role: 'alert' });
    const button = h('button', { type: 'submit', class: 'button primary' },
      label);
    const submit = async () => {
      clear(fields, problem);
      try {
        const answer = await send(readKey(fields, limits));
        close(answer);
      } catch (error) {
        place(error, fields, problem);
      }
    };

    return [h('form', { class: 'dialog-form', novalidate: true,
      autocomplete: 'off',
      onsubmit: (event) => {
        event.preventDefault();
        void work(button, problem, submit);
      } },
    h('div', { class: 'dialog-body' },
      fields.get('keyName').box,
      fields.get('oauthToken')?.box,
      credential
        ? h('details', { class: 'more' },
          h('summary', null, 'Limits ', h('span', { class: 'hint' },
            'optional')),
          groups)
        : groups),
    h('div', { class: 'dialog-foot' }, problem,
      h('button', { type: 'button', class: 'button',
        onclick: () => close() }, 'Cancel'),
      button))];
  } });
}

function nameField(key) {
  return field({ label: 'Name', hint: 'Who or what uses the key.',
    control: h('input', { type: 'text', autocomplete: 'off',
      required: true, 'aria-required': 'true', spellcheck: 'false',
      value: key.keyName ?? '' }) });
}

export function tokenField() {
  return field({ label: 'Claude token', control: secretInput(),
    hint: 'From “claude setup-token”; it begins with sk-ant-oat01-. It is '
      + 'encrypted and never shown again.' });
}

function readKey(fields, limits) {
  const keyName = fields.get('keyName').control.value.trim();
  if (keyName === '') throw bad('keyName', 'Give the key a name.');
  if ([...keyName].length > NAME_MAX) {
    throw bad('keyName', `Use ${NAME_MAX} characters at most.`);
  }
  const values = { keyName };
  if (fields.has('oauthToken')) {
    values.oauthToken = readToken(fields.get('oauthToken').control);
  }
  return { ...values, ...readLimits(limits) };
}

export function readToken(control) {
  const token = control.value.trim();
  if (token === '') throw bad('oauthToken', 'Paste the token here.');
  if (!TOKEN.test(token)) {
    throw bad('oauthToken',
      'This is no Claude token: it should begin with sk-ant-oat01-.');
  }
  return token;
}

function present(values) {
  return Object.fromEntries(Object.entries(values)
    .filter(([, value]) => value !== null));
}

function changed(key, values) {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(key[name] ?? null)));
}
