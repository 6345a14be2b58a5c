// The official `openai` client: chats, whole and streamed, and models.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { HOSTILE_TEXT, PIXEL, makeMark, surroundings, turns, watchedFetch }
  from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = 'claude-sonnet-5-5';

function ask(content, more = {}) {
  return { model, messages: [{ role: 'user', content }], ...more };
}

const whole = (...args) => client.chat.completions.create(ask(...args));

async function chunks(content, more) {
  const stream = await client.chat.completions.create(
    ask(content, { ...more, stream: true }));
  const all = [];
  for await (const chunk of stream) all.push(chunk);
  return all;
}

const textOf = (all) => all
  .map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

test('a whole answer has every field, and true usage', async () => {
  const answer = await whole('[[stub text="Hello there" input=11 output=7 '
    + 'cache-read=5 cache-creation=3]]');
  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.object, 'chat.completion');
  assert.ok(Number.isInteger(answer.created) && answer.created > 1.7e9);
  assert.equal(answer.model, model);
  const [{ index, message, finish_reason: finish, logprobs }, ...others]
    = answer.choices;
  assert.deepEqual(others, []);
  assert.deepEqual([index, finish, logprobs], [0, 'stop', null]);
  assert.deepEqual(message,
    { role: 'assistant', content: 'Hello there', refusal: null });
  const { prompt_tokens: input, completion_tokens: output,
    total_tokens: total, prompt_tokens_details: details } = answer.usage;
  assert.deepEqual([input, output, total], [19, 7, 26]);
  assert.equal(details.cached_tokens, 5);
  assert.ok(answer._request_id);
});

test('a streamed answer is made of sound chunks', async () => {
  const all = await chunks('[[stub text="Hello there" deltas=4]]');
  const [first] = all;
  for (const chunk of all) {
    assert.equal(chunk.object, 'chat.completion.chunk');
    assert.equal(chunk.model, model);
    assert.deepEqual([chunk.id, chunk.created], [first.id, first.created]);
    assert.equal(chunk.choices.length, 1);
    assert.equal(chunk.choices[0].index, 0);
    assert.equal(chunk.usage, undefined);
  }
  assert.match(first.id, /^chatcmpl-/);
  assert.deepEqual(first.choices[0].delta, { role: 'assistant', content: '' });
  assert.equal(textOf(all), 'Hello there');
  assert.equal(all.filter((c) => c.choices[0].delta.content).length, 4);
  assert.deepEqual(all.map((c) => c.choices[0].finish_reason),
    [...Array(all.length - 1).fill(null), 'stop']);
  assert.deepEqual(all.at(-1).choices[0].delta, {});
});

test('include_usage ends a stream with the usage', async () => {
  const all = await chunks('[[stub text=x input=11 output=7 cache-read=5]]',
    { stream_options: { include_usage: true } });
  const last = all.pop();
  assert.deepEqual(last.choices, []);
  assert.deepEqual([last.usage.prompt_tokens, last.usage.completion_tokens,
    last.usage.total_tokens, last.usage.prompt_tokens_details.cached_tokens],
  [16, 7, 23, 5]);
  for (const chunk of all) assert.equal(chunk.usage, null);
  assert.equal(all.at(-1).choices[0].finish_reason, 'stop');
});

test('the streaming helper puts the answer together', async () => {
  const stream = client.chat.completions.stream(ask(
    '[[stub text="a b c" deltas=3 output=4]]',
    { stream_options: { include_usage: true } }));
  const answer = await stream.finalChatCompletion();
  assert.equal(answer.choices[0].message.content, 'a b c');
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.usage.completion_tokens, 4);
});

test('text goes and comes exactly', async () => {
  const content = `[[stub echo deltas=40]]${HOSTILE_TEXT}`;
  const answer = await whole(content);
  assert.equal(answer.choices[0].message.content, HOSTILE_TEXT);
  assert.equal(textOf(await chunks(content)), HOSTILE_TEXT);
});

test('long answers arrive whole', async () => {
  const all = await chunks('[[stub deltas=5000]]', { max_tokens: 20000 });
  const counted = Array.from({ length: 5000 }, (_, i) => `${i + 1} `).join('');
  assert.equal(textOf(all), counted);
  const answer = await whole('[[stub size=400000]]', { max_tokens: 128000 });
  assert.equal(answer.choices[0].message.content.length, 400000);
  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('system and developer messages become the system prompt', async () => {
  const mark = makeMark();
  await client.chat.completions.create({ model, messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
    { role: 'user', content: mark }] });
  const [{ body }] = await stub.requests(mark);
  const system = body.system.map((block) => block.text).join('\n');
  assert.match(system, /Be brief\.\s+Be kind\./);
  assert.deepEqual(turns(body.messages), [['user', mark]]);
});

test('history keeps its roles', async () => {
  const mark = makeMark();
  await client.chat.completions.create({ model, messages: [
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'two' },
    { role: 'user', content: [{ type: 'text', text: 'three' }] },
    { role: 'assistant', content: [{ type: 'text', text: 'four' }] },
    { role: 'user', content: mark }] });
  const [{ body }] = await stub.requests(mark);
  assert.deepEqual(turns(body.messages), [['user', 'one'],
    ['assistant', 'two'], ['user', 'three'], ['assistant', 'four'],
    ['user', mark]]);
});

