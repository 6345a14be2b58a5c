// The stub of Anthropic's API over plain HTTP: what it refuses, its journal,
// and its command line.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startStub } from '../stub/anthropic.mjs';
import { until } from './support.mjs';

const STUB = fileURLToPath(new URL('../stub/anthropic.mjs', import.meta.url));
const HEADERS = { 'x-api-key': 'k', 'anthropic-version': '2023-06-01',
  'content-type': 'application/json' };
const USER = { role: 'user', content: 'hi' };
const GOOD = { model: 'claude-sonnet-5-5', max_tokens: 10, messages: [USER] };

let stub;

before(async () => { stub = await startStub(); });
beforeEach(() => stub.clear());
after(() => stub.close());

async function post(body, headers = {}, path = '/v1/messages') {
  const sent = { ...HEADERS, ...headers };
  for (const key of Object.keys(sent)) {
    if (sent[key] === undefined) delete sent[key];
  }
  const raw = typeof body === 'object' && !Buffer.isBuffer(body)
    ? JSON.stringify(body) : body;
  const res = await fetch(stub.url + path,
    { method: 'POST', headers: sent, body: raw });
  return { status: res.status, headers: res.headers, body: await res.json() };
}

async function refused(status, pattern, ...args) {
  const res = await post(...args);
  assert.equal(res.status, status, JSON.stringify(args));
  assert.equal(res.body.type, 'error');
  assert.match(res.body.error.message, pattern);
  assert.equal(res.body.request_id, res.headers.get('request-id'));
  return res.body.error.type;
}

test('takes a credential in either header, and refuses others', async () => {
  const type = (headers, pattern) => refused(401, pattern, GOOD,
    { 'x-api-key': undefined, ...headers });
  assert.equal(await type({}, /required/), 'authentication_error');
  await type({ authorization: 'Basic eA==' }, /required/);
  await type({ authorization: 'Bearer ' }, /required/);
  await type({ authorization: 'Bearer sk-ant-oat01-refused' }, /bearer/);
  await type({ authorization: 'Bearer sk-ant-oat01-expired' }, /expired/);
  await type({ 'x-api-key': 'sk-ant-api03-refused' }, /x-api-key/);
  const good = await post(GOOD, { 'x-api-key': undefined,
    authorization: 'Bearer sk-ant-oat01-good' });
  assert.equal(good.status, 200);
});

test('refuses requests without sense', async () => {
  await refused(400, /anthropic-version/, GOOD,
    { 'anthropic-version': undefined });
  await refused(400, /content-type/, GOOD, { 'content-type': 'text/plain' });
  for (const raw of ['', '{', '[]', '1', 'null', '{"a":1}x',
    Buffer.from([0x22, 0xc0, 0x80, 0x22])]) {
    await refused(400, /valid JSON|JSON object/, raw);
  }
  assert.equal(await refused(404, /Not found/, GOOD, {}, '/v1/nothing'),
    'not_found_error');
  assert.equal(await refused(413, /maximum/, ' '.repeat(33 * 1024 * 1024)),
    'request_too_large');
});

