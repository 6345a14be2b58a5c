// The official `openai` client's helpers of chat completions: tools that it
// runs by itself, and answers that it parses by a schema.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';
import { LengthFinishReasonError } from 'openai/error';
import { zodFunction, zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import { CITY, makeMark, surroundings, tellWeather, toolTurns, twoCities }
  from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = 'claude-sonnet-5-5';
const City = z.object({ city: z.string() });

const ask = (content, more = {}) => ({ model,
  messages: [{ role: 'user', content }], ...more });

for (const stream of [false, true]) {
  test(`runTools goes on to the answer, stream: ${stream}`, async () => {
    const mark = makeMark();
    const seen = [];
    const runner = client.chat.completions.runTools(ask(twoCities(mark), {
      stream, tools: [{ type: 'function', function: { name: 'weather',
        description: 'Tells it', parameters: CITY, parse: JSON.parse,
        function(args) {
          seen.push(args.city);
          return tellWeather(args);
        } } }] }));
    assert.equal(await runner.finalContent(), 'warm and cold');
    assert.deepEqual(seen, ['Rome', 'Oslo']);
    const { body } = (await stub.requests(mark)).at(-1);
    const { calls, results } = toolTurns(body.messages);
    assert.deepEqual(calls, [['weather', 'Rome'], ['weather', 'Oslo']]);
    assert.deepEqual(results.map((text) => text.split(' ').at(-1)),
      ['warm', 'cold']);
    assert.deepEqual(body.tools.map((tool) => [tool.name, tool.description,
      tool.input_schema]), [['weather', 'Tells it', CITY]]);
  });
}

test('a call streams its arguments as they come', async () => {
  const stream = client.chat.completions.stream(ask('[[stub thinking '
    + 'text="Let me see." tool=weather args={"city":"Rome, \\"eternal\\""} '
    + 'deltas=5]]', { tools: [zodFunction({ name: 'weather',
    parameters: City })] }));
  let pieces = 0;
  let done;
  stream.on('tool_calls.function.arguments.delta', () => pieces++);
  stream.on('tool_calls.function.arguments.done', (call) => { done = call; });
  const [{ message, finish_reason: finish }]
    = (await stream.finalChatCompletion()).choices;
  assert.equal(finish, 'tool_calls');
  assert.equal(message.content, 'Let me see.');
  assert.ok(pieces > 1);
  assert.equal(done.index, 0);
  assert.deepEqual(message.tool_calls[0].function.parsed_arguments,
    { city: 'Rome, "eternal"' });
});

test('a choice holds: a function, required, none', async () => {
  const tools = [zodFunction({ name: 'weather', parameters: City }),
    zodFunction({ name: 'time', parameters: City })];
  for (const [choice, name] of [['required', 'weather'],
    [{ type: 'function', function: { name: 'time' } }, 'time']]) {
    const { choices: [{ message }] } = await client.chat.completions.parse(
      ask('x', { tools, tool_choice: choice, parallel_tool_calls: false }));
    assert.equal(message.content, null);
    assert.deepEqual(message.tool_calls.map((call) => call.function.name),
      [name]);
    assert.deepEqual(message.tool_calls[0].function.parsed_arguments,
      { city: 'stub' });
  }
  const { choices: [{ message }] } = await client.chat.completions.create(
    ask('[[stub text=no]]', { tools, tool_choice: 'none' }));
  assert.equal(message.content, 'no');
});

test('parse reads the answer by its schema', async () => {
  const Trip = z.object({ name: z.string(), days: z.number(),
    stops: z.array(City), kind: z.enum(['short', 'long']),
    note: z.string().nullable() });
  const format = zodResponseFormat(Trip, 'trip');
  const { choices: [{ message }] } = await client.chat.completions.parse(
    ask('plan', { response_format: format }));
  assert.ok(Trip.safeParse(message.parsed).success, message.content);
  const stream = client.chat.completions.stream(
    ask('plan', { response_format: format }));
  const streamed = (await stream.finalChatCompletion()).choices[0].message;
  assert.deepEqual(streamed.parsed, message.parsed);
  const refused = await client.chat.completions.parse(
    ask('[[stub text="I would rather not" stop=refusal]]',
      { response_format: format })).then(({ choices: [choice] }) => choice,
    (e) => e);
  assert.ok(refused.message.refusal !== null || refused instanceof Error);
  await assert.rejects(client.chat.completions.parse(ask('plan',
    { response_format: format, max_tokens: 2 })), LengthFinishReasonError);
});

test('the deprecated functions are answered likewise', async () => {
  const { choices: [{ message, finish_reason: finish }] }
    = await client.chat.completions.create(ask('[[stub tool=weather '
      + 'args={"city":"Rome"}]]', { functions: [{ name: 'weather',
      parameters: CITY }], function_call: 'auto' }));
  assert.equal(finish, 'function_call');
  assert.deepEqual(message.function_call,
    { name: 'weather', arguments: '{"city":"Rome"}' });
  const next = await client.chat.completions.create({ model,
    functions: [{ name: 'weather', parameters: CITY }], messages: [
      { role: 'user', content: 'Rome?' }, message,
      { role: 'function', name: 'weather',
        content: '[[stub text=Warm]]' }] });
  assert.equal(next.choices[0].message.content, 'Warm');
});

test('a PDF and a text file arrive', async () => {
  const mark = makeMark();
  const pdf = Buffer.from('%PDF-1.4\n%%EOF\n').toString('base64');
  const file = (filename, type, data) => ({ type: 'file', file: { filename,
    file_data: `data:${type};base64,${data}` } });
  await client.chat.completions.create(ask([{ type: 'text', text: mark },
    file('a.pdf', 'application/pdf', pdf), file('b.txt', 'text/plain',
      Buffer.from('some text').toString('base64'))]));
  const [{ body }] = await stub.requests(mark);
  const sources = body.messages.flatMap(({ content }) => content)
    .filter(({ type }) => type === 'document').map(({ source }) => source);
  assert.deepEqual(sources.map(({ media_type: type, data }) => [type, data]),
    [['application/pdf', pdf], ['text/plain', 'some text']]);
});
