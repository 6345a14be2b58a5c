// Time to the first token through nginx, the bridge and the real SDK process:
// started for the request, parked before it, kept from an earlier one.

import { median } from '../rig.mjs';
import { FRESH, KEPT, stub, withSdk } from '../sdk_rig.mjs';

const RUNS = 7;

const user = (content) => ({ role: 'user', content });

const history = (n) => Array.from({ length: n }, (_, i) => ({
  role: i % 2 ? 'assistant' : 'user', content: `Message ${i + 1}.` }));

const tools = [{ type: 'function', function: { name: 'look',
  parameters: { type: 'object', properties: {} } } }];

async function fresh(env, messages) {
  return withSdk({ ...FRESH, ...env }, async (rig) => {
    const times = [];
    for (let i = 0; i < RUNS; i++) {
      await rig.settled();
      times.push((await rig.chat({ messages })).first);
    }
    return median(times);
  });
}

/** Conversations that go on, step by step: next(messages) adds a turn. */
async function goesOn(what, begin, next, more = {}) {
  return withSdk({ ...KEPT, CLAUDE_BRIDGE_POOL: '1' }, async (rig) => {
    const times = [];
    let messages = begin(0), kept = 0;
    let got = await rig.ask(messages, more);
    for (let i = 1; i <= RUNS; i++) {
      messages = next(messages, got.message, i);
      got = await rig.ask(messages, more);
      times.push(got.first);
      kept += got.kept;
    }
    if (kept < RUNS) throw new Error(`${what}: ${kept} of ${RUNS} were kept`);
    return median(times);
  });
}

const call = stub('tool=look args={}');

const kinds = {
  continued: () => goesOn('continued', () => [user('Begin.')],
    (messages, answer, i) => [...messages, answer, user(`Go on, ${i}.`)]),

  'tool step': () => goesOn('tool step', () => [user(call)],
    (messages, answer, i) => [...messages, answer, { role: 'tool',
      tool_call_id: answer.tool_calls[0].id, content: `${i} ${call}` }],
    { tools }),

  rewound: () => goesOn('rewound', () => [user('Another, 0.')],
    (messages, answer, i) => [user(`Another, ${i}.`)]),
};

export async function rows() {
  const cold = await fresh({ CLAUDE_BRIDGE_POOL: '0' }, history(1));
  const parked = await fresh({ CLAUDE_BRIDGE_POOL: '1' }, history(1));
  const long = await fresh({ CLAUDE_BRIDGE_POOL: '1' }, history(41));
  const ms = (n) => `${n.toFixed(0)} ms`;

  const table = [
    { what: 'first token, cold start', value: ms(cold), ms: cold },
    { what: 'first token, parked', than: 'cold start', ratio: parked / cold,
      atMost: 0.38, value: ms(parked), ms: parked },
    { what: 'first token, parked, 40 earlier messages',
      than: 'parked, none', ratio: long / parked, atMost: 1.3,
      value: ms(long), ms: long }];

  for (const [kind, measure] of Object.entries(kinds)) {
    const row = { what: `first token, ${kind}`, than: 'cold start',
      atMost: 0.1 };
    try {
      const n = await measure();
      table.push({ ...row, ratio: n / cold, value: ms(n), ms: n });
    } catch (error) {
      table.push({ ...row, ratio: Infinity, value: error.message });
    }
  }
  return table;
}
