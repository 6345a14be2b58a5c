/** One key: what it is, what it may do, what it did. */

import { ApiError, call } from './api.js';
import { h, icon, named, put } from './dom.js';
import { amount, moment, money, plural, tokens } from './format.js';
import { deleteKey, disableKey, enableKey, replaceToken, rotateKey,
  verifyKey } from './key-actions.js';
import { editKey } from './key-form.js';
import { tellLimits } from './limits.js';
import { budgets, meter } from './meter.js';
import { empty, facts, failed, heading, notice, since } from './page.js';
import { go } from './router.js';
import { stateBadge } from './state.js';
import { toast } from './toast.js';
import { Usage } from './usage.js';

export async function keyView(main, id) {
  let key;
  try {
    key = await call('GET', `keys/${encodeURIComponent(id)}`);
  } catch (error) {
    put(main, back(), error instanceof ApiError && error.status === 404
      ? [heading('No such key'), empty('key', 'This key is gone',
        'It was deleted, or its address is wrong.',
        h('a', { class: 'button', href: '#/keys' }, 'All keys'))]
      : [heading('Key'), failed(error, () => go(location.hash))]);
    return { title: 'Key' };
  }
  const page = new KeyPage(main, key);
  return { title: `⁨${key.keyName}⁩`, stop: () => page.stop() };
}

function back() {
  return h('a', { class: 'back', href: '#/keys' }, icon('back'), 'API keys');
}

class KeyPage {
  constructor(main, key) {
    this.key = key;
    this.usage = new Usage(key.id);
    this.top = h('div', { class: 'top' });
    this.verdict = h('div', { class: 'verdict', role: 'status' });
    this.problem = h('div', { class: 'problem-box', role: 'alert' });
    this.facts = h('div');
    this.budgets = h('div', { class: 'pair' });
    this.limits = h('div');
    put(main, back(), this.top, this.problem, this.budgets, this.usage.box,
      h('div', { class: 'pair' }, this.detailsCard(), this.limitsCard()),
      this.endCard());
    this.show();
  }

  stop() {
    this.usage.stop();
  }

  /** Does something to the key, and shows it as it is then. */
  async act(button, word, deed) {
    if (button.getAttribute('aria-disabled') === 'true') return;
    const id = button.dataset.act;
    put(this.problem);
    button.setAttribute('aria-disabled', 'true');
    try {
      const key = await deed(this.key);
      if (!key) return;
      if (word && key !== this.key) toast(word);
      this.key = key;
      this.show();
      document.querySelector(`[data-act="${id}"]`)?.focus();
    } catch (error) {
      put(this.problem, notice('warn', error.message));
    } finally {
      button.removeAttribute('aria-disabled');
    }
  }

  button(id, label, word, deed, className = '') {
    return h('button', { type: 'button', 'data-act': id,
      class: `button ${className}`, onclick: (event) =>
        void this.act(event.currentTarget, word, deed) }, label);
  }

  show() {
    const { key } = this;
    put(this.top,
      heading(named(key.keyName),
        [stateBadge(key), h('span', { class: 'mono' }, key.display)],
        this.button('edit', 'Edit', 'Changes saved.', editKey),
        this.button('rotate', 'Rotate', 'Key rotated.', rotateKey),
        key.enabled
          ? this.button('able', 'Disable', 'Key disabled.', disableKey)
          : this.button('able', 'Enable', 'Key enabled.', enableKey)),
      this.notices());
    put(this.budgets, period('Today', key, 'day', key.usage?.today),
      period('This month', key, 'month', key.usage?.month));
    put(this.facts, facts(
      ['Claude token', h('span', { class: 'mono' }, key.tokenDisplay)],
      ['Created', h('span', null, moment(key.createdAt))],
      ['Last used', since(key.lastUsed)],
      ['Expires', key.expiresAt ? moment(key.expiresAt) : 'Never'],
      ['Running now', plural(key.running ?? 0, 'request')],
      ['ID', h('span', { class: 'mono' }, key.id)]));
    const told = tellLimits(key);
    put(this.limits, told.length > 0
      ? facts(...told.map(([label, text]) => [label, Array.isArray(text)
        ? h('ul', { class: 'mono' }, text.map((one) => h('li', null, one)))
        : text]))
      : h('p', { class: 'soft' }, 'No limits are set: the key may be used '
        + 'as much as its credential allows.'));
  }

