// Vercel's AI SDK, with both of its providers that speak chat completions.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, streamText } from 'ai';

import { HOSTILE_TEXT, PIXEL, makeMark, surroundings, turns, watchedFetch }
  from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const name = 'claude-sonnet-5-5';

function compatible(more = {}) {
  return createOpenAICompatible({ name: 'nginx', baseURL, apiKey,
    includeUsage: true, ...more });
}

const PROVIDERS = {
  'openai-compatible': (more) => compatible(more)(name),
  openai: (more) => createOpenAI({ baseURL, apiKey, ...more }).chat(name),
};

/** Streams to the end, and gathers what a caller would see. */
async function stream(options) {
  const seen = { text: '', errors: [], finish: undefined };
  const result = streamText({ maxRetries: 0, onError() {}, ...options });
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') seen.text += part.text;
    if (part.type === 'error') seen.errors.push(part.error);
    if (part.type === 'finish') Object.assign(seen, part);
  }
  return seen;
}

for (const [provider, make] of Object.entries(PROVIDERS)) {
  const model = make();

  test(`${provider}: generateText`, async () => {
    const mark = makeMark();
    const result = await generateText({ model, maxRetries: 0,
      system: 'Be brief.', messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'two' },
        { role: 'user', content: [
          { type: 'text',
            text: `${mark} [[stub text="Hi." input=9 output=3]]` },
          { type: 'image', image: Buffer.from(PIXEL, 'base64') }] }] });
    assert.equal(result.text, 'Hi.');
    assert.equal(result.finishReason, 'stop');
    assert.equal(result.response.modelId, name);
    const { inputTokens, outputTokens, totalTokens } = result.usage;
    assert.deepEqual([inputTokens, outputTokens, totalTokens], [9, 3, 12]);
    const [{ body }] = await stub.requests(mark);
    assert.match(body.system.map(({ text }) => text).join(), /Be brief\./);
    assert.deepEqual(turns(body.messages).slice(0, 2),
      [['user', 'one'], ['assistant', 'two']]);
    const image = body.messages.flatMap(({ content }) => content)
      .find(({ type }) => type === 'image');
    assert.equal(image.source.data, PIXEL);
  });

  test(`${provider}: streamText`, async () => {
    const seen = await stream({ model,
      prompt: `[[stub echo deltas=30 input=9 output=3]]${HOSTILE_TEXT}` });
    assert.deepEqual(seen.errors, []);
    assert.equal(seen.text, HOSTILE_TEXT);
    assert.equal(seen.finishReason, 'stop');
    assert.equal(seen.totalUsage.inputTokens, 9);
    assert.equal(seen.totalUsage.outputTokens, 3);
  });

  test(`${provider}: a length limit is told`, async () => {
    const seen = await stream({ model, maxOutputTokens: 2,
      prompt: '[[stub text=123456789]]' });
    assert.equal(seen.text, '12345678');
    assert.equal(seen.finishReason, 'length');
  });

  test(`${provider}: a broken stream is an error`, async () => {
    const seen = await stream({ model, prompt: '[[stub deltas=4 cut=2]]' });
    assert.equal(seen.errors.length, 1);
    assert.notEqual(seen.finishReason, 'stop');
  });

  test(`${provider}: aborting stops the model`, async () => {
    const mark = makeMark();
    const abort = new AbortController();
    const result = streamText({ model, abortSignal: abort.signal,
      maxRetries: 0, onError() {},
      prompt: `[[stub deltas=9 hang=stream after=2 name=${mark}]]` });
    let text = '';
    for await (const part of result.fullStream) {
      if (part.type === 'text-delta') text += part.text;
      if (text === '1 2 ') abort.abort();
    }
    assert.equal(text, '1 2 ');
    assert.equal((await stub.ended(mark)).closed, 'client');
  });

  test(`${provider}: errors are told apart`, async () => {
    const call = (other, prompt = 'x') => generateText({ model: other,
      maxRetries: 0, prompt }).then(() => assert.fail('no error'), (e) => e);
    const told = async (status, retryable, ...args) => {
      const e = await call(...args);
      assert.ok(APICallError.isInstance(e), String(e));
      assert.deepEqual([e.statusCode, e.isRetryable], [status, retryable]);
      assert.ok(JSON.parse(e.responseBody).error.message === e.message);
    };
    await told(401, false, make({ apiKey: 'sk-nothing' }));
    await told(429, true, model, '[[stub status=429]]');
    await told(503, true, model, '[[stub status=529]]');
  });

  test(`${provider}: tries again after a limit`, async () => {
    const { fetch, statuses } = watchedFetch();
    const { text } = await generateText({ model: make({ fetch }),
      maxRetries: 1, prompt:
        `[[stub status=429 times=1 name=${makeMark()} text=done]]` });
    assert.equal(text, 'done');
    assert.deepEqual(statuses, [429, 200]);
  });
}

test('openai-compatible: thinking is the reasoning', async () => {
  const { text, reasoningText } = await generateText({
    model: compatible()(name), maxRetries: 0,
    prompt: '[[stub thinking="let me see" text=done]]' });
  assert.equal(text, 'done');
  assert.equal(reasoningText, 'let me see');
});

test('openai-compatible: an unknown model is not found', async () => {
  await assert.rejects(generateText({ model: compatible()('no-such-model'),
    maxRetries: 0, prompt: 'x' }), { statusCode: 404 });
});
