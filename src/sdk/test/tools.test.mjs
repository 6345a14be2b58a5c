import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { bodies, Bridge, conversation, endOf, textOf } from './lib/bridge.mjs';

const OWN = ['Bash', 'Read', 'Write', 'Edit', 'Task', 'Agent', 'WebFetch',
  'WebSearch', 'TodoWrite', 'Skill', 'StructuredOutput', 'ToolSearch',
  'mcp__c__c0', 'c0', 'c1', '__proto__', 'constructor', 'toString'];

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

const tool = (name, more = {}) => (
  { name, input_schema: { type: 'object' }, ...more });
const call = (name, args = {}, id = `call_${name}`) => `tool=${name} `
  + `args=${JSON.stringify(args)} id=${id}`;

/** @returns {object[]} an answer's tool_use blocks, put together */
function calls(events) {
  const blocks = [];
  for (const { type, index, content_block: block, delta } of events) {
    if (type === 'content_block_start') blocks[index] = { ...block, json: '' };
    else if (delta?.type === 'input_json_delta') {
      blocks[index].json += delta.partial_json;
    }
  }
  return blocks.filter(({ type }) => type === 'tool_use')
    .map(({ id, name, json }) => ({ id, name, args: JSON.parse(json) }));
}

async function refused(more, field) {
  const { status, json } = await bridge.ask('hi', more);
  assert.equal(status, 400);
  assert.ok(json.error.message.startsWith(`${field}:`), json.error.message);
}

test('declarations reach the API as they are', async () => {
  const tools = [
    tool('zeta', { description: `${'ö'.repeat(9000)}\n"\\ `, strict: true,
      input_schema: {
        $schema: 'http://json-schema.org/draft-07/schema#', type: 'object',
        anyOf: [{ required: ['a'] }, { required: ['b'] }],
        properties: { b: { $ref: '#/$defs/b' }, a: { pattern: '^\\d+$' },
          c: { enum: [null, 1.5, 1e21, 'x', { y: [] }] }, __proto__: null },
        $defs: { b: { type: ['string', 'null'], maxLength: 9 } },
        additionalProperties: false, 'x-own': { deep: [[[[{}]]]] },
      } }),
    tool('alpha', { description: '' }), tool('A-1_b'),
    tool('n'.repeat(128)),
  ];
  const { status } = await bridge.ask('hi', { tools });
  assert.equal(status, 200);
  const [body, ...more] = bodies(stub);
  assert.equal(more.length, 0);
  assert.equal(JSON.stringify(body.tools), JSON.stringify(tools));
  assert.equal(body.tool_choice, undefined);
});

test('many and large tools', async () => {
  const tools = Array.from({ length: 300 }, (_, i) => tool(`t${i}`,
    { description: `${i} `.repeat(1500) }));
  await bridge.ask('hi', { tools });
  assert.equal(JSON.stringify(bodies(stub)[0].tools), JSON.stringify(tools));
});

test('no tool but the client\'s, no word of Claude Code\'s', async () => {
  const said = async (tools) => {
    stub.clear();
    const { status } = await bridge.ask('hi', { tools });
    assert.equal(status, 200);
    const [{ tools: sent, system, messages }] = bodies(stub);
    assert.deepEqual(sent, tools);
    return JSON.stringify([system.slice(1), messages]);
  };
  const plain = await said([]);
  assert.equal(await said(OWN.map((name) => tool(name))), plain);
  assert.doesNotMatch(plain, /budget|attribution|git commit/i);
});

test('a call of a tool of Claude Code\'s is the client\'s alone', async () => {
  const mark = path.join(tmpdir(), `ran-${process.pid}`);
  rmSync(mark, { force: true });
  const args = { command: `touch ${mark}`, file_path: mark, content: 'x' };
  const how = OWN.map((name) => call(name, args)).join(' ');
  for (const tools of [OWN.map((name) => tool(name)), [tool('other')], []]) {
    stub.clear();
    const { events } = await bridge.ask(`[[stub ${how}]]`, { tools });
    assert.deepEqual(calls(events),
      OWN.map((name) => ({ id: `call_${name}`, name, args })));
    assert.equal(endOf(events).delta.stop_reason, 'tool_use');
    assert.equal(stub.requests().length, 1);
  }
  assert.ok(!existsSync(mark));
});

test('one call, streamed as it comes', async () => {
  const { events } = await bridge.ask(
    `[[stub text=look ${call('w', { at: 'Zürich "1"' })} deltas=4]]`,
    { tools: [tool('w')] });
  assert.equal(textOf(events), 'look');
  const start = events.find(({ index, type }) => index === 1
    && type === 'content_block_start');
  assert.deepEqual(start.content_block,
    { type: 'tool_use', id: 'call_w', name: 'w', input: {} });
  const deltas = events.filter(({ delta }) =>
    delta?.type === 'input_json_delta');
  assert.equal(deltas.length, 5);
  assert.deepEqual(calls(events),
    [{ id: 'call_w', name: 'w', args: { at: 'Zürich "1"' } }]);
  assert.equal(events.at(-1).type, 'message_stop');
});

test('several calls at once; nothing more is asked', async () => {
  const tools = ['a', 'b', 'c'].map((name) => tool(name));
  const { events } = await bridge.ask(`[[stub ${call('c', { x: 1 })} ${
    call('a')} ${call('b', { y: [] })} ${call('a', {}, 'again')}]]`,
  { tools });
  assert.deepEqual(calls(events).map(({ id }) => id),
    ['call_c', 'call_a', 'call_b', 'again']);
  await bridge.ready();
  assert.equal(stub.requests().length, 1);
});