const BAD = [
  [{ model: undefined }, /model: Field required/],
  [{ model: 5 }, /model/],
  [{ max_tokens: undefined }, /max_tokens: Field required/],
  [{ max_tokens: '10' }, /max_tokens/],
  [{ max_tokens: 1.5 }, /max_tokens/],
  [{ max_tokens: 0 }, /max_tokens/],
  [{ max_tokens: 128001 }, /128001 > 128000/],
  [{ messages: undefined }, /messages: Field required/],
  [{ messages: {} }, /messages/],
  [{ messages: [] }, /at least one/],
  [{ messages: [{ role: 'tool', content: 'x' }] }, /role "tool"/],
  [{ messages: [{ role: 'user' }] }, /content: Field required/],
  [{ messages: [{ role: 'user', content: '' }] }, /non-empty/],
  [{ messages: [{ role: 'user', content: 1 }] }, /valid list/],
  [{ messages: [USER, { role: 'assistant', content: 'x' }] }, /prefill/],
  [{ messages: [{ role: 'user', content: [{ type: 'nope' }] }] }, /'nope'/],
  [{ messages: [{ role: 'user', content: [{ type: 'text', text: '' }] }] },
    /non-empty/],
  [{ system: [{ type: 'image' }] }, /system\.0/],
  [{ system: 5 }, /system/],
  [{ stream: 'yes' }, /stream/],
  [{ temperature: 1.1 }, /temperature/],
  [{ top_p: '1' }, /top_p/],
  [{ temperature: 0.5, thinking: { type: 'adaptive' } }, /temperature/],
  [{ thinking: { type: 'enabled', budget_tokens: 5 } }, /budget_tokens/],
  [{ thinking: { type: 'enabled', budget_tokens: 1024 } }, /max_tokens/],
  [{ thinking: { type: 'deep' } }, /thinking/],
  [{ output_config: { effort: 'minimal' } }, /effort/],
  [{ stop_sequences: 'x' }, /stop_sequences/],
  [{ stop_sequences: [' '] }, /non-whitespace/],
  [{ stop_sequences: [1] }, /stop_sequences/],
  [{ user: 'me' }, /user: Extra inputs/],
  [{ tools: {} }, /tools/],
  [{ tools: [{ name: 'a b', input_schema: { type: 'object' } }] }, /name/],
  [{ tools: [{ name: 'a', input_schema: { type: 'array' } }] }, /'object'/],
  [{ tools: Array(2).fill({ name: 'a', input_schema: { type: 'object' } }) },
    /unique/],
  [{ tool_choice: { type: 'any' } }, /tools/],
  [{ tools: [{ name: 'a', input_schema: { type: 'object' } }],
    tool_choice: { type: 'any' }, thinking: { type: 'adaptive' } },
  /forces tool use/],
  [{ output_config: { format: { type: 'json_schema',
    schema: { type: 'object' } } } }, /additionalProperties/],
  [{ output_config: { format: { type: 'text' } } }, /json_schema/],
  [{ messages: [{ role: 'user', content: '[[stub nonsense=1]]' }] },
    /unknown nonsense=1/],
  [{ messages: [{ role: 'user', content: '[[stub hang=nowhere]]' }] },
    /unknown hang=nowhere/],
  [{ messages: [{ role: 'user', content: '[[stub deltas=x]]' }] },
    /whole number/],
  [{ messages: [{ role: 'user', content: '[[stub text="x' }] },
    /without an end/],
];

test('refuses what the API refuses', async () => {
  for (const [change, pattern] of BAD) {
    const type = await refused(400, pattern, { ...GOOD, ...change });
    assert.equal(type, 'invalid_request_error');
  }
  assert.equal(await refused(404, /model: gpt-4o/,
    { ...GOOD, model: 'gpt-4o' }), 'not_found_error');
  await refused(400, /prompt is too long/,
    { ...GOOD, system: 'x'.repeat(4100000) });
});

function image(source) {
  return { ...GOOD, messages: [{ role: 'user', content: [
    { type: 'image', source }] }] };
}

test('checks images', async () => {
  const png = { type: 'base64', media_type: 'image/png' };
  for (const data of ['', 'a', 'ab=c', 'abc', '????', undefined]) {
    await refused(400, /base64/, image({ ...png, data }));
  }
  await refused(400, /media_type/,
    image({ ...png, media_type: 'image/bmp', data: 'AAAA' }));
  await refused(400, /HTTPS/, image({ type: 'url', url: 'http://x/' }));
  assert.equal((await post(image({ ...png, data: 'AAA=' }))).status, 200);
  assert.equal((await post(image({ type: 'url', url: 'https://x/' }))).status,
    200);
});

const use = (id) => ({ role: 'assistant', content: [
  { type: 'tool_use', id, name: 'f', input: {} }] });
const result = (id) => ({ role: 'user', content: [
  { type: 'tool_result', tool_use_id: id, content: 'x' }] });

test('checks that calls and results belong together', async () => {
  const status = (...messages) => post({ ...GOOD, messages })
    .then((res) => res.status);
  assert.equal(await status(USER, use('a'), result('a')), 200);
  assert.equal(await status(USER, use('a'), use('b'), result('b'),
    result('a')), 200);
  assert.equal(await status(USER, result('a')), 400);
  assert.equal(await status(USER, use('a'), USER), 400);
  assert.equal(await status(USER, use('a'), use('b'), result('a')), 400);
  assert.equal(await status(USER, use('a'), result('b')), 400);
  assert.equal(await status(USER, use('a:b'), result('a:b')), 400);
});

test('checks the contents of failed results', async () => {
  const failed = (...content) => post({ ...GOOD, messages: [USER, use('a'),
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a',
      is_error: true, content }] }] }).then((res) => res.status);
  const picture = { type: 'image', source: { type: 'url', url: 'https://x/' } };
  assert.equal(await failed({ type: 'text', text: 'no' }), 200);
  assert.equal(await failed({ type: 'text', text: 'no' }, picture), 400);
});

