// Instructions a request, which no other load on the machine changes, and the
// share of the key check, limits and counters.

import { join } from 'node:path';
import { root, run } from '../rig.mjs';

export async function rows() {
  const cost = JSON.parse(run('perl',
    [join(root, 't/bench/instructions.pl'), 'json']));
  const plain = cost['plain apart'];
  return [
    ...['streamed', 'whole'].map((name) => ({
      what: `${name}, 16 deltas, user instructions`,
      than: 'plain, the same bytes', ratio: plain / cost[`${name} apart`],
      value: `${cost[`${name} apart`].toFixed(0)}, plain ${plain.toFixed(0)}`,
    })),
    { what: 'key check, limits, counters', than: "plain's instructions",
      ratio: cost.checks / plain, atMost: 0.08,
      value: `${cost.checks.toFixed(0)} instructions` }];
}
