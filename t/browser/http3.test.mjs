/** Chromium as a client over HTTP/3; see t/http3.t, which runs this. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

const { HTTP3_ORIGIN: ORIGIN, HTTP3_SPKI: SPKI, API_KEY } = process.env;
const PATIENCE = Number(process.env.PATIENCE ?? 30000);
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
  '--disable-background-networking', '--disable-component-update',
  '--disable-sync', '--enable-quic',
  `--origin-to-force-quic-on=${new URL(ORIGIN).host}`,
  `--ignore-certificate-errors-spki-list=${SPKI}`];

let browser;
let page;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ARGS,
    timeout: 2 * PATIENCE,
  });
  page = await browser.newPage();
  page.setDefaultTimeout(PATIENCE);
  await page.goto(`${ORIGIN}/page`);
});

after(() => browser?.close());

/**
 * One request out of the page.
 *
 * @param {string} path
 * @param {object} [options] key, method, text (of the user), fields (of the
 *   body), body (as it is), stopAt (text of the answer at which to leave)
 */
function ask(path, options = {}) {
  return page.evaluate(async ([url, key, options]) => {
    const { text, fields, stopAt } = options;
    const body = options.body ?? (text === undefined ? undefined
      : JSON.stringify({ model: 'sonnet', ...fields,
        messages: [{ role: 'user', content: text }] }));
    const leave = new AbortController();
    const response = await fetch(url, {
      method: options.method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { ...key ? { Authorization: `Bearer ${key}` } : {},
        ...body === undefined ? {} : { 'Content-Type': 'application/json' } },
      body,
      signal: leave.signal,
    });
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let answer = '';
    let reads = 0;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      reads++;
      answer += decoder.decode(value, { stream: true });
      if (stopAt && answer.includes(stopAt)) {
        leave.abort();
        break;
      }
    }
    return { status: response.status, answer, reads };
  }, [`${ORIGIN}${path}`, 'key' in options ? options.key : API_KEY, options]);
}

const chat = (text, options = {}) => ask('/v1/chat/completions',
  { text, ...options });
const stream = (text, options = {}) => chat(text,
  { ...options, fields: { stream: true } });

test('it is HTTP/3', async () => {
  assert.equal((await ask('/v1/models')).status, 200);
  const protocols = await page.evaluate(() => performance
    .getEntriesByType('resource').map((entry) => entry.nextHopProtocol));
  assert.deepEqual(new Set(protocols), new Set(['h3']));
});

test('a whole answer', async () => {
  const { status, answer } = await chat('hi');
  assert.equal(status, 200);
  assert.equal(JSON.parse(answer).choices[0].message.content, 'Hello world');
});

test('a stream', async () => {
  const { status, answer } = await stream('hi');
  assert.equal(status, 200);
  assert.match(answer, /Hello[^]*data: \[DONE\]/);
});

test('a large body', async () => {
  const { status } = await chat('y'.repeat(500_000));
  assert.equal(status, 200);
});

test('a large answer', async () => {
  const { answer } = await chat('[[large]]');
  assert.equal(JSON.parse(answer).choices[0].message.content.length, 900_000);
});

test('a stream that breaks does not look finished', async () => {
  const { answer } = await stream('[[midway]]');
  assert.match(answer, /part[^]*"error":/);
  assert.doesNotMatch(answer, /DONE|"stop"/);
});

test('refusals are in OpenAI\'s form', async () => {
  for (const [path, options, status, code] of [
    ['/v1/models', { key: null }, 401, 'missing_api_key'],
    ['/v1/models', { key: 'sk-wrong' }, 401, 'invalid_api_key'],
    ['/v1/models', { method: 'PUT' }, 405],
    ['/v1/chat/completions', { body: '{' }, 400, 'invalid_json'],
    ['/v1/messages', { body: 'x'.repeat(5000) }, 413],
  ]) {
    const got = await ask(path, options);
    assert.equal(got.status, status, path);
    const { error } = JSON.parse(got.answer);
    if (code) assert.equal(error.code, code);
  }
});

test('clients that leave, beside one that stays', async () => {
  const leaving = [1, 2, 3, 4].map(() => stream('[[hold]]',
    { stopAt: 'part' }));
  for (const { status } of await Promise.all(leaving)) {
    assert.equal(status, 200);
  }
  assert.match((await stream('hi')).answer, /DONE/);
});
