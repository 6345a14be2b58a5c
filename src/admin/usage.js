/** What a key was used for: by day as a chart and a table, and by model. */

import { call, query } from './api.js';
import { chart } from './chart.js';
import { h, put } from './dom.js';
import { amount, count, day, money, percent, plural, tokens }
  from './format.js';
import { choice, failed, loading } from './page.js';

const DAY = 86400000;
const MEASURES = {
  cost: { label: 'Cost', of: (use) => use.cost ?? 0, format: money },
  tokens: { label: 'Tokens', of: tokens, format: amount },
  requests: { label: 'Requests', of: (use) => use.requests ?? 0,
    format: amount },
};
const NOTHING = { requests: 0, errors: 0, promptTokens: 0, cachedTokens: 0,
  completionTokens: 0, cost: 0 };

export class Usage {
  constructor(id) {
    this.id = id;
    this.span = 30;
    this.measure = 'cost';
    this.days = null;
    this.turn = 0;
    this.total = h('p', { class: 'total' });
    this.drawing = h('div', { class: 'drawing' });
    this.rest = h('div', { class: 'rest' });
    this.body = h('div', null, loading(5));
    this.box = h('section', { class: 'card usage',
      'aria-labelledby': 'usage-title' },
    h('div', { class: 'card-head' },
      h('h2', { id: 'usage-title' }, 'Usage'),
      h('div', { class: 'choices' },
        choice('Measure', Object.entries(MEASURES)
          .map(([key, { label }]) => [key, label]), this.measure,
        (measure) => {
          this.measure = measure;
          this.show();
        }),
        choice('Period', [['30', '30 days'], ['90', '90 days']], '30',
          (span) => {
            this.span = Number(span);
            void this.load();
          }))),
    this.body);
    this.watch = new ResizeObserver(() => this.draw());
    this.watch.observe(this.drawing);
    void this.load();
  }

  stop() {
    this.turn++;
    this.watch.disconnect();
  }

  period() {
    const to = Math.floor(Date.now() / DAY) * DAY;
    return { from: name(to - (this.span - 1) * DAY), to: name(to) };
  }

  async load() {
    const turn = ++this.turn;
    const period = { ...this.period(), key: this.id };
    try {
      const [days, models] = await Promise.all(['day', 'model'].map((group) =>
        call('GET', query('usage', { ...period, group }))));
      if (turn !== this.turn) return;
      this.days = every(period, days.data);
      this.models = models.data;
      this.show();
    } catch (error) {
      if (turn !== this.turn) return;
      this.days = null;
      put(this.body, failed(error, () => void this.load()));
    }
  }

  show() {
    if (!this.days) return;
    if (!this.drawing.isConnected) {
      put(this.body, this.total, this.drawing, this.rest);
    }
    this.say(null);
    this.draw();
    put(this.rest, this.split(), this.table());
  }

  sum() {
    const { of } = MEASURES[this.measure];
    return this.days.reduce((all, one) => all + of(one), 0);
  }

  say(index) {
    const { of, format, label } = MEASURES[this.measure];
    const one = this.days[index];
    put(this.total,
      h('span', { class: 'total-value' }, format(one ? of(one) : this.sum())),
      h('span', { class: 'soft' }, one ? `${label} on ${day(one.day)}`
        : `${label} in ${this.span} days`));
  }

  draw() {
    const width = Math.floor(this.drawing.clientWidth);
    if (!this.days || width === 0) return;
    const { of, format, label } = MEASURES[this.measure];
    put(this.drawing, chart(width,
      this.days.map((one) => ({ day: one.day, value: of(one) })), {
        format,
        counts: this.measure !== 'cost',
        label: `${label} by day, ${day(this.days[0].day)} to `
          + `${day(this.days.at(-1).day)}: ${format(this.sum())} in all. `
          + 'The table below has the numbers.',
        point: (index) => this.say(index),
      }));
  }

  split() {
    const { of, format, label } = MEASURES[this.measure];
    const all = this.models.reduce((sum, one) => sum + of(one), 0);
    const list = [...this.models].sort((a, b) => of(b) - of(a));
    if (list.length === 0) return null;
    return h('div', { class: 'split' }, h('h3', null, `${label} by model`),
      h('ul', null, list.map((one) => {
        const fill = h('span', { class: 'meter-fill' });
        fill.style.setProperty('width', percent(of(one), all));
        return h('li', null,
          h('span', { class: 'split-name mono' }, one.model || 'unknown'),
          h('span', { class: 'split-value' }, format(of(one)), ' ',
            h('span', { class: 'soft' }, percent(of(one), all))),
          h('span', { class: 'meter', 'aria-hidden': 'true' }, fill));
      })));
  }

  table() {
    const used = this.days.filter((one) => one.requests > 0).reverse();
    const csv = query('api/usage', { ...this.period(), key: this.id,
      group: 'day,model', format: 'csv' });
    return h('details', { class: 'more numbers' },
      h('summary', null, 'Numbers by day'),
      used.length === 0 ? h('p', { class: 'soft' },
        `Not used in ${plural(this.span, 'day')}.`)
        : h('div', { class: 'scroll', tabindex: '0', role: 'region',
          'aria-label': 'Numbers by day' }, numbers(used)),
      h('p', null, h('a', { href: csv, download: 'usage.csv' },
        'Download as CSV')));
  }
}

function numbers(days) {
  const columns = [['Requests', 'requests'], ['Errors', 'errors'],
    ['Prompt', 'promptTokens'], ['Cached', 'cachedTokens'],
    ['Completion', 'completionTokens']];
  return h('table', { class: 'plain' },
    h('caption', { class: 'unseen' }, 'Use by day'),
    h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Day'),
      columns.map(([label]) => h('th', { scope: 'col' }, label)),
      h('th', { scope: 'col' }, 'Cost'))),
    h('tbody', null, days.map((one) => h('tr', null,
      h('th', { scope: 'row' }, day(one.day)),
      columns.map(([, key]) => h('td', null, count(one[key]))),
      h('td', null, money(one.cost))))));
}

function name(time) {
  return new Date(time).toISOString().slice(0, 10);
}

/** One entry a day, those without use too. */
function every({ from, to }, data) {
  const known = new Map(data.map((one) => [one.day, one]));
  const days = [];
  for (let at = Date.parse(from); at <= Date.parse(to); at += DAY) {
    days.push({ ...NOTHING, ...known.get(name(at)), day: name(at) });
  }
  return days;
}
