import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import {
  Bridge, finish, question, textOf, TOKEN,
} from './lib/bridge.mjs';

let stub;
let bridge;
before(async () => {
  stub = await startStub();
  bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_MAX_BODY: '1m' });
});
afterEach(() => stub.clear());
after(async () => {
  await bridge?.stop();
  await stub?.close();
});

const UPSTREAM = [
  [400, 400, 'invalid_request_error'],
  [401, 401, 'authentication_error'],
  [403, 403, 'permission_error'],
  [404, 404, 'not_found_error'],
  [413, 413, 'request_too_large'],
  [429, 429, 'rate_limit_error'],
  [500, 500, 'api_error'],
  [503, 502, 'api_error'],
  [529, 529, 'overloaded_error'],
];
for (const [from, status, type] of UPSTREAM) {
  for (const stream of [true, false]) {
    test(`${from} of the API, stream ${stream}: ${status}`, async () => {
      const { json, headers, ...answer } = await bridge.ask(
        `[[stub status=${from} message="at fault"]]`, { stream });
      assert.equal(answer.status, status);
      assert.equal(json.type, 'error');
      assert.equal(json.error.type, type);
      assert.equal(json.request_id, headers['request-id']);
      if (status === 400) assert.match(json.error.message, /at fault/);
      assert.doesNotMatch(answer.text, /sk-ant/);
    });
  }
}

test('a refused credential is tried once', async () => {
  await bridge.ask('[[stub status=401]]');
  await bridge.ready();
  assert.equal(stub.requests().length, 1);
});

test('429 says when the limit resets', async () => {
  const { status, headers, json } = await bridge.ask(
    '[[stub status=429 unified=rejected reset=90]]');
  assert.equal(status, 429);
  const after = Number(headers['retry-after']);
  assert.ok(after > 0 && after <= 90, `retry-after ${after}`);
  const reset = Number(headers['anthropic-ratelimit-unified-reset']);
  assert.ok(json.error.message.includes(new Date(reset * 1000).toISOString()));
});

const BROKEN = {
  cut: 'cut=2',
  'ended early': 'truncate=2',
  garbage: 'garbage=2 truncate=3',
  'without message_delta': 'skip=message_delta',
  'an error event': 'error=overloaded_error',
  'a stop reason of null': 'stop=null',
};
for (const [name, how] of Object.entries(BROKEN)) {
  test(`a stream that is broken (${name}) never looks finished`, async () => {
    const call = bridge.send(
      question(`[[stub deltas=4 hang=stream after=1 ${how}]]`));
    const { status, events, text } = await finish(call, (soFar) => {
      if (soFar.includes('"1 "')) stub.release();
    });
    assert.equal(status, 200);
    assert.equal(events.at(-1).type, 'error');
    assert.equal(events.at(-1).error.type,
      name === 'an error event' ? 'overloaded_error' : 'api_error');
    assert.doesNotMatch(text, /message_stop|message_delta/);
    assert.match(textOf(events), /^1 /);
  });

  test(`without stream (${name}) it is a status`, async () => {
    const { status, json } = await bridge.ask(
      `[[stub deltas=4 ${how}]]`, { stream: false });
    assert.equal(status, name === 'an error event' ? 529 : 502);
    assert.equal(json.type, 'error');
  });
}

test('a connection that is cut before the headers is a 502', async () => {
  const { status, json } = await bridge.ask('[[stub cut=headers]]');
  assert.equal(status, 502);
  assert.equal(json.error.type, 'api_error');
});