  notices() {
    const { key } = this;
    return [
      key.state === 'disabled' && notice('info',
        'This key is disabled: whoever uses it is refused.'),
      key.state === 'expired' && notice('warn',
        `This key expired ${moment(key.expiresAt)}.`),
      key.previousUntil && Date.parse(key.previousUntil) > Date.now()
        && notice('info', 'The old key works until ',
          h('strong', null, moment(key.previousUntil)), '.'),
    ];
  }

  detailsCard() {
    return h('section', { class: 'card', 'aria-labelledby': 'about-title' },
      h('div', { class: 'card-head' },
        h('h2', { id: 'about-title' }, 'Details'),
        h('div', { class: 'actions' },
          h('button', { type: 'button', class: 'button small-button',
            onclick: (event) => void this.verify(event.currentTarget) },
          'Verify token'),
          this.button('token', 'Replace token', 'Token replaced.',
            replaceToken, 'small-button'))),
      this.verdict, this.facts);
  }

  limitsCard() {
    return h('section', { class: 'card', 'aria-labelledby': 'limits-title' },
      h('div', { class: 'card-head' },
        h('h2', { id: 'limits-title' }, 'Limits'),
        h('div', { class: 'actions' }, this.button('limits', 'Edit limits',
          'Limits saved.', editKey, 'small-button'))),
      this.limits);
  }

  endCard() {
    const remove = h('button', { type: 'button', class: 'button danger-quiet',
      onclick: async () => {
        const name = this.key.keyName;
        if (!await deleteKey(this.key)) return;
        toast('Key ', named(name), ' deleted.');
        go('#/keys');
      } }, 'Delete key');
    return h('section', { class: 'card end', 'aria-labelledby': 'end-title' },
      h('div', null, h('h2', { id: 'end-title' }, 'Delete this key'),
        h('p', { class: 'soft' }, 'It stops working at once and its '
          + 'credential is erased. To stop it for a while, disable it.')),
      remove);
  }

  async verify(button) {
    if (button.getAttribute('aria-disabled') === 'true') return;
    button.setAttribute('aria-disabled', 'true');
    put(this.verdict, notice('info', 'Asking Claude…'));
    try {
      const answer = await verifyKey(this.key);
      put(this.verdict, verdict(answer));
    } catch (error) {
      put(this.verdict, notice('warn', error.message));
    } finally {
      button.removeAttribute('aria-disabled');
    }
  }
}

function verdict(answer) {
  return answer.works
    ? notice('good', 'The token works', answer.model
      && [': ', h('span', { class: 'mono' }, answer.model), ' answered'], '.')
    : notice('warn', answer.message ?? 'The token does not work.');
}

/** What was used today or this month, against its budgets. */
function period(title, key, name, usage = {}) {
  const list = budgets(key, name);
  return h('section', { class: 'card period', 'aria-label': title },
    h('h2', { class: 'small-title' }, title),
    h('p', { class: 'total-value' }, money(usage.cost)),
    h('p', { class: 'soft' }, plural(usage.requests ?? 0, 'request'), ' · ',
      `${amount(tokens(usage))} tokens`,
      usage.errors > 0 && ` · ${plural(usage.errors, 'error')}`),
    list.map((one) => h('div', { class: 'budget' },
      h('span', null, one.text, h('span', { class: 'soft' },
        ` of ${one.of}`)),
      meter(one.value, one.max, `${title}, budget`,
        `${one.text} of ${one.of}`))));
}
