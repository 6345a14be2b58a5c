/** Signing in: as a page, and as a dialog over what the person was doing. */

import { ApiError, once, onSessionEnd } from './api.js';
import { ask, work } from './dialog.js';
import { h, put } from './dom.js';
import { field } from './form.js';
import { duration } from './format.js';

let asking = null;
/** Who was signed in last. */
let person = '';

/** @returns {Promise<object|null>} the session, or null: not signed in */
export async function current() {
  try {
    return remember(await once('GET', 'session'));
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

function remember(session) {
  person = session.name ?? '';
  return session;
}

export async function end() {
  try {
    await once('POST', 'logout');
  } catch (error) {
    if (error.status !== 401) throw error;
  }
}

/** Fills main with the way in; resolves once the person is in. */
export function signInPage(main, word) {
  document.title = 'Sign in · Claude gateway';
  main.className = 'view view-sign-in';
  main.removeAttribute('aria-busy');
  return new Promise((resolve) => {
    const { form, first } = signInForm(resolve);
    put(main, h('section', { class: 'sign-in card' },
      h('img', { src: 'icon.svg', alt: '', width: '40', height: '40' }),
      h('h1', { tabindex: '-1' }, 'Sign in'),
      h('p', { class: 'sub' }, word ?? 'Claude gateway admin'),
      form));
    first.focus();
  });
}

/** The same over a form that must not be lost; one for all who ask. */
function signInDialog() {
  asking ??= ask({ title: 'Sign in again', className: 'small',
    content: (close) => [
      h('div', { class: 'dialog-body' },
        h('p', null, 'Your session has ended. Nothing that you typed is '
          + 'lost: sign in and go on where you were.'),
        signInForm(() => close(true), person).form),
    ] }).then((result) => {
    asking = null;
    return result === true;
  });
  return asking;
}

onSessionEnd(signInDialog);

function signInForm(done, known = '') {
  const name = field({ label: 'Name',
    hint: 'Leave it empty where there is only one.',
    control: h('input', { type: 'text', autocomplete: 'username',
      autocapitalize: 'off', spellcheck: 'false', maxlength: '128',
      value: known }) });
  const password = field({ label: 'Password',
    control: h('input', { type: 'password', required: true,
      autocomplete: 'current-password', 'data-first': true }) });
  const problem = h('p', { class: 'problem', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'button primary wide' },
    'Sign in');

  const send = async () => {
    const body = { password: password.control.value };
    if (name.control.value !== '') body.name = name.control.value;
    try {
      const session = await once('POST', 'login', body);
      password.control.value = '';
      done(remember(session));
    } catch (error) {
      if (error.param === 'name') {
        name.complain('More than one person can sign in here: say who '
          + 'you are.');
        name.control.focus();
        return;
      }
      password.control.select();
      password.control.focus();
      throw new ApiError(error.status, { ...error, message: why(error) });
    }
  };

  const form = h('form', { class: 'sign-in-form', novalidate: true,
    onsubmit: (event) => {
      event.preventDefault();
      if (password.control.value === '') {
        password.complain('Enter your password.');
        password.control.focus();
        return;
      }
      password.complain(null);
      name.complain(null);
      void work(button, problem, send);
    } }, name.box, password.box, problem, button);
  return { form, first: password.control };
}

function why(error) {
  if (error.status === 429) {
    return error.retryAfter > 0
      ? `Too many wrong tries. Wait ${duration(error.retryAfter)}, `
        + 'then try again.'
      : 'Too many wrong tries. Wait a while, then try again.';
  }
  if (error.status === 401) return 'The name or the password is wrong.';
  return error.message;
}
