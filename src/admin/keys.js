/** The list of keys, a page of it at a time: the server filters and sorts. */

import { call, query } from './api.js';
import { h, icon, named, put } from './dom.js';
import { count, money } from './format.js';
import { createKey } from './key-form.js';
import { todayCell } from './meter.js';
import { choice, empty, failed, heading, loading, since } from './page.js';
import { go } from './router.js';
import { showKey } from './secret.js';
import { stateBadge } from './state.js';
import { summary } from './summary.js';
import { cell, columnHead, rowHead, table, tableRow } from './table.js';
import { toast } from './toast.js';

const PAGE = 50;
const PATIENCE = 250;           // ms after the last letter of a search

/** heading, name of the sort, how it starts */
const COLUMNS = [
  ['Name', 'keyName', 'asc'],
  ['State', 'state', 'asc'],
  ['Created', 'createdAt', 'desc'],
  ['Last used', 'lastUsed', 'desc'],
  ['Today'],
  ['This month', 'cost', 'desc'],
];
const SORTS = COLUMNS.filter(([, sort]) => sort);
const STATES = [['', 'All'], ['active', 'Active'], ['disabled', 'Disabled'],
  ['expired', 'Expired']];

/** What the person looks at; it stays while other views are shown. */
let wish = fresh();

function fresh() {
  return { q: '', state: '', sort: 'createdAt', order: 'desc', offset: 0 };
}

export async function keysView(main) {
  const list = new List();
  put(main,
    heading('API keys', 'Each key stands for a Claude credential that nobody '
      + 'who uses the key ever sees.',
    h('button', { type: 'button', class: 'button primary', id: 'create',
      onclick: () => void make(list) }, icon('plus'), 'Create key')),
    summary(), list.box);
  void list.load();
  return { title: 'API keys', stop: () => list.stop() };
}

async function make(list) {
  const key = await createKey();
  if (!key) return;
  await showKey(key);
  delete key.apiKey;
  toast('Key ', named(key.keyName), ' created.');
  await list.load();
}

class List {
  constructor() {
    this.turn = 0;
    this.timer = null;
    this.word = h('p', { class: 'found', role: 'status' });
    this.pages = h('div');
    this.results = h('div', { class: 'results' }, loading(6));
    this.box = h('section', { class: 'card list', 'aria-label': 'Keys' },
      this.tools(), this.results,
      h('div', { class: 'foot' }, this.word, this.pages));
  }

  tools() {
    this.search = h('input', { type: 'search', value: wish.q,
      placeholder: 'Search by name or key', maxlength: '128',
      'aria-label': 'Search by name or key', autocomplete: 'off',
      spellcheck: 'false',
      oninput: () => this.later() });
    const order = h('select', { 'aria-label': 'Sort by',
      onchange: () => {
        const [sort, way] = order.value.split(' ');
        this.wants({ sort, order: way });
      } }, SORTS.flatMap(([label, sort]) => [['asc', '↑'], ['desc', '↓']]
      .map(([way, arrow]) => h('option', { value: `${sort} ${way}`,
        selected: wish.sort === sort && wish.order === way },
      `${label} ${arrow}`))));
    return h('div', { class: 'tools', role: 'search' },
      h('div', { class: 'search' }, icon('search'), this.search),
      choice('State', STATES, wish.state, (state) => this.wants({ state })),
      h('div', { class: 'order' }, order));
  }

