// The official `openai` client: what goes wrong, and what it tries again.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { makeMark, surroundings, watchedFetch } from './support.mjs';

const { baseURL, apiKey, limitedURL, stub } = surroundings();
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const model = 'claude-sonnet-5-5';

function ask(content, more = {}) {
  return { model, messages: [{ role: 'user', content }], ...more };
}

async function fails(name, expected, promise) {
  const e = await promise.then(() => assert.fail(`no ${name}`), (err) => err);
  assert.ok(e instanceof OpenAI[name], `${name}: ${e}`);
  const { status, type, code, param } = e;
  assert.deepEqual({ status, type, code, param, ...expected },
    { status, type, code, param });
  assert.deepEqual(Object.keys(e.error).sort(),
    ['code', 'message', 'param', 'type']);
  assert.ok(e.requestID);
  assert.ok(!e.message.includes(apiKey));
  return e;
}

const chat = (content, more, options) => client.chat.completions.create(
  ask(content, more), options);

test('a key that is not known is refused', async () => {
  const expected = { status: 401, type: 'invalid_request_error',
    code: 'invalid_api_key', param: null };
  for (const bad of ['sk-nothing', `${apiKey}x`, 'nothing']) {
    const stranger = new OpenAI({ baseURL, apiKey: bad, maxRetries: 0 });
    const e = await fails('AuthenticationError', expected,
      stranger.chat.completions.create(ask('x')));
    assert.ok(!e.message.includes(bad));
    await fails('AuthenticationError', expected, stranger.models.list());
  }
});

test('no key is refused', async () => {
  await fails('AuthenticationError', { status: 401, code: 'missing_api_key' },
    chat('x', {}, { headers: { authorization: null } }));
});

test('an unknown model is not found', async () => {
  const expected = { status: 404, type: 'invalid_request_error',
    code: 'model_not_found' };
  await fails('NotFoundError', { ...expected, param: 'model' },
    chat('x', { model: 'no-such-model' }));
  await fails('NotFoundError', expected,
    client.models.retrieve('no-such-model'));
});

test('an endpoint that is not there is not found', async () => {
  await fails('NotFoundError', { status: 404, code: 'endpoint_not_found' },
    client.embeddings.create({ model, input: 'x' }));
});

test('bad parameters are named', async () => {
  const bad = [
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ max_completion_tokens: -1 }, 'max_completion_tokens'],
    [{ temperature: 3 }, 'temperature'],
    [{ top_p: -1 }, 'top_p'],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'stop[4]'],
    [{ reasoning_effort: 'enormous' }, 'reasoning_effort'],
    [{ stream: 'yes' }, 'stream'],
    [{ messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
  ];
  for (const [change, param] of bad) {
    await fails('BadRequestError',
      { status: 400, type: 'invalid_request_error', param }, chat('x', change));
  }
  for (const messages of ['x', [], undefined]) {
    const e = await fails('BadRequestError', { status: 400 },
      chat('x', { messages }));
    assert.equal(e.param, 'messages');
  }
});

test('a refused credential is told from a refused key', async () => {
  await fails('AuthenticationError',
    { status: 401, code: 'credential_refused' }, chat('[[stub status=401]]'));
});

test('the model\'s own errors keep their meaning', async () => {
  const errors = [
    ['400', 'BadRequestError', { status: 400, code: 'rejected_by_model' }],
    ['403', 'PermissionDeniedError', { status: 403,
      code: 'permission_denied' }],
    ['500', 'InternalServerError', { status: 502, type: 'api_error',
      code: 'upstream_error' }],
    ['529', 'InternalServerError', { status: 503, type: 'api_error',
      code: 'overloaded' }],
  ];
  for (const [status, name, expected] of errors) {
    const stream = status === '529';
    await fails(name, expected, chat(`[[stub status=${status}]]`, { stream }));
  }
});

test('the credential\'s limit says when it ends', async () => {
  const e = await fails('RateLimitError',
    { status: 429, type: 'rate_limit_error', code: 'rate_limit_exceeded' },
    chat('[[stub status=429 unified=rejected reset=3000]]'));
  const seconds = Number(e.headers.get('retry-after'));
  assert.ok(seconds > 0 && seconds <= 3000, `retry-after: ${seconds}`);
});

test('the client tries again after the model\'s limit', async () => {
  const mark = makeMark();
  const { fetch, statuses } = watchedFetch();
  const answer = await client.withOptions({ fetch, maxRetries: 2 })
    .chat.completions.create(ask(
      `[[stub status=429 times=1 name=${mark} text=done]]`));
  assert.equal(answer.choices[0].message.content, 'done');
  assert.deepEqual(statuses, [429, 200]);
});

test('the client waits out the address\'s limit', async () => {
  const limited = client.withOptions({ baseURL: limitedURL });
  const all = await Promise.allSettled(
    Array.from({ length: 5 }, () => limited.models.list()));
  const refusals = all.filter(({ status }) => status === 'rejected');
  assert.ok(refusals.length > 0);
  for (const { reason } of refusals) {
    await fails('RateLimitError', { status: 429, type: 'rate_limit_error',
      code: 'rate_limit_exceeded' }, Promise.reject(reason));
    assert.match(reason.headers.get('retry-after'), /^[1-9]\d*$/);
    assert.match(reason.headers.get('retry-after-ms'), /^[1-9]\d*$/);
    assert.match(reason.headers.get('x-ratelimit-limit-requests'), /^\d+$/);
    assert.equal(reason.headers.get('x-ratelimit-remaining-requests'), '0');
    assert.match(reason.headers.get('x-ratelimit-reset-requests'),
      /^[\d.]+(ms|s|m)/);
  }
  const { fetch, statuses } = watchedFetch();
  const patient = limited.withOptions({ fetch, maxRetries: 20 });
  const lists = await Promise.all(
    Array.from({ length: 3 }, () => patient.models.list()));
  assert.ok(lists.every(({ data }) => data.length > 0));
  assert.ok(statuses.includes(429));
});

test('a broken stream never looks finished', async () => {
  for (const fault of ['cut=2', 'truncate=2', 'garbage=2',
    'error=overloaded_error']) {
    const mark = makeMark();
    const stream = await chat(`[[stub deltas=4 ${fault} hang=stream after=2 `
      + `name=${mark}]]`, { stream: true });
    let text = '';
    await assert.rejects(async () => {
      for await (const { choices: [choice] } of stream) {
        text += choice.delta.content ?? '';
        assert.equal(choice.finish_reason, null, fault);
        if (text === '1 2 ') await stub.release(mark);
      }
    }, OpenAI.APIError, fault);
    assert.equal(text, '1 2 ', fault);
  }
});

test('what was begun, and is billed, is not tried again', async () => {
  const mark = makeMark();
  const { fetch, statuses } = watchedFetch();
  const eager = client.withOptions({ fetch, maxRetries: 2 });
  await fails('InternalServerError', { status: 502, type: 'api_error' },
    eager.chat.completions.create(
      ask(`[[stub deltas=4 error=api_error after=2]] ${mark}`)));
  assert.deepEqual(statuses, [502]);
  assert.equal((await stub.requests(mark)).length, 1);
});

test('bad requests never reach the model', async () => {
  const mark = makeMark();
  await assert.rejects(chat(mark, { n: 2 }));
  await assert.rejects(chat(mark, { model: 'no-such-model' }));
  await assert.rejects(chat(mark, {}, { headers: { authorization: null } }));
  assert.deepEqual(await stub.requests(mark), []);
});
