/** How the gateway is. */

import { call } from './api.js';
import { h, put } from './dom.js';
import { bytes, count, duration, moment, percent, stamp } from './format.js';
import { meter } from './meter.js';
import { facts, failed, heading, loading, notice } from './page.js';
import { poll } from './poll.js';

const INTERVAL = 5000;

export async function statusView(main) {
  const body = h('div', { class: 'cards' }, loading(6));
  const word = h('span', { class: 'soft' });
  put(main, heading('Status', word), body);
  word.textContent = 'Asking the gateway…';

  let clock;
  const load = async () => {
    try {
      const status = await call('GET', 'status');
      word.textContent = `As of ${stamp(status.time ?? new Date())}`;
      put(body, gateway(status), store(status.store ?? {}),
        bridge(status.bridge ?? {}), zones(status.zones ?? []));
    } catch (error) {
      put(body, failed(error, begin));
      // who doesn't want to sign in is not asked again by a clock
      if (error.status === 401) clock.stop();
    }
  };
  const begin = () => {
    clock?.stop();
    clock = poll(load, INTERVAL);
    void load();
  };
  begin();
  return { title: 'Status', stop: () => clock.stop() };
}

function card(title, good, ...content) {
  return h('section', { class: 'card', 'aria-label': title },
    h('div', { class: 'card-head' }, h('h2', null, title),
      good !== null && h('span', { class: `state ${good ? 'active'
        : 'trouble'}` }, good ? 'Well' : 'In trouble')),
    content);
}

function gateway(status) {
  return card('Gateway', null, facts(
    ['Module', status.version ?? '–'],
    ['nginx', status.nginx ?? '–'],
    ['Workers', count(status.workers)],
    ['Up for', duration(status.uptime ?? 0)],
    ['Started', status.startedAt ? moment(status.startedAt) : '–']));
}

function store(it) {
  return card('Key store', it.ok !== false,
    it.trouble && notice('warn', it.trouble),
    facts(
      ['Keys', count(it.keys)],
      ['Enabled', count(it.enabled)],
      ['Room for', it.capacity ? `${count(it.capacity)} keys` : '–'],
      it.storeId && ['Store', h('span', { class: 'mono' }, it.storeId)]));
}

function bridge(it) {
  if (it.configured === false) {
    return card('Claude bridge', null, h('p', { class: 'soft' },
      'Which bridge to ask is not configured: name it as in ',
      h('code', null, 'claude_admin upstream=claude_sdk'), '.'));
  }
  const number = (n) => (n === null || n === undefined ? '–' : count(n));
  return card('Claude bridge', Boolean(it.reachable),
    !it.reachable && notice('warn', 'The bridge does not answer: calls to '
      + 'the model fail until it does.'),
    it.reachable && facts(
      ['Takes calls', it.ready === false ? 'Not now' : 'Yes'],
      ['Answering', number(it.busy)],
      ['Ready to answer', number(it.parked)],
      ['Starting', number(it.starting)],
      ['Waiting', number(it.queue)]));
}

function zones(list) {
  if (list.length === 0) return null;
  return card('Shared memory', null, h('ul', { class: 'zones' },
    list.map((zone) => h('li', null,
      h('span', { class: 'mono' }, zone.name),
      h('span', { class: 'soft' },
        `${percent(zone.used, zone.size)} of ${bytes(zone.size)}`),
      meter(zone.used, zone.size, `Zone ${zone.name}`,
        percent(zone.used, zone.size))))));
}
