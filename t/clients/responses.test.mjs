// The official `openai` client's responses: whole, streamed, put together by
// its helpers, with thinking and calls that go on in the next request.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';
import { zodResponsesFunction, zodTextFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import { HOSTILE_TEXT, PIXEL, makeMark, surroundings } from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = 'claude-sonnet-5-5';
const City = z.object({ city: z.string() });
const weather = zodResponsesFunction({ name: 'weather', parameters: City,
  description: 'Tells it' });

const whole = (input, more = {}) =>
  client.responses.create({ model, input, ...more });

async function events(input, more = {}) {
  const stream = await whole(input, { ...more, stream: true });
  const all = [];
  for await (const event of stream) all.push(event);
  assert.deepEqual(all.map((event) => event.sequence_number),
    all.map((_, i) => i));
  return all;
}

const kinds = (all) => all.map(({ type }) => type.replace('response.', ''))
  .filter((type, i, types) => type !== types[i - 1]);

test('a whole response has every field, and true usage', async () => {
  const answer = await whole('[[stub text="Hello there" input=11 output=7 '
    + 'cache-read=5 cache-creation=3]]', { metadata: { a: 'b' } });
  assert.match(answer.id, /^resp_/);
  assert.equal(answer.output_text, 'Hello there');
  assert.deepEqual([answer.object, answer.status, answer.model, answer.error,
    answer.incomplete_details, answer.store],
  ['response', 'completed', model, null, null, false]);
  assert.deepEqual(answer.metadata, { a: 'b' });
  assert.ok(Number.isInteger(answer.created_at));
  const { usage } = answer;
  assert.deepEqual([usage.input_tokens, usage.output_tokens,
    usage.total_tokens, usage.input_tokens_details.cached_tokens],
  [19, 7, 26, 5]);
  assert.ok(answer._request_id);
});

test('a stream has every event of a text', async () => {
  const all = await events('[[stub text="Hello there" deltas=4]]');
  assert.deepEqual(kinds(all), ['created', 'in_progress',
    'output_item.added', 'content_part.added', 'output_text.delta',
    'output_text.done', 'content_part.done', 'output_item.done',
    'completed']);
  assert.equal(all.map(({ delta }) => delta ?? '').join(''), 'Hello there');
  assert.equal(all.at(-1).response.output[0].content[0].text, 'Hello there');
});

test('the streaming helper puts the response together', async () => {
  const stream = client.responses.stream({ model,
    input: '[[stub text="a b c" deltas=3 output=4]]' });
  const deltas = [];
  stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
  const answer = await stream.finalResponse();
  assert.equal(answer.output_text, 'a b c');
  assert.equal(deltas.join(''), 'a b c');
  assert.equal(answer.usage.output_tokens, 4);
});

test('text goes and comes exactly', async () => {
  const input = `[[stub echo deltas=40]]${HOSTILE_TEXT}`;
  assert.equal((await whole(input)).output_text, HOSTILE_TEXT);
});

test('instructions and items become a conversation', async () => {
  const mark = makeMark();
  await whole([
    { role: 'developer', content: 'Be kind.' },
    { role: 'user', content: [{ type: 'input_text', text: `one ${mark}` },
      { type: 'input_image', detail: 'low',
        image_url: `data:image/png;base64,${PIXEL}` }] },
    { type: 'message', role: 'assistant', id: 'msg_1', status: 'completed',
      content: [{ type: 'output_text', text: 'two', annotations: [] }] },
    { role: 'user', content: 'three' },
  ], { instructions: 'Be brief.' });
  const [{ body }] = await stub.requests(mark);
  const system = body.system.map((block) => block.text).join('\n');
  assert.match(system, /Be brief\.\s+Be kind\./);
  assert.deepEqual(body.messages.filter(({ role }) => role !== 'system')
    .map(({ role }) => role), ['user', 'assistant', 'user']);
  assert.ok(JSON.stringify(body.messages[0]).includes('"image"'));
});

test('parse gives what the schema has', async () => {
  const answer = await client.responses.parse({ model,
    input: '[[stub text="{\\"city\\":\\"Oslo\\"}"]]',
    text: { format: zodTextFormat(City, 'city') } });
  assert.deepEqual(answer.output_parsed, { city: 'Oslo' });
});

test('parse gives a call\'s arguments', async () => {
  const answer = await client.responses.parse({ model, tools: [weather],
    input: '[[stub tool=weather args={"city":"Oslo"}]]' });
  const [call] = answer.output.filter(({ type }) => type === 'function_call');
  assert.deepEqual([call.name, call.parsed_arguments],
    ['weather', { city: 'Oslo' }]);
  assert.equal(call.status, 'completed');
});

test('calls are streamed, and their outputs go back', async () => {
  const mark = makeMark();
  const input = [{ role: 'user', content: `${mark} [[stub `
    + 'tool=weather args={"city":"Oslo"} tool=weather args={"city":"Rome"} '
    + 'thinking="Which one"]]' }];
  const settings = { tools: [weather], include:
    ['reasoning.encrypted_content'], reasoning: { summary: 'auto' } };
  const all = await events(input, settings);
  assert.deepEqual(kinds(all).slice(-1), ['completed']);
  const items = all.filter(({ type }) => type === 'response.output_item.done')
    .map(({ item }) => item);
  assert.deepEqual(items.map(({ type }) => type),
    ['reasoning', 'function_call', 'function_call']);
  assert.equal(items[0].summary[0].text, 'Which one');
  assert.ok(items[0].encrypted_content);
  const outputs = items.slice(1).reverse().map((call) => ({
    type: 'function_call_output', call_id: call.call_id,
    output: `[[stub text="It rains in ${JSON.parse(call.arguments).city}"]]`,
  }));
  const answer = await whole([...input, ...items, ...outputs], settings);
  assert.equal(answer.output_text, 'It rains in Oslo');
  const { body } = (await stub.requests(mark)).at(-1);
  const blocks = body.messages.flatMap(({ content }) =>
    (Array.isArray(content) ? content : []));
  const thought = blocks.find(({ type }) => type === 'thinking');
  assert.equal(thought.thinking, 'Which one');
  assert.ok(thought.signature);
  assert.deepEqual(blocks.filter(({ type }) => type === 'tool_use')
    .map(({ input: { city } }) => city), ['Oslo', 'Rome']);
});

test('a limit makes a response incomplete', async () => {
  const answer = await whole('[[stub text="a b" stop=max_tokens]]');
  assert.deepEqual([answer.status, answer.incomplete_details.reason],
    ['incomplete', 'max_output_tokens']);
});

test('a broken stream ends in a failed response', async () => {
  for (const fault of ['cut=2', 'error=overloaded_error']) {
    const mark = makeMark();
    const stream = await whole(`[[stub deltas=4 ${fault} hang=stream after=2 `
      + `name=${mark}]]`, { stream: true });
    let text = '';
    const all = [];
    for await (const event of stream) {
      all.push(event);
      text += event.delta ?? '';
      if (text === '1 2 ') await stub.release(mark);
    }
    const { type, response } = all.at(-1);
    assert.deepEqual([text, type, response.status, response.output],
      ['1 2 ', 'response.failed', 'failed', []], fault);
    assert.ok(response.error.message, fault);
  }
});

test('what is not served is refused by name', async () => {
  const cases = [
    [{ store: true }, 'store'],
    [{ previous_response_id: 'resp_1' }, 'previous_response_id'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ tools: [{ type: 'file_search', vector_store_ids: ['v'] }] },
      'tools[0].type'],
  ];
  for (const [more, param] of cases) {
    await assert.rejects(whole('x', more), (error) => {
      assert.deepEqual([error.status, error.param, error.code],
        [400, param, 'unsupported_parameter']);
      return true;
    });
  }
});
