/** Where the person is signed in. */

import { call } from './api.js';
import { confirm } from './dialog.js';
import { h, put } from './dom.js';
import { moment } from './format.js';
import { failed, heading, loading, since } from './page.js';
import { toast } from './toast.js';

/** @param {() => void} signOut ends the session of this browser */
export function sessionsView(signOut) {
  return async (main) => {
    const body = h('div', null, loading(3));
    put(main, heading('Sessions', 'Where you are signed in. End one that is '
      + 'not yours, and change the password.'),
    h('section', { class: 'card list', 'aria-label': 'Sessions' }, body));

    const load = async () => {
      try {
        const { data } = await call('GET', 'sessions');
        put(body, h('ul', { class: 'sessions' },
          data.map((one) => row(one, load, signOut))));
      } catch (error) {
        put(body, failed(error, () => void load()));
      }
    };
    void load();
    return { title: 'Sessions' };
  };
}

function row(session, load, signOut) {
  const where = session.address || 'Unknown address';
  const end = async () => {
    const done = await confirm({ title: 'End session?', label: 'End session',
      text: [`Whoever uses the session from ${where} has to sign in again.`],
      act: () => call('DELETE',
        `sessions/${encodeURIComponent(session.id)}`) });
    if (!done) return;
    toast('Session ended.');
    await load();
    document.querySelector('h1')?.focus();
  };
  return h('li', null,
    h('div', null,
      h('p', { class: 'session-where' }, h('span', { class: 'mono' }, where),
        session.current && h('span', { class: 'state active' },
          'This browser')),
      h('p', { class: 'soft' }, 'Active ', since(session.lastSeen),
        ` · since ${moment(session.createdAt)}`
        + ` · until ${moment(session.expiresAt)}`)),
    h('button', { type: 'button', class: 'button',
      'aria-label': session.current ? null : `End session from ${where}`,
      onclick: session.current ? signOut : end },
    session.current ? 'Sign out' : 'End'));
}
