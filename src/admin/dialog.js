/** Modal dialogs: the focus stays inside and goes back where it was. */

import { h, icon, unique } from './dom.js';

/**
 * @param {object} options
 * @param {string} options.title
 * @param {string} [options.className]
 * @param {boolean} [options.firm] only its own buttons close it
 * @param {(close: (result?: any) => void) => Array} options.content
 * @returns {Promise<any>} what it was closed with; undefined: cancelled
 */
export function ask({ title, className, firm, content }) {
  const before = document.activeElement;
  const id = unique('dialog');
  let result;

  const dialog = h('dialog', { class: `dialog ${className ?? ''}`,
    'aria-labelledby': id });
  const close = (value) => {
    result = value;
    dialog.close();
  };
  dialog.append(
    h('div', { class: 'dialog-head' },
      h('h2', { id, tabindex: '-1' }, title),
      !firm && h('button', { type: 'button', class: 'icon-button',
        'aria-label': 'Close', onclick: () => close() }, icon('close'))),
    ...content(close).flat().filter(Boolean));

  dialog.addEventListener('cancel', (event) => {
    if (firm) event.preventDefault();
  });
  dialog.addEventListener('keydown', (event) => {
    // a second Escape would close it whatever "cancel" was told
    if (firm && event.key === 'Escape') event.preventDefault();
  });
  document.body.append(dialog);
  document.documentElement.classList.add('has-dialog');
  dialog.showModal();
  const first = dialog.querySelector('[data-first]')
    ?? dialog.querySelector('input, select, textarea')
    ?? dialog.querySelector('h2');
  first.focus();

  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      if (!document.querySelector('dialog[open]')) {
        document.documentElement.classList.remove('has-dialog');
      }
      if (before?.isConnected && before !== document.body) before.focus();
      resolve(result);
    }, { once: true });
  });
}

/**
 * Asks whether something is to be done, and does it: `act` may fail, which
 * is said in the dialog.
 *
 * @returns {Promise<any>} what act resolved to; undefined: it was not done
 */
export function confirm({ title, text, label, danger, act }) {
  return ask({ title, className: 'small', content: (close) => {
    const problem = h('p', { class: 'problem', role: 'alert' });
    const button = h('button', { type: 'submit',
      class: `button ${danger ? 'danger' : 'primary'}` }, label);
    const form = h('form', { onsubmit: (event) => {
      event.preventDefault();
      void work(button, problem, async () => close(await act() ?? true));
    } },
    h('div', { class: 'dialog-body' },
      text.map((part) => h('p', null, part)), problem),
    h('div', { class: 'dialog-foot' },
      h('button', { type: 'button', class: 'button', 'data-first': true,
        onclick: () => close() }, 'Cancel'),
      button));
    return [form];
  } });
}

/** Runs act while its button is busy; what it throws is said in problem. */
export async function work(button, problem, act) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  problem.replaceChildren();
  button.setAttribute('aria-disabled', 'true');
  button.classList.add('busy');
  try {
    await act();
  } catch (error) {
    problem.textContent = error.message;
  } finally {
    button.removeAttribute('aria-disabled');
    button.classList.remove('busy');
  }
}
