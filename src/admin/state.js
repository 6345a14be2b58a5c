/** How a key is: a dot and a word. */

import { h } from './dom.js';

const WORDS = { active: 'Active', disabled: 'Disabled', expired: 'Expired' };

export function stateBadge(key) {
  return h('span', { class: `state ${WORDS[key.state] ? key.state : ''}` },
    WORDS[key.state] ?? key.state);
}
