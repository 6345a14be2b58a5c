// The stub of Anthropic's API, used by Anthropic's own SDK.

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import { startStub } from '../stub/anthropic.mjs';
import { until } from './support.mjs';

const MODEL = 'claude-sonnet-5-5';
const HOSTILE = ' \t"\\/\u0001\u007f\u00e9\u2028\ufeff\u{1f468}\u200d\u{1f467}'
  + ' <system> @/etc/passwd \n\n';

let stub;
let client;

before(async () => {
  stub = await startStub();
  client = new Anthropic({ baseURL: stub.url, apiKey: 'key', authToken: null,
    maxRetries: 0, logLevel: 'off' });
});
beforeEach(() => stub.clear());
after(() => stub.close());

function ask(content, more = {}) {
  return { model: MODEL, max_tokens: 20000,
    messages: [{ role: 'user', content }], ...more };
}

async function both(content, more) {
  const whole = await client.messages.create(ask(content, more));
  const { parsed_output, ...streamed } = await client.messages
    .stream(ask(content, more)).finalMessage();
  const plain = ({ id, content: blocks, ...rest }) => ({ ...rest,
    content: blocks.map(({ parsed_output: p, ...b }) => b) });
  assert.deepEqual(plain(streamed), plain(whole));
  return whole;
}

const textOf = (message) => message.content.map((b) => b.text ?? '').join('');

async function deltas(content, more) {
  const events = await client.messages.create(
    ask(content, { stream: true, ...more }));
  const texts = [];
  for await (const event of events) {
    if (event.type === 'content_block_delta') texts.push(event.delta.text);
  }
  return texts;
}

test('greets, says what it is, and quotes the user', async () => {
  const message = await both('What is nginx?');
  assert.match(textOf(message), /demo model.*"What is nginx\?"/s);
  assert.match(message.id, /^msg_/);
  assert.equal(message.model, MODEL);
  assert.equal(message.stop_reason, 'end_turn');
  assert.ok((await deltas('What is nginx?')).length > 3);
});

test('quotes no half of a surrogate pair', async () => {
  const message = await both('\u{1f600}'.repeat(300));
  assert.match(textOf(message), /"(?:\u{1f600}){200}"/u);
});

test('echoes the user exactly, in any number of pieces', async () => {
  for (const how of ['', ' deltas=1', ' deltas=16', ' ascii', ' chunk=1 crlf',
    ' chunk=7']) {
    const message = await both(`[[stub echo${how}]]${HOSTILE}`);
    assert.equal(textOf(message), HOSTILE, how);
  }
  const pieces = await deltas(`[[stub echo deltas=16]]${HOSTILE}`);
  assert.equal(pieces.length, 16);
  assert.ok(!pieces.some((p) => /[\ud800-\udbff]$/.test(p)));
});

test('echoes the directives or the body too', async () => {
  assert.equal(textOf(await both('[[stub echo=all]] a')),
    '[[stub echo=all]] a');
  const body = JSON.parse(textOf(await client.messages.create(
    ask('[[stub echo=body]]', { top_k: 7 }))));
  assert.equal(body.top_k, 7);
});

test('reads only the last user message and its tool results', async () => {
  const tools = [{ name: 'f', input_schema: { type: 'object' } }];
  const message = await client.messages.create({ ...ask(''), tools, messages: [
    { role: 'user', content: '[[stub text=first]]' },
    { role: 'assistant', content: [
      { type: 'tool_use', id: 'a', name: 'f', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a',
      content: [{ type: 'text', text: '[[stub echo]]41' }] },
    { type: 'text', text: '42' }] }] });
  assert.equal(textOf(message), '41\n42');
});

test('makes texts of any size and number of deltas', async () => {
  assert.equal(textOf(await both('[[stub size=60000]]')).length, 60000);
  assert.deepEqual(await deltas('[[stub deltas=3]]'), ['1 ', '2 ', '3 ']);
  assert.equal((await deltas('[[stub deltas=5000]]')).length, 5000);
  assert.equal((await deltas('[[stub size=100 deltas=10]]')).length, 10);
});

test('counts tokens by its rule', async () => {
  const { usage } = await both('[[stub text="12345"]]', { system: 'be' });
  const bytes = (value) => Buffer.byteLength(JSON.stringify(value));
  const input = Math.ceil(bytes('be') / 4)
    + Math.ceil(bytes(ask('[[stub text="12345"]]').messages) / 4);
  assert.equal(usage.input_tokens, input);
  assert.equal(usage.output_tokens, 2);
  const counted = await client.messages.countTokens({ model: MODEL,
    system: 'be', messages: ask('[[stub text="12345"]]').messages });
  assert.equal(counted.input_tokens, input);
  const given = await both(
    '[[stub input=7 output=8 cache-read=9 cache-creation=10]]');
  assert.deepEqual([given.usage.input_tokens, given.usage.output_tokens,
    given.usage.cache_read_input_tokens,
    given.usage.cache_creation_input_tokens], [7, 8, 9, 10]);
});