const hi = [{ role: 'user', content: 'hi' }];
const block = (...content) => ({ messages: [{ role: 'user', content }] });
const assistant = (content) => ({ role: 'assistant', content });
const REFUSED = {
  model: [{ model: undefined }, { model: '' }, { model: 7 },
    { model: 'a b' }, { model: '-x' }],
  max_tokens: [{ max_tokens: undefined }, { max_tokens: 0 },
    { max_tokens: 1.5 }, { max_tokens: '5' }],
  messages: [{ messages: undefined }, { messages: {} }, { messages: [] },
    { messages: [...hi, assistant('pre')] },
    { messages: [assistant('pre'), ...hi] }],
  'messages.0.role': [{ messages: [null] },
    { messages: [{ role: 'system', content: 'x' }] }],
  'messages.0.content': [{ messages: [{ role: 'user' }] }, block(),
    { messages: [{ role: 'user', content: '' }] },
    { messages: [{ role: 'user', content: ' \n\t' }] }],
  'messages.0.content.0.type': [block(null), block({ type: 'nope' }),
    block({ type: 'tool_use', id: 'a', name: 'b', input: {} }),
    block({ type: 'constructor' })],
  'messages.0.content.0.text': [block({ type: 'text' }),
    block({ type: 'text', text: '  ' })],
  'messages.0.content.0.source': [block({ type: 'image' }),
    block({ type: 'image', source: { type: 'base64',
      media_type: 'image/tiff', data: 'AAAA' } }),
    block({ type: 'image', source: { type: 'base64',
      media_type: 'image/png', data: 'no base64!' } }),
    block({ type: 'image', source: { type: 'base64',
      media_type: 'image/png', data: 'bm90IGFuIGltYWdl' } }),
    block({ type: 'document', source: { type: 'base64',
      media_type: 'application/pdf', data: 'bm90IGEgUERG' } }),
    block({ type: 'image', source: { type: 'url', url: 'file:///etc' } })],
  'messages.1.content.0.input': [{ messages: [...hi,
    assistant([{ type: 'tool_use', id: 'a', name: 'b', input: 'c' }]),
    ...hi] }],
  system: [{ system: 7 }],
  'system.0.type': [{ system: [{ type: 'image' }] }],
  stream: [{ stream: 'yes' }],
  temperature: [{ temperature: 1.1 }, { temperature: '0' }],
  top_p: [{ top_p: -1 }],
  top_k: [{ top_k: 0.5 }],
  stop_sequences: [{ stop_sequences: 'x' }, { stop_sequences: [''] }],
  'thinking.type': [{ thinking: {} }, { thinking: null }],
  'thinking.budget_tokens': [
    { thinking: { type: 'enabled', budget_tokens: 5 } },
    { thinking: { type: 'enabled', budget_tokens: 1024 } }],
  'output_config.effort': [{ output_config: { effort: 'huge' } }],
  'output_config.format': [{ output_config: { format: {} } }],
  metadata: [{ metadata: 'x' }],
  tools: [{ tools: [{ name: 'f' }] }],
  tool_choice: [{ tool_choice: { type: 'auto' } }],
  unheard_of: [{ unheard_of: 1 }],
};
test('400 names the field, and no process is asked', async () => {
  const bound = () => bridge.log.filter(({ state }) => state === 'bound');
  const before = bound().length;
  for (const [field, cases] of Object.entries(REFUSED)) {
    for (const more of cases) {
      const { status, json } = await bridge.post(question('hi', more));
      const what = JSON.stringify(more);
      assert.equal(status, 400, what);
      assert.equal(json.error.type, 'invalid_request_error');
      assert.ok(json.error.message.startsWith(field),
        `${what}: ${json.error.message}`);
    }
  }
  assert.equal(stub.requests().length, 0);
  assert.equal(bound().length, before);
});

test('400 for what is no JSON object in UTF-8', async () => {
  const deep = '['.repeat(300_000);
  const bad = ['', '[]', 'null', '"x"', '{', '{}x', deep, '{"model":1e999',
    Buffer.from('{"a":"\xc0\x80"}', 'latin1')];
  for (const raw of bad) {
    const { status, json } = await bridge.post(raw);
    assert.equal(status, 400);
    assert.equal(json.error.type, 'invalid_request_error');
  }
});

test('413 for a larger body, announced or not', async () => {
  const body = question('x'.repeat(1024 * 1024));
  const announced = await bridge.post(body);
  const chunked = await bridge.post(body, {
    'content-length': undefined, 'transfer-encoding': 'chunked' });
  for (const { status, json } of [announced, chunked]) {
    assert.equal(status, 413);
    assert.equal(json.error.type, 'request_too_large');
  }
});

test('401 without one sound credential', async () => {
  const headers = [
    { authorization: undefined }, { authorization: 'Bearer' },
    { authorization: 'Bearer nonsense' }, { authorization: 'Basic eDp5' },
    { authorization: `Bearer ${TOKEN} x` },
    { 'x-api-key': 'sk-ant-api03-x' },
    { authorization: undefined, 'x-api-key': 'sk-other' },
  ];
  for (const more of headers) {
    const { status, json } = await bridge.ask('hi', {}, more);
    assert.equal(status, 401, JSON.stringify(more));
    assert.equal(json.error.type, 'authentication_error');
  }
  assert.equal(stub.requests().length, 0);
});

test('404 for everything else', async () => {
  for (const path of ['/', '/v1/messages', '/v1/models', '//', '/health/']) {
    const { status, json } = await bridge.get(path);
    assert.equal(status, 404);
    assert.equal(json.error.type, 'not_found_error');
  }
});

test('501 for counting', async () => {
  const call = bridge.open({
    path: '/v1/messages/count_tokens?beta=true', method: 'POST' });
  call.end(JSON.stringify(question('hi')));
  const { status, json } = await finish(call);
  assert.equal(status, 501);
  assert.equal(json.error.type, 'not_supported_error');
  assert.equal(stub.requests().length, 0);
});