test('without stream: one document', async () => {
  const { json } = await bridge.ask(
    `[[stub thinking=hm ${call('w', { at: [1] })}]]`,
    { stream: false, tools: [tool('w')], thinking: { type: 'adaptive' } });
  assert.equal(json.stop_reason, 'tool_use');
  assert.deepEqual(json.content[1],
    { type: 'tool_use', id: 'call_w', name: 'w', input: { at: [1] } });
});

test('a call that max_tokens cuts', async () => {
  const ask = (stream) => bridge.ask(
    `[[stub ${call('w', { at: 'x'.repeat(100) })}]]`,
    { stream, max_tokens: 9, tools: [tool('w')] });
  const { events } = await ask(true);
  assert.equal(endOf(events).delta.stop_reason, 'max_tokens');
  assert.equal(events.at(-1).type, 'message_stop');
  const { json } = await ask(false);
  assert.equal(json.stop_reason, 'max_tokens');
  assert.deepEqual(json.content[0].input, {});
  assert.equal(stub.requests().length, 2);
});

test('tool_choice reaches the API', async () => {
  const tools = [tool('a'), tool('b')];
  const choices = [
    { type: 'auto' }, { type: 'none' }, { type: 'tool', name: 'b' },
    { type: 'any', disable_parallel_tool_use: true },
  ];
  for (const choice of choices) {
    stub.clear();
    await bridge.ask('hi', { tools, tool_choice: choice });
    assert.deepEqual(bodies(stub)[0].tool_choice, choice);
  }
});

test('tool_choice without tools: only none, which is dropped', async () => {
  await bridge.ask('hi', { tool_choice: { type: 'none' } });
  assert.equal(bodies(stub)[0].tool_choice, undefined);
  await refused({ tool_choice: { type: 'auto' } }, 'tool_choice');
});

test('unsound tools are refused by field', async () => {
  const deep = JSON.parse('{"a":'.repeat(300) + '{}' + '}'.repeat(300));
  const cases = [
    ['tools', {}], ['tools.0', [null]], ['tools.0.name', [tool('')]],
    ['tools.0.name', [tool('a b')]], ['tools.0.name', [tool('é')]],
    ['tools.1.name', [tool('a'), tool('a')]],
    ['tools.0.type', [tool('a', { type: 'web_search_20250305' })]],
    ['tools.0.description', [tool('a', { description: 1 })]],
    ['tools.0.input_schema', [{ name: 'a' }]],
    ['tools.0.input_schema', [tool('a', { input_schema: [] })]],
    ['tools.0.input_schema', [tool('a', { input_schema: deep })]],
    ['tools.0.strict', [tool('a', { strict: 'yes' })]],
    ['tools.0.defer_loading', [tool('a', { defer_loading: true })]],
  ];
  for (const [field, tools] of cases) await refused({ tools }, field);
  for (const [field, choice] of [
    ['tool_choice.type', 'auto'], ['tool_choice.type', { type: 'x' }],
    ['tool_choice.name', { type: 'tool', name: 'b' }],
    ['tool_choice.x', { type: 'auto', x: 1 }],
    ['tool_choice.disable_parallel_tool_use',
      { type: 'any', disable_parallel_tool_use: 1 }],
  ]) await refused({ tools: [tool('a')], tool_choice: choice }, field);
  assert.equal(stub.requests().length, 0);
});

test('six steps of an agent, parallel calls, true history', async () => {
  const tools = [tool('step')];
  const messages = [{ role: 'user', content: [{ type: 'text',
    text: `[[stub text=0 ${call('step', { n: 0 }, 'a0')} ${
      call('step', { n: 0 }, 'b0')}]]` }] }];
  for (let n = 1; n <= 6; n++) {
    stub.clear();
    const { events } = await bridge.ask('', { messages, tools });
    const [body, ...more] = bodies(stub);
    assert.equal(more.length, 0);
    assert.deepEqual(conversation(body), messages);
    const made = calls(events);
    assert.deepEqual(made.map(({ id }) => id), [`a${n - 1}`, `b${n - 1}`]);
    messages.push({ role: 'assistant', content: [
      { type: 'text', text: textOf(events) },
      ...made.map(({ id, name, args }) => (
        { type: 'tool_use', id, name, input: args })),
    ] }, { role: 'user', content: [
      { type: 'tool_result', tool_use_id: `b${n - 1}`, content: 'done' },
      { type: 'tool_result', tool_use_id: `a${n - 1}`, content: [{
        type: 'text', text: `[[stub text=${n} ${
          call('step', { n }, `a${n}`)} ${call('step', { n }, `b${n}`)}]]` }],
      },
    ] });
  }
});

test('what breaks off after a whole call is no finished answer', async () => {
  for (const how of ['truncate=9', 'error=overloaded_error after=9']) {
    const { events } = await bridge.ask(`[[stub ${call('w')} ${how}]]`,
      { tools: [tool('w')] });
    assert.equal(calls(events).length, 1);
    assert.equal(events.at(-1).type, 'error');
  }
});

test('a client that goes while a call is written', async () => {
  const request = bridge.send({
    model: 'claude-sonnet-5-5', max_tokens: 99, stream: true,
    tools: [tool('w')], messages: [{ role: 'user', content: `[[stub ${
      call('w', { at: 'somewhere far away' })} hang=stream after=2]]` }],
  });
  await new Promise((resolve) => {
    request.once('response', (res) => res.once('data', resolve));
  });
  request.on('error', () => {});
  request.destroy();
  await bridge.ready();
  assert.equal(stub.requests().length, 1);
});