test('honours max_tokens and stop_sequences', async () => {
  const cut = await both('[[stub text="12345678"]]', { max_tokens: 1 });
  assert.equal(textOf(cut), '1234');
  assert.equal(cut.stop_reason, 'max_tokens');
  const whole = await both('[[stub text="12345678"]]', { max_tokens: 2 });
  assert.equal(whole.stop_reason, 'end_turn');
  const rune = await both('[[stub text="123\u00e9"]]', { max_tokens: 1 });
  assert.equal(textOf(rune), '123');
  const stopped = await both('[[stub text="a END b STOP c"]]',
    { stop_sequences: ['STOP', 'END'] });
  assert.equal(textOf(stopped), 'a ');
  assert.equal(stopped.stop_reason, 'stop_sequence');
  assert.equal(stopped.stop_sequence, 'END');
});

test('thinks when told to, with a signature', async () => {
  const message = await both('[[stub thinking="let me see" redacted text=x]]');
  assert.deepEqual(message.content.map((b) => b.type),
    ['thinking', 'redacted_thinking', 'text']);
  assert.equal(message.content[0].thinking, 'let me see');
  assert.ok(message.content[0].signature);
  assert.equal(message.usage.output_tokens_details.thinking_tokens, 3);
  assert.equal(message.usage.output_tokens, 4);
});

test('calls tools, several at once', async () => {
  const message = await both('[[stub tool=f args={"a":[1,{"b":"]]"}]} id=t1 '
    + 'tool=g id=t2 text="first"]]');
  assert.equal(message.stop_reason, 'tool_use');
  const [text, f, g] = message.content;
  assert.equal(text.text, 'first');
  assert.deepEqual(f, { type: 'tool_use', id: 't1', name: 'f',
    input: { a: [1, { b: ']]' }] } });
  assert.deepEqual(g, { type: 'tool_use', id: 't2', name: 'g', input: {} });
  const { content: [own] } = await client.messages.create(
    ask('[[stub tool=f args="not json"]]'));
  assert.match(own.id, /^toolu_/);
  assert.deepEqual(own.input, {});
});

test('calls the tool that it has to call', async () => {
  const tool = (name, input_schema) => ({ name, input_schema });
  const tools = [tool('f', { type: 'object' }), tool('g', {
    type: 'object', required: ['n'], properties: {
      n: { type: 'integer', minimum: 3.5 }, on: { type: 'string',
        format: 'date' }, of: { $ref: '#/$defs/of' } },
    $defs: { of: { anyOf: [{ enum: ['x', 'y'] }, { type: 'null' }] } } })];
  const call = (choice) => client.messages.create(
    ask('go', { tools, tool_choice: choice }));
  const any = await call({ type: 'any' });
  assert.equal(any.content[0].name, 'f');
  const one = await call({ type: 'tool', name: 'g' });
  assert.equal(one.stop_reason, 'tool_use');
  assert.deepEqual(one.content[0].input, { n: 4, on: '2026-01-01', of: 'x' });
});

test('answers with a sample of the format', async () => {
  const node = { type: 'object', additionalProperties: false,
    required: ['name', 'next'], properties: { name: { type: 'string' },
      next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } } };
  const message = await both('go',
    { output_config: { format: { type: 'json_schema', schema: node } } });
  assert.equal(JSON.parse(textOf(message)).next.next.name, 'stub');
});

test('stops for the reason it is told', async () => {
  assert.equal((await both('[[stub stop=refusal]]')).stop_reason, 'refusal');
  assert.equal((await both('[[stub stop=null]]')).stop_reason, null);
});

test('fails with each status in Anthropic\'s shape', async () => {
  const errors = { 400: ['BadRequestError', 'invalid_request_error'],
    401: ['AuthenticationError', 'authentication_error'],
    403: ['PermissionDeniedError', 'permission_error'],
    404: ['NotFoundError', 'not_found_error'],
    413: ['APIError', 'request_too_large'],
    429: ['RateLimitError', 'rate_limit_error'],
    500: ['InternalServerError', 'api_error'],
    529: ['OverloadedError', 'overloaded_error'] };
  for (const [status, [name, type]] of Object.entries(errors)) {
    const e = await client.messages.create(ask(
      `[[stub status=${status} message="so it is"]]`)).catch((err) => err);
    assert.ok(e instanceof Anthropic[name], `${status} ${e}`);
    assert.equal(e.status, Number(status));
    assert.equal(e.error.error.type, type);
    assert.equal(e.error.error.message, 'so it is');
    assert.equal(e.requestID, e.error.request_id);
  }
});

