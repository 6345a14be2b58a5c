// Vercel's AI SDK by every dialect: tools in several steps, and objects.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateObject, generateText, stepCountIs, streamObject, streamText,
  tool } from 'ai';
import { z } from 'zod';

import { makeMark, surroundings, tellWeather, toolTurns, twoCities }
  from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const name = 'claude-sonnet-5-5';
const openai = createOpenAI({ baseURL, apiKey });
const anthropic = createAnthropic({ baseURL, apiKey });

const MODELS = {
  'openai-compatible': createOpenAICompatible({ name: 'nginx', baseURL,
    apiKey, includeUsage: true, supportsStructuredOutputs: true })(name),
  'openai chat': openai.chat(name),
  'openai responses': openai.responses(name),
  anthropic: anthropic(name),
};
const City = z.object({ city: z.string() });
const stopWhen = stepCountIs(4);

function makeTools(seen) {
  return { weather: tool({ description: 'Tells it', inputSchema: City,
    execute(input) {
      seen.push(input.city);
      return tellWeather(input);
    } }) };
}

async function checkSteps(mark, seen) {
  assert.deepEqual(seen, ['Rome', 'Oslo']);
  const { body } = (await stub.requests(mark)).at(-1);
  const { calls, results } = toolTurns(body.messages);
  assert.deepEqual(calls, [['weather', 'Rome'], ['weather', 'Oslo']]);
  assert.match(results[0], /warm/);
  assert.match(results[1], /cold/);
}

for (const [provider, model] of Object.entries(MODELS)) {
  // the AI SDK knows reasoning models by name; ours it takes for others
  const providerOptions = { openai: { store: false } };

  test(`${provider}: generateText in two steps`, async () => {
    const mark = makeMark();
    const seen = [];
    const { text, steps } = await generateText({ model, maxRetries: 0,
      stopWhen, providerOptions, prompt: twoCities(mark),
      tools: makeTools(seen) });
    assert.equal(text, 'warm and cold');
    assert.deepEqual(steps.map(({ finishReason }) => finishReason),
      ['tool-calls', 'stop']);
    await checkSteps(mark, seen);
  });

  test(`${provider}: streamText in two steps`, async () => {
    const mark = makeMark();
    const seen = [];
    const parts = [];
    const result = streamText({ model, maxRetries: 0, stopWhen,
      providerOptions, prompt: twoCities(mark, 'text="I look."'),
      tools: makeTools(seen) });
    for await (const { type, error } of result.fullStream) {
      if (error) throw error;
      parts.push(type);
    }
    for (const type of ['tool-input-delta', 'tool-call', 'tool-result']) {
      assert.ok(parts.includes(type), type);
    }
    assert.equal(await result.text, 'warm and cold');
    await checkSteps(mark, seen);
  });

  test(`${provider}: generateObject and streamObject`, async () => {
    const schema = z.object({ name: z.string(), days: z.number(),
      stops: z.array(City), kind: z.enum(['short', 'long']) });
    const { object } = await generateObject({ model, schema, maxRetries: 0,
      providerOptions, prompt: 'plan' });
    assert.deepEqual(object, { name: 'stub', days: 1,
      stops: [{ city: 'stub' }], kind: 'short' });
    const result = streamObject({ model, schema, maxRetries: 0,
      providerOptions, prompt: 'plan' });
    for await (const part of result.partialObjectStream) {
      assert.equal(typeof part, 'object');
    }
    assert.deepEqual(await result.object, object);
  });
}

test('anthropic: thinking goes back with its signature', async () => {
  const mark = makeMark();
  const { text, steps } = await generateText({ model: MODELS.anthropic,
    maxRetries: 0, stopWhen, tools: makeTools([]),
    prompt: twoCities(mark, 'thinking="Two cities."'),
    providerOptions: { anthropic: { thinking: { type: 'enabled',
      budgetTokens: 2000 } } } });
  assert.equal(text, 'warm and cold');
  assert.equal(steps[0].reasoningText, 'Two cities.');
  const { body } = (await stub.requests(mark)).at(-1);
  const [thought] = body.messages.flatMap(({ content }) => content)
    .filter(({ type }) => type === 'thinking');
  assert.equal(thought.thinking, 'Two cities.');
  assert.equal(thought.signature,
    Buffer.from('stub:11').toString('base64'));
});
