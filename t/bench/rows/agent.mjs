// What an agent waits for: ten steps of calls and their results, turns of a
// conversation, and a call whose input is long; in kept processes and in fresh
// ones, of which one is parked ahead.

import { FRESH, KEPT, stub, withSdk } from '../sdk_rig.mjs';
import { median } from '../rig.mjs';

const STEPS = 10;
const TURNS = 6;
const DELTAS = 200;

const call = stub('tool=look args={"where":"here"}');

const tools = [{ type: 'function', function: { name: 'look', parameters: {
  type: 'object', properties: { where: { type: 'string' } } } } }];

/** ms a step of a loop that ends with a text. */
async function loop(rig) {
  const messages = [{ role: 'user', content: `Look around. ${call}` }];
  const start = performance.now();
  let kept = 0;

  for (let i = 1; i <= STEPS; i++) {
    const { message, kept: here } = await rig.ask(messages, { tools });
    kept += here;
    messages.push(message, { role: 'tool',
      tool_call_id: message.tool_calls[0].id,
      content: i < STEPS ? `Step ${i}. ${call}` : 'All is seen.' });
  }
  const last = await rig.ask(messages, { tools });
  kept += last.kept;
  return { ms: (performance.now() - start) / STEPS, kept };
}

/** ms a turn of a conversation, the first left out. */
async function turns(rig) {
  const messages = [{ role: 'user', content: 'Begin.' }];
  const times = [];
  for (let i = 0; i <= TURNS; i++) {
    const { message, total } = await rig.ask(messages);
    if (i) times.push(total);
    messages.push(message, { role: 'user', content: `Turn ${i}.` });
  }
  return median(times);
}

/** ms of an answer that is one long call, or a text of as many deltas. */
async function long(rig, what, more) {
  const times = [];
  for (let i = 0; i < 3; i++) {
    await rig.settled();
    times.push((await rig.chat({
      messages: [{ role: 'user', content: `${i} ${stub(what)}` }],
      ...more })).total);
  }
  return median(times);
}

export async function rows() {
  const pool = { CLAUDE_BRIDGE_POOL: '1' };
  const run = (env, body) => withSdk({ ...env, ...pool }, body);
  const kept = await run(KEPT, loop);
  const fresh = await run(FRESH, loop);
  const going = await run(KEPT, turns);
  const anew = await run(FRESH, turns);
  const input = JSON.stringify({ where: 'x'.repeat(8 * DELTAS) });
  const [tool, text] = await run(FRESH, async (rig) => [
    await long(rig, `tool=look args=${input} deltas=${DELTAS}`, { tools }),
    await long(rig, `size=${8 * DELTAS} deltas=${DELTAS}`, {})]);

  return [
    { what: `agent loop, ${STEPS} tool steps, kept`,
      than: 'a fresh process a step', ratio: kept.ms / fresh.ms,
      value: `${kept.ms.toFixed(0)} ms a step, fresh ` +
        `${fresh.ms.toFixed(0)} ms; ${kept.kept} of ${STEPS} kept`,
      ms: kept.ms, fresh_ms: fresh.ms, kept: kept.kept },
    { what: 'continuation, a turn', than: 'a fresh process a turn',
      ratio: going / anew,
      value: `${going.toFixed(0)} ms, fresh ${anew.toFixed(0)} ms`,
      ms: going, fresh_ms: anew },
    { what: `tool stream, ${DELTAS} deltas of input`,
      than: 'a text of as many deltas', ratio: tool / text,
      value: `${tool.toFixed(0)} ms, text ${text.toFixed(0)} ms`,
      ms: tool, text_ms: text }];
}