test('checks that thinking comes back as it was', async () => {
  const signature = Buffer.from('stub:2').toString('base64');
  const status = (block) => post({ ...GOOD, messages: [USER, {
    role: 'assistant', content: [{ type: 'thinking', ...block },
      { type: 'text', text: 'x' }] }, USER] }).then((res) => res.status);
  assert.equal(await status({ thinking: 'hm', signature }), 200);
  assert.equal(await status({ thinking: 'hm.', signature }), 400);
  assert.equal(await status({ thinking: 'hm', signature: '' }), 400);
  assert.equal(await status({ thinking: 'hm' }), 400);
});

test('takes beta fields it does not know with a beta header', async () => {
  const body = { ...GOOD, context_management: {} };
  assert.equal((await post(body)).status, 400);
  assert.equal((await post(body, { 'anthropic-beta': 'any' })).status, 200);
});

test('keeps a journal, and forgets it when told', async () => {
  await post(GOOD, { 'x-trace': '1' }, '/v1/messages?beta=true');
  await post({ ...GOOD, max_tokens: 0 });
  await until(() => stub.open() === 0);
  const read = async () => (await fetch(`${stub.url}/_stub/requests`)).json();
  const [first, second] = await read();
  assert.equal(first.url, '/v1/messages?beta=true');
  assert.equal(first.method, 'POST');
  assert.equal(first.headers['x-trace'], '1');
  assert.equal(first.headers['x-api-key'], 'k');
  assert.deepEqual(JSON.parse(first.body), GOOD);
  assert.equal(first.status, 200);
  assert.equal(first.closed, 'server');
  assert.equal(second.n, first.n + 1);
  assert.equal(second.status, 400);
  await fetch(`${stub.url}/_stub/requests`, { method: 'DELETE' });
  assert.deepEqual(await read(), []);
});

test('the journal is bounded', async () => {
  const big = { ...GOOD, max_tokens: 0, system: 'x'.repeat(12 * 1024 * 1024) };
  for (let i = 0; i < 4; i++) await post(big);
  assert.equal(stub.requests().length, 2);
  stub.clear();
  for (let i = 0; i < 1010; i++) await post('{}');
  assert.equal(stub.requests().length, 1000);
  assert.equal(stub.requests()[999].n - stub.requests()[0].n, 999);
});

test('counts open streams and releases them over HTTP', async () => {
  const res = await fetch(`${stub.url}/v1/messages`, { method: 'POST',
    headers: HEADERS, body: JSON.stringify({ ...GOOD, stream: true,
      messages: [{ role: 'user', content: '[[stub hang=start name=x]]' }] }) });
  const open = async () => (await fetch(`${stub.url}/_stub/open`)).json();
  assert.deepEqual(await open(), { open: 1, hung: ['x'] });
  await fetch(`${stub.url}/_stub/release?name=x`, { method: 'POST' });
  assert.match(await res.text(), /message_stop/);
  await until(async () => (await open()).open === 0);
});

function get(options) {
  return new Promise((resolve, reject) => {
    request(options, async (res) => {
      let body = '';
      for await (const part of res) body += part;
      resolve({ status: res.statusCode, body: JSON.parse(body) });
    }).on('error', reject).end();
  });
}

test('outlives strange paths', async () => {
  const { port } = new URL(stub.url);
  for (const path of ['//', '//[', '/v1/models/%ff', '/v1/models/%2e%2e/']) {
    const res = await get({ port, host: '127.0.0.1', path, headers: HEADERS });
    assert.equal(res.status, 404, path);
  }
});

test('runs as a command, on a port and a socket', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'claude-stub-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const socketPath = join(dir, 's');
  const child = spawn(process.execPath,
    [STUB, '--port', '0', '--socket', socketPath, '--no-journal'],
    { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const first = (await lines.next()).value;
  const url = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(first)[1];
  assert.equal((await lines.next()).value, `listening on unix:${socketPath}`);
  const models = { path: '/v1/models', headers: HEADERS };
  assert.equal((await get({ socketPath, ...models })).status, 200);
  const hung = fetch(`${url}/v1/messages`, { method: 'POST', headers: HEADERS,
    body: JSON.stringify({ ...GOOD, messages: [
      { role: 'user', content: '[[stub hang=headers]]' }] }) });
  await until(async () => (await get({ socketPath, path: '/_stub/open' }))
    .body.open === 1);
  const journal = await get({ socketPath, path: '/_stub/requests' });
  assert.deepEqual(journal.body, []);
  child.kill('SIGTERM');
  await assert.rejects(hung);
  assert.deepEqual(await exited, [0, null]);
});

test('says when it cannot listen', async () => {
  const { port } = new URL(stub.url);
  const child = spawn(process.execPath, [STUB, '--port', port],
    { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part) => { said += part; });
  assert.deepEqual(await once(child, 'close'), [1, null]);
  assert.match(said, /anthropic stub: .*EADDRINUSE/);
});