  stop() {
    this.turn++;
    clearTimeout(this.timer);
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.wants({ q: this.search.value.trim() }),
      PATIENCE);
  }

  wants(change) {
    wish = { ...wish, offset: 0, ...change };
    void this.load();
  }

  async load() {
    const turn = ++this.turn;
    this.results.setAttribute('aria-busy', 'true');
    try {
      const page = await call('GET', query('keys',
        { ...wish, q: shownForm(wish.q), limit: PAGE }));
      if (turn !== this.turn) return;
      if (page.data.length === 0 && page.total > 0 && wish.offset > 0) {
        this.wants({ offset: 0 });
        return;
      }
      this.show(page);
    } catch (error) {
      if (turn !== this.turn) return;
      put(this.results, failed(error, () => void this.load()));
      put(this.pages);
      this.word.textContent = '';
    }
    this.results.removeAttribute('aria-busy');
  }

  show(page) {
    const focused = document.activeElement?.dataset ?? {};
    this.word.textContent = page.total === 0 ? 'No keys found'
      : `${count(page.offset + 1)}–${count(page.offset + page.data.length)} `
        + `of ${count(page.total)}`;
    put(this.results, page.data.length > 0 ? this.table(page.data)
      : this.nothing());
    put(this.pages, page.total > PAGE && this.pager(page));
    if (focused.sort) {
      this.results.querySelector(`[data-sort="${focused.sort}"]`)?.focus();
    }
    if (focused.turn) {
      (this.pages.querySelector(`[data-turn="${focused.turn}"]:enabled`)
        ?? this.pages.querySelector('[data-turn]:enabled'))?.focus();
    }
  }

  nothing() {
    if (wish.q !== '' || wish.state !== '') {
      return empty('search', 'No key matches',
        'Try another name, or look at all states.',
        h('button', { type: 'button', class: 'button',
          onclick: () => {
            wish = fresh();
            go('#/keys');
          } }, 'Clear search'));
    }
    return empty('key', 'No keys yet',
      'Create the first one: give it a name and a Claude token, and hand out '
        + 'the key that you get.');
  }

  table(keys) {
    return table('API keys', COLUMNS.map((one) => this.column(one)),
      keys.map(row));
  }

  column([label, sort, first]) {
    if (!sort) return columnHead({ class: 'col-today' }, label);
    const here = wish.sort === sort;
    const next = !here ? first : wish.order === 'asc' ? 'desc' : 'asc';
    return columnHead({ class: `col-${sort}`, 'aria-sort':
      !here ? null : wish.order === 'asc' ? 'ascending' : 'descending' },
    h('button', { type: 'button', class: 'sort', 'data-sort': sort,
      onclick: () => this.wants({ sort, order: next }) }, label,
    here && icon(wish.order === 'asc' ? 'up' : 'down')));
  }

  pager(page) {
    const turnTo = (offset) => {
      this.wants({ offset });
      this.box.scrollIntoView({ block: 'start' });
    };
    const end = page.offset + page.data.length >= page.total;
    return h('nav', { class: 'pager', 'aria-label': 'Pages' },
      h('button', { type: 'button', class: 'button', 'data-turn': 'back',
        disabled: page.offset === 0,
        onclick: () => turnTo(Math.max(0, page.offset - PAGE)) },
      icon('back'), 'Previous'),
      h('button', { type: 'button', class: 'button', 'data-turn': 'next',
        disabled: end, onclick: () => turnTo(page.offset + PAGE) },
      'Next', icon('next')));
  }
}

/** Somebody pastes a whole key, or its short form, to see whose it is: what
 * is secret of it goes nowhere, its beginning is enough. */
function shownForm(q) {
  return /^sk-[\w-]{4}(?:…|[\w-]{8})/.test(q) ? q.slice(0, 7) : q;
}

function row(key) {
  const link = `#/keys/${encodeURIComponent(key.id)}`;
  return tableRow({ onclick: (event) => {
    if (event.target.closest('a') || String(getSelection())) return;
    go(link);
  } },
  rowHead({ class: 'col-keyName' },
    h('a', { href: link, class: 'key-link' }, named(key.keyName)),
    h('span', { class: 'mono soft' }, key.display)),
  cell({ class: 'col-state' }, null, stateBadge(key)),
  cell({ class: 'col-createdAt' }, 'Created', since(key.createdAt)),
  cell({ class: 'col-lastUsed' }, 'Last used', since(key.lastUsed)),
  cell({ class: 'col-today' }, 'Today', todayCell(key)),
  cell({ class: 'col-cost' }, 'This month', key.usage?.month?.requests
    ? money(key.usage.month.cost) : h('span', { class: 'none' }, '–')));
}
