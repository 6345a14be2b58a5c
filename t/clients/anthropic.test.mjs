// The official `@anthropic-ai/sdk`: messages whole and streamed, tools and
// their runner, thinking, documents, schemas, counts, errors, models.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';

import { HOSTILE_TEXT, PIXEL, makeMark, surroundings, watchedFetch }
  from './support.mjs';

const { baseURL: v1, apiKey, limitedURL, stub } = surroundings();
const baseURL = v1.replace(/\/v1$/, '');
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
const model = 'claude-sonnet-5-5';
const schema = { type: 'object', properties: { city: { type: 'string' } },
  required: ['city'], additionalProperties: false };
const weather = { name: 'weather', description: 'Tells it',
  input_schema: { $schema: 'http://json-schema.org/draft-07/schema#',
    ...schema } };

const ask = (content, more = {}) => ({ model, max_tokens: 4096,
  messages: [{ role: 'user', content }], ...more });
const whole = (...args) => client.messages.create(ask(...args));
const textOf = ({ content }) => content.map(({ text }) => text ?? '').join('');

test('a whole message has every field, and true usage', async () => {
  const answer = await whole('[[stub text="Hello there" input=11 output=7 '
    + 'cache-read=5 cache-creation=3]]');
  assert.match(answer.id, /^msg_/);
  assert.deepEqual([answer.type, answer.role, answer.model, textOf(answer),
    answer.stop_reason, answer.stop_sequence],
  ['message', 'assistant', model, 'Hello there', 'end_turn', null]);
  const { usage } = answer;
  assert.deepEqual([usage.input_tokens, usage.output_tokens,
    usage.cache_read_input_tokens, usage.cache_creation_input_tokens],
  [11, 7, 5, 3]);
  assert.ok(answer._request_id);
});

test('an alias is answered by its name', async () => {
  assert.equal((await whole('x', { model: 'haiku' })).model, 'haiku');
});

test('a bearer is as good as x-api-key', async () => {
  const bearer = new Anthropic({ baseURL, authToken: apiKey, apiKey: null,
    maxRetries: 0 });
  assert.equal(textOf(await bearer.messages.create(ask('[[stub text=x]]'))),
    'x');
});

test('a stream is the message that its helper makes of it', async () => {
  const stream = client.messages.stream(
    ask('[[stub text="Hello there" deltas=4 thinking="So be it"]]',
      { thinking: { type: 'enabled', budget_tokens: 1024 } }));
  const types = [];
  stream.on('streamEvent', ({ type }) => types.push(type));
  const answer = await stream.finalMessage();
  assert.deepEqual(answer.content.map(({ type }) => type),
    ['thinking', 'text']);
  assert.equal(answer.content[0].thinking, 'So be it');
  assert.ok(answer.content[0].signature);
  assert.equal(textOf(answer), 'Hello there');
  assert.equal(answer.usage.output_tokens, 5);
  assert.equal(types.at(0), 'message_start');
  assert.equal(types.at(-1), 'message_stop');
  assert.equal(types.filter((t) => t === 'content_block_stop').length, 2);
  assert.ok(stream.request_id);
});

test('texts are passed on to the byte, each way', async () => {
  const answer = await whole([{ type: 'text', text: '[[stub echo]]' },
    { type: 'text', text: HOSTILE_TEXT, cache_control: { type: 'ephemeral' } },
  ], { system: [{ type: 'text', text: 'Be.',
    cache_control: { type: 'ephemeral' } }] });
  assert.ok(textOf(answer).includes(HOSTILE_TEXT));
  const mark = makeMark();
  await whole(`${mark} ${HOSTILE_TEXT}`);
  const [{ body }] = await stub.requests(mark);
  assert.ok(JSON.stringify(body.messages).includes(
    JSON.stringify(HOSTILE_TEXT).slice(1, -1)));
});

