/** The page's beginning and end: who is signed in sees the views. */

import { h, put } from './dom.js';
import { eventsView } from './events.js';
import { keyView } from './key.js';
import { keysView } from './keys.js';
import { failed } from './page.js';
import { route, start, stop } from './router.js';
import { current, end, signInPage } from './session.js';
import { sessionsView } from './sessions.js';
import { statusView } from './status.js';
import { toast } from './toast.js';

const main = document.getElementById('main');
const bar = document.getElementById('bar');

route('keys', (at, id) => (id ? keyView(at, id) : keysView(at)));
route('events', eventsView);
route('status', statusView);
route('sessions', sessionsView(() => void signOut()));

async function begin() {
  try {
    await enter(await current() ?? await signInPage(main));
  } catch (error) {
    put(main, h('h1', { class: 'unseen' }, 'Claude gateway'),
      failed(error, () => void begin()));
  }
}

async function enter(session) {
  document.getElementById('who').textContent = session.name ?? '';
  bar.hidden = false;
  await start();
  main.querySelector('h1')?.focus();
}

async function signOut() {
  try {
    await end();
  } catch (error) {
    toast(error.message);
    return;
  }
  stop();
  bar.hidden = true;
  history.replaceState(null, '', location.pathname);
  await enter(await signInPage(main, 'You are signed out.'));
}

document.getElementById('sign-out').addEventListener('click',
  () => void signOut());
document.getElementById('skip').addEventListener('click', (event) => {
  event.preventDefault();
  (main.querySelector('h1') ?? main).focus();
});

void begin();
