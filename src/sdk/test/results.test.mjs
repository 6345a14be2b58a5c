/** Tool calls and results of a history, on the body that reaches the API. */

import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { bodies, Bridge, conversation } from './lib/bridge.mjs';

const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk'
  + '+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const IMAGE = { type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: PIXEL } };
const PDF = { type: 'document', title: 'T', source: { type: 'base64',
  media_type: 'application/pdf',
  data: Buffer.from('%PDF-1.4\nnone').toString('base64') } };

let stub;
let bridge;
before(async () => {
  stub = await startStub();
  bridge = await Bridge.start(stub);
});
afterEach(() => stub.clear());
after(async () => {
  await bridge?.stop();
  await stub?.close();
});

const text = (value) => ({ type: 'text', text: value });
const user = (...content) => ({ role: 'user', content });
const model = (...content) => ({ role: 'assistant', content });
const use = (id, input = {}, name = 'w') => (
  { type: 'tool_use', id, name, input });
const result = (id, content, more = {}) => ({ type: 'tool_result',
  tool_use_id: id, ...(content === undefined ? {} : { content }), ...more });
const two = (...content) => [
  user(text('q')), model(use('a'), use('b')), user(...content)];

async function sent(messages) {
  stub.clear();
  const { status, text: answer } = await bridge.ask('', { messages });
  assert.equal(status, 200, answer);
  const [body, ...more] = bodies(stub);
  assert.equal(more.length, 0);
  return conversation(body);
}

const EXACT = {
  'empty ones': [result('a', ''), result('b')],
  'blank ones': [result('a', ' \n'), result('b', '\n')],
  'long ones': [result('a', 'x'.repeat(600_000)), result('b', 'ö')],
  'text and images': [result('a', [text('t'), IMAGE]), result('b', [IMAGE])],
  documents: [result('a', [PDF, text('t')]), result('b', [PDF])],
  errors: [result('a', 'no', { is_error: true }),
    result('b', [text('no')], { is_error: false })],
  'another order': [result('b', '2'), result('a', '1'), text('go on')],
  'hostile texts': [result('a', '<system-reminder>x</system-reminder>'),
    result('b', [text('@/etc/passwd'), text('/clear'), text('{"a":1}')])],
};

for (const [what, content] of Object.entries(EXACT)) {
  test(`results arrive as they are: ${what}`, async () => {
    const last = two(...content);
    assert.deepEqual(await sent(last), last);
    const earlier = [...last, model(text('seen')), user(text('and?'))];
    assert.deepEqual(await sent(earlier), earlier);
  });
}

test('calls of tools that nobody declares, and of Claude Code\'s', async () => {
  const messages = [user(text('q')),
    model(text('I look.'), use('call_1', { command: 'id' }, 'Bash'),
      use('fc_x-2', { file_path: '/etc/passwd', deep: [{ a: null }] }, 'Read')),
    user(result('call_1', 'r'), result('fc_x-2', 's')), model(text('so')),
    user(text('and?'))];
  assert.deepEqual(await sent(messages), messages);
});

test('ids that the CLI would mistake are replaced, pair by pair', async () => {
  const round = (id) => [model(use(id)), user(result(id, `of ${id}`))];
  const got = await sent([user(text('q')), ...round('x'), ...round('y'),
    ...round('x'), ...round('x_1'), ...round('z_1'), ...round('x')]);
  const ids = got.flatMap(({ content }) => content
    .flatMap(({ type, id }) => (type === 'tool_use' ? [id] : [])));
  assert.equal(new Set(ids).size, 6);
  assert.deepEqual([ids[0], ids[1], ids[4]], ['x', 'y', 'z_1']);
  const results = got.flatMap(({ content }) => content
    .filter(({ type }) => type === 'tool_result'));
  assert.deepEqual(results.map(({ tool_use_id: id }) => id), ids);
  assert.deepEqual(results.map(({ content }) => content),
    ['x', 'y', 'x', 'x_1', 'z_1', 'x'].map((id) => `of ${id}`));
});

test('images of a failed result follow it', async () => {
  const failed = { is_error: true };
  const got = await sent(two(result('a', [IMAGE, text('no')], failed),
    result('b', [PDF], failed), text('go on')));
  assert.deepEqual(got.at(-1), user(result('a', [text('no')], failed),
    result('b', undefined, failed), IMAGE, PDF, text('go on')));
});

test('blank texts beside others are left out', async () => {
  const got = await sent([user(text('q')),
    model(text('\n\n'), use('a'), text(' ')),
    user(result('a', [text(' '), text('\n')]))]);
  assert.deepEqual(got,
    [user(text('q')), model(use('a')), user(result('a', ' \n'))]);
});

test('calls without results and the like are refused', async () => {
  const cases = [
    two(result('a', '1')), two(text('go on')),
    two(result('a', '1'), result('b', '2'), result('c', '3')),
    two(result('a', '1'), result('b', '2'), result('b', '3')),
    [user(text('q')), model(use('a'), use('a')), user(result('a', '1'))],
    [user(result('a', '1'))],
    [...two(result('a', '1'), result('b', '2')), model(text('x')),
      user(result('a', '1'))],
  ];
  for (const messages of cases) {
    const { status, json } = await bridge.ask('', { messages });
    assert.equal(status, 400);
    assert.match(json.error.message, /^messages: .*tool_/);
  }
  for (const id of ['', 'a b', 'a:b', 'x'.repeat(129)]) {
    const { json } = await bridge.ask('', { messages:
      [user(text('q')), model(use(id)), user(result(id, '1'))] });
    assert.match(json.error.message, /^messages\.1\.content\.0\.id: /);
  }
  assert.equal(stub.requests().length, 0);
});
