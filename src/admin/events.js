/** Security events as they happen, the newest first. */

import { call, query } from './api.js';
import { h, icon, put } from './dom.js';
import { full, plural, stamp } from './format.js';
import { choice, empty, failed, heading, loading } from './page.js';
import { poll } from './poll.js';
import { cell, columnHead, table, tableRow } from './table.js';

const PAGE = 200;
const KEPT = 500;
const INTERVAL = 3000;

const WORDS = {
  login: 'Signed in', 'login failed': 'Wrong password',
  'login limited': 'Too many wrong passwords', logout: 'Signed out',
  session_ended: 'Session ended',
  admin_refused: 'Admin request refused', key_refused: 'API key refused',
  credential_refused: 'Claude token refused',
  store_trouble: 'Key store in trouble', store_well: 'Key store well again',
  start: 'Started', reload: 'Configuration reloaded',
  key_created: 'Key created',
  key_changed: 'Key changed', key_rotated: 'Key rotated',
  key_token: 'Claude token replaced', key_deleted: 'Key deleted',
  key_verified: 'Claude token verified',
  change_failed: 'Change could not be saved',
  limited: 'Address over its limit', quota: 'Key over a limit',
};
const LEVELS = [['', 'All'], ['security', 'Security'], ['admin', 'Admin'],
  ['all', 'Limits']];

export async function eventsView(main) {
  const events = new Events();
  put(main, heading('Events', 'Sign-ins, refusals and changes, as the audit '
    + 'log has them.', events.button),
  events.box);
  void events.begin();
  return { title: 'Events', stop: () => events.stop() };
}

class Events {
  constructor() {
    this.next = '';     // the latest, and then what comes after them
    this.level = '';
    this.list = [];
    this.paused = false;
    this.word = h('p', { class: 'found', role: 'status' });
    this.results = h('div', { class: 'results' }, loading(6));
    this.button = h('button', { type: 'button', class: 'button',
      onclick: () => this.pause() });
    this.label();
    this.box = h('section', { class: 'card list', 'aria-label': 'Events' },
      h('div', { class: 'tools' },
        choice('Kind', LEVELS, '', (level) => {
          this.level = level;
          this.show();
        }), this.word),
      this.results);
  }

  label() {
    put(this.button, icon(this.paused ? 'play' : 'pause'),
      this.paused ? 'Go on' : 'Pause');
  }

  pause() {
    this.paused = !this.paused;
    this.label();
    this.poll?.pause(this.paused);
  }

  async begin() {
    try {
      await this.fetch();
      if (this.ended) return;
      this.show();
      this.poll = poll(() => this.more(), INTERVAL);
      this.poll.pause(this.paused);
    } catch (error) {
      put(this.results, failed(error, () => void this.begin()));
    }
  }

  stop() {
    this.ended = true;
    this.poll?.stop();
  }

  /** All that is new since the last time; true: there was some. */
  async fetch() {
    let some = false;
    for (;;) {
      const page = await call('GET', query('audit',
        { after: this.next, limit: PAGE }));
      if (page.lost && this.list.length > 0) {
        this.list.push({ gap: true, seq: `gap-${this.next}` });
      }
      this.list.push(...page.data);
      some ||= page.data.length > 0;
      this.next = page.next ?? this.next;
      if (page.data.length < PAGE) break;
    }
    this.list = this.list.slice(-KEPT);
    return some;
  }

  async more() {
    try {
      if (await this.fetch() || this.trouble) this.show();
      this.trouble = false;
    } catch (error) {
      this.trouble = true;
      this.word.textContent = error.message;
      if (error.status !== 401) return;
      // who doesn't want to sign in is not asked again by a clock
      this.poll.stop();
      put(this.results, failed(error, () => void this.begin()));
    }
  }

  show() {
    const shown = this.list.filter((one) => one.gap
      || this.level === '' || one.level === this.level).reverse();
    this.word.textContent = plural(shown.filter((one) => !one.gap).length,
      'event');
    put(this.results, shown.length > 0 ? eventTable(shown)
      : empty('info', 'Nothing here yet',
        'What happens from now on appears by itself.'));
  }
}

const HEADS = ['Time', 'Event', 'Key', 'Address', 'Request'];

function eventTable(events) {
  return table('Events, the newest first',
    HEADS.map((label) => columnHead(null, label)), events.map(row), 'events');
}

function row(event) {
  if (event.gap) {
    return tableRow(null, cell({ colspan: '5', class: 'gap' }, null,
      'Some events came too fast to be kept here; the audit log has them.'));
  }
  const good = (event.outcome ?? 'ok') === 'ok';
  return tableRow(null,
    cell({ class: 'when' }, null, h('time', { datetime: event.time,
      title: full(event.time) }, stamp(event.time))),
    cell({ class: 'event' }, null,
      h('span', { class: `what ${good ? '' : 'bad'}` }, words(event)),
      event.event !== 'start' && event.code
        && h('span', { class: 'code mono soft' }, event.code),
      event.suppressed > 0
        && h('span', { class: 'code soft' }, `× ${event.suppressed}`)),
    labelled('Key', event.keyId && h('a', { class: 'mono',
      href: `#/keys/${encodeURIComponent(event.keyId)}` }, event.keyId)),
    labelled('Address', event.address
      && h('span', { class: 'mono' }, event.address)),
    labelled('Request', event.requestId
      && h('span', { class: 'mono id', title: event.requestId },
        event.requestId)));
}

function labelled(label, content) {
  return cell({ class: content ? '' : 'none' }, label, content || '–');
}

function words({ event, outcome, code }) {
  if (event === 'start') return WORDS[code] ?? WORDS.start;
  return WORDS[`${event} ${outcome}`] ?? WORDS[event]
    ?? event.replaceAll('_', ' ');
}