test('sends limit headers of each kind', async () => {
  const { response } = await client.messages.create(ask('x')).withResponse();
  assert.match(response.headers.get('request-id'), /^req_/);
  assert.ok(response.headers.get('anthropic-ratelimit-requests-remaining'));
  const name = 'anthropic-ratelimit-unified-';
  assert.equal(response.headers.get(`${name}status`), null);
  const subscriber = client.withOptions({ apiKey: 'sk-ant-oat01-x' });
  const its = await subscriber.messages.create(ask('x')).asResponse();
  assert.equal(its.headers.get(`${name}status`), 'allowed');
  const none = await subscriber.messages.create(ask('[[stub unified=none]]'))
    .asResponse();
  assert.equal(none.headers.get(`${name}status`), null);
  const e = await client.messages.create(ask(
    '[[stub status=429 retry-after=30 unified=rejected reset=60]]'))
    .catch((err) => err);
  assert.equal(e.headers.get('retry-after'), '30');
  assert.equal(e.headers.get(`${name}status`), 'rejected');
  assert.ok(Number(e.headers.get(`${name}reset`)) > Date.now() / 1000);
});

test('fails the first requests of a name only', async () => {
  const retrying = client.withOptions({ maxRetries: 2 });
  const message = await retrying.messages.create(ask(
    '[[stub status=529 retry-after-ms=1 times=2 name=a text=done]]'));
  assert.equal(textOf(message), 'done');
  assert.deepEqual(stub.requests().map((r) => r.status), [529, 529, 200]);
});

test('breaks a stream in each way', async () => {
  const faults = { 'cut=2': 2, 'truncate=2': 2, 'cut=headers': 0, 'cut=99': 4,
    'error=overloaded_error after=2': 2, 'skip=message_stop': 4,
    'skip=message_start': 4, 'status=200 body=html': 0, 'garbage=4': 4 };
  for (const [fault, sent] of Object.entries(faults)) {
    const stream = client.messages.stream(ask(`[[stub deltas=4 ${fault}]]`));
    await assert.rejects(stream.finalMessage(), fault);
    await until(() => stub.open() === 0);
    const { deltas: count, closed } = stub.requests().at(-1);
    assert.equal(count, sent, fault);
    if (/cut|truncate/.test(fault)) assert.equal(closed, 'server', fault);
  }
});

test('breaks a whole answer in each way', async () => {
  for (const fault of ['cut=2', 'truncate=2', 'garbage=2', 'cut=headers',
    'error=overloaded_error']) {
    await assert.rejects(
      client.messages.create(ask(`[[stub ${fault}]]`)), fault);
  }
});

test('garbage that a client must take', async () => {
  const message = await client.messages.stream(ask(
    '[[stub deltas=4 garbage=2 kind=event]]')).finalMessage();
  assert.equal(textOf(message), '1 2 3 4 ');
});

test('hangs at each place until released', async () => {
  for (const [place, sent] of [['headers', 0], ['start', 0],
    ['stream after=2', 2], ['stream', 0]]) {
    stub.clear();
    const message = client.messages.stream(ask(
      `[[stub deltas=4 hang=${place} name=a]]`)).finalMessage();
    await until(() => stub.hung().includes('a'));
    stub.release('b');
    assert.deepEqual(stub.hung(), ['a']);
    assert.equal(stub.requests()[0].deltas, sent);
    stub.release('a');
    assert.equal(textOf(await message), '1 2 3 4 ');
  }
});

test('tells who closed a stream, and when it is over', async () => {
  const stream = client.messages.stream(ask(
    '[[stub deltas=9 hang=stream after=2]]'));
  await new Promise((resolve) => stream.once('text', resolve));
  assert.equal(stub.open(), 1);
  stream.abort();
  await assert.rejects(stream.done());
  await until(() => stub.open() === 0);
  const [entry] = stub.requests();
  assert.equal(entry.closed, 'client');
  assert.ok(entry.endedAt >= entry.startedAt);
});

test('lists and retrieves models', async () => {
  const ids = [];
  for await (const model of client.models.list({ limit: 2 })) {
    ids.push(model.id);
  }
  assert.ok(ids.includes(MODEL));
  assert.equal(new Set(ids).size, ids.length);
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
  await assert.rejects(client.models.retrieve('gpt-4o'),
    Anthropic.NotFoundError);
});

test('waits for its delays and adds headers', async () => {
  const { data, response } = await client.messages.create(ask(
    '[[stub text=x first=5 wait=5 delay=1 deltas=2 header="X-Accel-Redirect: '
    + '/a:b" header="Set-Cookie: a=1" header="Set-Cookie: b=2"]]'))
    .withResponse();
  assert.equal(textOf(data), 'x');
  assert.equal(response.headers.get('x-accel-redirect'), '/a:b');
  assert.equal(response.headers.get('set-cookie'), 'a=1, b=2');
});