test('images arrive as they are', async () => {
  const mark = makeMark();
  const url = 'https://images.example/a.png?b=c&d=%20';
  const answer = await whole([
    { type: 'text', text: `${mark} [[stub text=seen]]` },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${PIXEL}` } },
    { type: 'image_url', image_url: { url, detail: 'low' } }]);
  assert.equal(answer.choices[0].message.content, 'seen');
  const [{ body }] = await stub.requests(mark);
  const sources = body.messages.flatMap(({ content }) => content)
    .filter(({ type }) => type === 'image').map(({ source }) => source);
  assert.deepEqual(sources, [
    { type: 'base64', media_type: 'image/png', data: PIXEL },
    { type: 'url', url }]);
});

test('max_tokens and stop end an answer', async () => {
  const cut = await whole('[[stub text=12345678901234567890123]]',
    { max_tokens: 1000, max_completion_tokens: 5 });
  assert.equal(cut.choices[0].message.content, '12345678901234567890');
  assert.equal(cut.choices[0].finish_reason, 'length');
  assert.equal(cut.usage.completion_tokens, 5);
  const all = await chunks('[[stub text="a STOP b"]]', { stop: 'STOP' });
  assert.equal(textOf(all), 'a ');
  assert.equal(all.at(-1).choices[0].finish_reason, 'stop');
});

test('a refusal is content_filter', async () => {
  const all = await chunks('[[stub text=No stop=refusal]]');
  assert.equal(all.at(-1).choices[0].finish_reason, 'content_filter');
});

test('thinking is reasoning_content, and effort arrives', async () => {
  const mark = makeMark();
  const all = await chunks(
    `[[stub thinking="let me see" text=done]] ${mark}`,
    { reasoning_effort: 'high' });
  const thought = all.map((c) => c.choices[0].delta.reasoning_content ?? '');
  assert.equal(thought.join(''), 'let me see');
  assert.equal(textOf(all), 'done');
  const [{ body }] = await stub.requests(mark);
  assert.equal(body.output_config.effort, 'high');
});

test('takes and ignores what has no meaning here', async () => {
  const answer = await whole('[[stub text=fine]]', { user: 'someone',
    store: false, metadata: { a: 'b' }, seed: 1, n: 1, temperature: 0.2,
    top_p: 0.9, presence_penalty: 0.1, frequency_penalty: 0.1, stop: null,
    logit_bias: { 50256: -100 }, service_tier: 'auto', stream_options: null,
    response_format: { type: 'text' }, prompt_cache_key: 'k',
    safety_identifier: 's', unheard_of: [{}] });
  assert.equal(answer.choices[0].message.content, 'fine');
});

test('requests at once get their own answers', async () => {
  const marks = Array.from({ length: 4 }, makeMark);
  const answers = await Promise.all(marks.map((mark) => chunks(
    `[[stub echo deltas=8]]${mark}`)));
  assert.deepEqual(answers.map(textOf), marks);
  assert.equal(new Set(answers.map(([first]) => first.id)).size, 4);
});

test('leaving a stream stops the model', async () => {
  const mark = makeMark();
  const stream = await client.chat.completions.create(ask(
    `[[stub deltas=9 hang=stream after=2 name=${mark}]]`, { stream: true }));
  let text = '';
  for await (const chunk of stream) {
    text += chunk.choices[0].delta.content ?? '';
    if (text === '1 2 ') break;
  }
  assert.equal((await stub.ended(mark)).closed, 'client');
});

test('aborting before the first byte stops the model', async () => {
  for (const stream of [true, false]) {
    const mark = makeMark();
    const abort = new AbortController();
    const answer = client.chat.completions.create(
      ask(`[[stub hang=headers name=${mark}]]`, { stream }),
      { signal: abort.signal });
    const failed = assert.rejects(answer, OpenAI.APIUserAbortError);
    await stub.hangs(mark);
    abort.abort();
    await failed;
    assert.equal((await stub.ended(mark)).closed, 'client');
  }
});

test('models are listed, can be retrieved, and answer', async () => {
  const ids = [];
  for await (const { id, object, created, owned_by: owner }
    of client.models.list()) {
    ids.push(id);
    assert.equal(object, 'model');
    assert.ok(Number.isInteger(created));
    assert.equal(typeof owner, 'string');
  }
  assert.ok(ids.length > 0);
  for (const id of ids) {
    assert.equal((await client.models.retrieve(id)).id, id);
  }
  const answer = await whole('[[stub text=here]]', { model: ids[0] });
  assert.equal(answer.model, ids[0]);
  assert.equal(answer.choices[0].message.content, 'here');
});

test('every answer has a request id of its own', async () => {
  const ids = new Set();
  for (let i = 0; i < 3; i++) {
    const { response } = await client.models.list().withResponse();
    ids.add(response.headers.get('x-request-id'));
  }
  assert.equal(ids.size, 3);
  assert.ok(!ids.has(null));
});

test('a connection is used again', async () => {
  const { fetch, statuses } = watchedFetch();
  const watched = client.withOptions({ fetch });
  for (let i = 0; i < 5; i++) await watched.models.retrieve(model);
  assert.deepEqual(statuses, [200, 200, 200, 200, 200]);
});
