import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { bodies, Bridge, conversation, endOf, textOf } from './lib/bridge.mjs';

const ADAPTIVE = { thinking: { type: 'adaptive' } };

let stub;
let bridge;
before(async () => {
  stub = await startStub();
  bridge = await Bridge.start(stub);
});
afterEach(() => stub.clear());
after(async () => {
  await bridge?.stop();
  await stub?.close();
});

const text = (value) => ({ type: 'text', text: value });
const user = (...content) => ({ role: 'user', content });
const model = (...content) => ({ role: 'assistant', content });
const redacted = { type: 'redacted_thinking', data: 'c2VjcmV0' };
const thought = (thinking) => ({ type: 'thinking', thinking,
  signature: Buffer.from(`stub:${thinking.length}`).toString('base64') });
const use = (id) => ({ type: 'tool_use', id, name: 'w', input: {} });
const result = (id) => (
  { type: 'tool_result', tool_use_id: id, content: 'done' });

async function sent(messages, more = {}) {
  stub.clear();
  const { status, text: answer } = await bridge.ask('', { messages, ...more });
  assert.equal(status, 200, answer);
  const [body, ...others] = bodies(stub);
  assert.equal(others.length, 0);
  return conversation(body);
}

test('thinking, signature and redacted thinking are streamed', async () => {
  const { events } = await bridge.ask(
    '[[stub thinking="so and so" redacted text=yes]]', ADAPTIVE);
  const starts = events.filter(({ content_block: block }) => block)
    .map(({ content_block: block }) => block);
  assert.deepEqual(starts.map(({ type }) => type),
    ['thinking', 'redacted_thinking', 'text']);
  assert.ok(starts[1].data);
  const deltas = events.map(({ delta }) => delta ?? {});
  assert.equal(deltas.map(({ thinking = '' }) => thinking).join(''),
    'so and so');
  assert.equal(deltas.filter(({ signature }) => signature).length, 1);
  assert.equal(textOf(events), 'yes');
  const { usage } = endOf(events);
  assert.equal(usage.output_tokens_details.thinking_tokens, 3);
  assert.equal(usage.output_tokens, 4);
});

test('an answer goes back as it came', async () => {
  const messages = [user(text(
    '[[stub thinking="so and so" redacted text=yes]]'))];
  const { json } = await bridge.ask('',
    { stream: false, messages, ...ADAPTIVE });
  messages.push({ role: 'assistant', content: json.content },
    user(text('go on')));
  assert.deepEqual(await sent(messages, ADAPTIVE), messages);
});

const LOOP = [
  user(text('q')), model(thought('one'), text('I look.')), user(text('do')),
  model(thought('two'), redacted, use('a')), user(result('a')),
  model(thought(''), use('b')), user(result('b')),
  model(thought('three'), text('mid'), thought('four'), use('c')),
  user(result('c')),
];
const HOW = {
  off: {},
  adaptive: ADAPTIVE,
  'with a budget': { max_tokens: 3000,
    thinking: { type: 'enabled', budget_tokens: 2000 } },
  'of an alias': { ...ADAPTIVE, model: 'opus' },
};
for (const [how, more] of Object.entries(HOW)) {
  test(`thinking of the history arrives as it is: ${how}`, async () => {
    assert.deepEqual(await sent(LOOP, more), LOOP);
  });
}

test('thinking of the history arrives as it is: of an older model',
  async () => {
    const said = (messages) => messages
      .filter(({ role }) => role === 'assistant');
    const got = await sent(LOOP, { model: 'claude-haiku-4-5-20251001' });
    assert.deepEqual(said(got), said(LOOP));
  });

test('a message that is only thinking is left out', async () => {
  assert.deepEqual(
    await sent([user(text('q')), model(thought('hm')), user(text('r'))]),
    [user(text('q'), text('r'))]);
});
