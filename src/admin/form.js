/** Fields of forms, each with its label, its hint and its own error. */

import { h, icon, unique } from './dom.js';

/**
 * @param {object} options
 * @param {string} options.label
 * @param {string} [options.hint]
 * @param {HTMLElement} options.control an input, select or textarea
 * @param {string} [options.unit] what a number counts
 * @param {string} [options.className]
 */
export function field({ label, hint, control, unit, className }) {
  const id = unique('field');
  const error = h('p', { class: 'field-error', id: `${id}-error`,
    hidden: true });
  control.id = id;
  const described = [hint && `${id}-hint`, unit && `${id}-unit`];
  describe(control, described);

  const box = h('div', { class: `field ${className ?? ''}` },
    h('label', { for: id }, label),
    h('div', { class: 'field-control' }, control, reveal(control, label),
      unit && h('span', { class: 'unit', id: `${id}-unit` }, unit)),
    hint && h('p', { class: 'hint', id: `${id}-hint` }, hint),
    error);

  return {
    box,
    control,
    /** Says what is wrong with the field, or with null that nothing is. */
    complain(text) {
      error.textContent = text ?? '';
      error.hidden = !text;
      if (text) control.setAttribute('aria-invalid', 'true');
      else control.removeAttribute('aria-invalid');
      describe(control, [text && `${id}-error`, ...described]);
    },
  };
}

function describe(control, ids) {
  const text = ids.filter(Boolean).join(' ');
  if (text) control.setAttribute('aria-describedby', text);
  else control.removeAttribute('aria-describedby');
}

/** The eye beside a secret. */
function reveal(control, label) {
  if (control.type !== 'password') return null;
  return h('button', { type: 'button', class: 'icon-button reveal',
    'aria-label': `Show ${label.toLowerCase()}`, 'aria-pressed': 'false',
    onclick: (event) => {
      const shown = control.type === 'password';
      control.type = shown ? 'text' : 'password';
      event.currentTarget.setAttribute('aria-pressed', String(shown));
    } }, icon('eye'));
}

/** An input for a secret that no browser should offer to keep. */
export function secretInput() {
  return h('input', { type: 'password', autocomplete: 'off',
    autocapitalize: 'off', autocorrect: 'off', spellcheck: 'false',
    'data-1p-ignore': true, 'data-lpignore': 'true', required: true,
    'aria-required': 'true' });
}

/**
 * Puts an error where it belongs: at the field that it names, or above the
 * buttons.
 *
 * @param {Error} error
 * @param {Map<string, object>} fields by the API's names
 * @param {HTMLElement} problem
 */
export function place(error, fields, problem) {
  const name = (error.param ?? '').replace(/[.[].*$/, '');
  const at = fields.get(name);
  if (!at) {
    problem.textContent = error.message;
    return;
  }
  at.complain(reason(error));
  at.control.closest('details')?.setAttribute('open', '');
  at.control.focus();
}

/** What the API says of a value, without the name that the field says. */
function reason(error) {
  const text = error.message.replace(/^[^':]*'[^']*'(: *)?/, '');
  if (text === '' || text === '.') return error.message;
  return text[0].toUpperCase() + text.slice(1);
}

export function clear(fields, problem) {
  problem.replaceChildren();
  for (const one of fields.values()) one.complain(null);
}