test('a tool is called, and its result goes back by its id', async () => {
  const mark = makeMark();
  const tools = [weather];
  const asked = { role: 'user', content: `${mark} [[stub tool=weather `
    + 'args={"city":"Rome"} id=toolu_a tool=weather args={"city":"Oslo"} '
    + 'id=toolu_b thinking]]' };
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const first = await client.messages.create({ model, max_tokens: 4096,
    messages: [asked], tools, thinking });
  assert.equal(first.stop_reason, 'tool_use');
  assert.deepEqual(first.content.slice(1), [['a', 'Rome'], ['b', 'Oslo']].map(
    ([id, city]) => ({ type: 'tool_use', id: `toolu_${id}`, name: 'weather',
      input: { city } })));
  const second = await client.messages.create({ model, max_tokens: 4096,
    tools, thinking, messages: [asked,
      { role: 'assistant', content: first.content },
      { role: 'user', content: [
        { type: 'tool_result', tool_use_id: 'toolu_b', content: 'cold',
          cache_control: { type: 'ephemeral' } },
        { type: 'tool_result', tool_use_id: 'toolu_a', content: [
          { type: 'text', text: '[[stub text=Warm]]' },
          { type: 'image', source: { type: 'base64', media_type: 'image/png',
            data: PIXEL } }] }] }] });
  assert.equal(textOf(second), 'Warm');
  const { body } = (await stub.requests(mark)).at(-1);
  const turns = body.messages.filter(({ role }) => role !== 'system');
  assert.deepEqual(turns[1].content[0], first.content[0]);
  const results = turns[2].content.filter(({ type }) =>
    type === 'tool_result');
  assert.deepEqual(results.map((r) => r.tool_use_id),
    ['toolu_b', 'toolu_a']);
  assert.deepEqual(body.tools.map(({ name, input_schema: input }) =>
    ({ name, input })),
  [{ name: 'weather', input: weather.input_schema }]);
});

test('a call is streamed as it comes', async () => {
  const stream = client.messages.stream(ask('[[stub tool=weather '
    + 'args={"city":"Rome, \\"eternal\\""} deltas=5]]', { tools: [weather] }));
  let json = '';
  stream.on('inputJson', (partial) => { json += partial; });
  const answer = await stream.finalMessage();
  assert.deepEqual(answer.content.at(-1).input, { city: 'Rome, "eternal"' });
  assert.deepEqual(JSON.parse(json), answer.content.at(-1).input);
});

test('the tool runner runs to the end', async () => {
  const seen = [];
  const tool = betaTool({ name: 'weather', description: 'Tells it',
    inputSchema: schema, run: async ({ city }) => {
      seen.push(city);
      return `[[stub text="It rains in ${city}"]]`;
    } });
  for (const stream of [false, true]) {
    // it tries a thread first, which the server would keep
    const runner = client.beta.messages.toolRunner({ model, max_tokens: 999,
      tools: [tool], stream, betas: ['none-that-there-is-2030-01-01'],
      messages: [{ role: 'user', content:
        '[[stub tool=weather args={"city":"Rome"}]]' }] });
    assert.equal(textOf(await runner.runUntilDone()), 'It rains in Rome');
  }
  assert.deepEqual(seen, ['Rome', 'Rome']);
});

test('a choice of a tool holds', async () => {
  const answer = await whole('x', { tools: [weather],
    tool_choice: { type: 'tool', name: 'weather',
      disable_parallel_tool_use: true } });
  assert.equal(answer.content.at(-1).name, 'weather');
});

test('documents and images arrive', async () => {
  const mark = makeMark();
  const pdf = Buffer.from('%PDF-1.4\n%%EOF\n').toString('base64');
  await whole([{ type: 'text', text: mark },
    { type: 'document', title: 'Plain', source: { type: 'text',
      media_type: 'text/plain', data: 'some text' } },
    { type: 'document', source: { type: 'base64',
      media_type: 'application/pdf', data: pdf } },
    { type: 'image', source: { type: 'base64', media_type: 'image/png',
      data: PIXEL } }]);
  const [{ body }] = await stub.requests(mark);
  const sent = JSON.stringify(body.messages);
  for (const part of ['some text', 'Plain', pdf, PIXEL]) {
    assert.ok(sent.includes(part), part.slice(0, 20));
  }
});

