/** A new key, shown once, with what to do with it. */

import { ask } from './dialog.js';
import { h, icon, named, put, unique } from './dom.js';
import { moment } from './format.js';

/**
 * Shows the key until the person is done with it; then nothing holds it.
 *
 * @param {object} key as the API answered, with apiKey
 */
export function showKey(key) {
  const rotated = Boolean(key.previousUntil);
  return ask({ title: 'Save this key now', className: 'wide secret', firm: true,
    content: (close) => {
      const word = h('p', { class: 'copied', role: 'status' });
      const secret = shown('API key', key.apiKey, word, 'The key');
      const curl = shown('Try it', curlLine(key), word, 'The command');
      return [
        h('div', { class: 'dialog-body' },
          h('p', null, 'This is the only time that the key of ',
            named(key.keyName), ' is shown. Keep it where secrets are kept.'),
          rotated && h('p', null, 'The old key works until ',
            h('strong', null, moment(key.previousUntil)), '.'),
          secret, curl),
        h('div', { class: 'dialog-foot' }, word,
          h('button', { type: 'button', class: 'button primary',
            onclick: () => {
              for (const area of [secret, curl]) area.replaceChildren();
              close(true);
            } }, 'I have saved it')),
      ];
    } });
}

function shown(label, text, word, what) {
  const id = unique('shown');
  const long = text.includes('\n');
  const area = long
    ? h('textarea', { id, readonly: true, rows: text.split('\n').length,
      spellcheck: 'false', class: 'mono', value: text })
    : h('input', { id, readonly: true, type: 'text', autocomplete: 'off',
      spellcheck: 'false', class: 'mono', value: text });
  area.addEventListener('focus', () => area.select());
  const button = h('button', { type: 'button', class: 'button copy',
    'aria-label': `Copy ${label === 'Try it' ? 'the command' : 'the key'}`,
    'data-first': label === 'API key' });
  const ready = () => put(button, icon('copy'), 'Copy');
  button.addEventListener('click', async () => {
    if (!await copy(area)) {
      word.textContent = 'Copying is not allowed here: it is selected, '
        + 'press Ctrl+C.';
      return;
    }
    put(button, icon('done'), 'Copied');
    word.textContent = `${what} is copied.`;
    setTimeout(ready, 2500);
  });
  ready();
  return h('div', { class: 'shown' }, h('label', { for: id }, label),
    h('div', { class: 'shown-row' }, area, button));
}

async function copy(area) {
  try {
    await navigator.clipboard.writeText(area.value);
    return true;
  } catch {
    area.focus();
    area.select();
    return false;
  }
}

/** A line for a shell that uses the key. */
export function curlLine(key) {
  const body = JSON.stringify({
    model: key.allowedModels?.[0] ?? 'sonnet',
    messages: [{ role: 'user', content: 'Say hello in five words.' }],
  }).replaceAll("'", "'\\''");
  return [
    `curl ${location.origin}/v1/chat/completions \\`,
    `  -H 'Authorization: Bearer ${key.apiKey}' \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '${body}'`,
  ].join('\n');
}