test('an answer fits the schema that was asked for', async () => {
  const answer = await whole('x', { output_config: {
    format: { type: 'json_schema', schema } } });
  assert.deepEqual(Object.keys(JSON.parse(textOf(answer))), ['city']);
});

test('stop sequences and max_tokens end an answer', async () => {
  const { stop_reason: reason, stop_sequence: sequence } = await whole(
    '[[stub text="one two three"]]', { stop_sequences: ['three'] });
  assert.deepEqual([reason, sequence], ['stop_sequence', 'three']);
  assert.equal((await whole('[[stub size=400]]', { max_tokens: 5 }))
    .stop_reason, 'max_tokens');
});

test('tokens are counted', async () => {
  const { input_tokens: few } = await client.messages.countTokens(
    { model, messages: [{ role: 'user', content: 'x' }] });
  const { input_tokens: many } = await client.messages.countTokens(
    { model, system: 'x'.repeat(7000), tools: [weather],
      messages: [{ role: 'user', content: 'x' }] });
  assert.ok(few > 0 && few < 100);
  assert.ok(many > 1700 && many < 4000);
});

test('models are listed', async () => {
  const all = [];
  for await (const { id } of client.models.list({ limit: 1000 })) {
    all.push(id);
  }
  assert.ok(all.includes('sonnet'));
  await fails('NotFoundError', 404, client.models.retrieve('none'));
});

async function fails(name, status, promise) {
  const e = await promise.then(() => assert.fail(`no ${name}`), (err) => err);
  assert.ok(e instanceof Anthropic[name], `${name}: ${e}`);
  assert.equal(e.status, status);
  assert.equal(e.error?.type, 'error');
  assert.equal(e.error.request_id, e.requestID);
  assert.ok(e.requestID);
  assert.ok(!e.message.includes(apiKey));
  return e;
}

test('errors are those of its classes', async () => {
  const stranger = new Anthropic({ baseURL, apiKey: 'sk-none', maxRetries: 0 });
  await fails('AuthenticationError', 401, stranger.messages.create(ask('x')));
  await fails('NotFoundError', 404, whole('x', { model: 'none' }));
  await fails('BadRequestError', 400, whole([]));
  const e = await fails('BadRequestError', 400, whole('x', { tools: [
    { type: 'web_search_20250305', name: 'web_search' }] }));
  assert.match(e.message, /web search is not served/);
  await fails('RateLimitError', 429,
    whole('[[stub status=429 type=rate_limit_error retry-after=1]]'));
  await fails('InternalServerError', 502,
    whole('[[stub status=500 type=api_error]]'));
});

test('an address that asks too often is told when to come back', async () => {
  const watched = watchedFetch();
  const limited = new Anthropic({ apiKey, maxRetries: 5,
    baseURL: limitedURL.replace(/\/limited$/, ''), fetch: (url, init) =>
      watched.fetch(String(url).replace('/v1/', '/limited/'), init) });
  const answers = await Promise.all(Array.from({ length: 3 }, () =>
    limited.messages.create(ask('[[stub text=x]]'))));
  assert.deepEqual(answers.map(textOf), ['x', 'x', 'x']);
});

test('a stream that breaks off is no answer', async () => {
  for (const fault of ['error=overloaded_error after=2', 'cut=2',
    'truncate=2']) {
    const stream = client.messages.stream(
      ask(`[[stub text="a b c d" deltas=4 ${fault}]]`));
    const e = await stream.finalMessage().then(() => assert.fail(fault),
      (err) => err);
    assert.ok(e instanceof Anthropic.APIError, `${fault}: ${e}`);
    assert.match(e.message, fault[0] === 'e' ? /overloaded/ : /_error/);
  }
});
