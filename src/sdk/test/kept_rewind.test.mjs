/** Another conversation in a kept process, on the bodies that reach the API. */

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { bodies, endOf, question, until } from './lib/bridge.mjs';
import { answerOf, rest, said } from './lib/fuzz.mjs';
import { KEY, Keeper, user } from './lib/kept.mjs';

let stub;
let keeper;
before(async () => {
  stub = await startStub();
  keeper = new Keeper(stub);
});
afterEach(async () => {
  stub.release();
  await keeper.stop();
  stub.clear();
});
after(() => stub?.close());

const text = (value) => ({ type: 'text', text: value });
const image = { type: 'image', source: { type: 'base64',
  media_type: 'image/png', data: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAf'
    + 'FcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==' } };
const TOOLS = ['Bash', 'w'].map((name) => ({
  name, input_schema: { type: 'object' }, description: 'd'.repeat(5000) }));

/** Messages as they are sent, but for what caching adds. */
function sent(body) {
  const { metadata: _, ...own } = body;
  return JSON.parse(JSON.stringify(own).replace(/cc_version=[\w.]+/, ''),
    (name, value) => (name === 'cache_control' ? undefined : value));
}

const rewound = () => keeper.metric('rewound_total');
const starts = () => keeper.metric('starts_total');

/** Conversations that a client may begin with: all but the last are told. */
const CONVERSATIONS = {
  'one message': [[text('hello')]],
  'texts': [[text('a')], [text('A')], [text('/clear')], [text('B')],
    [text('@/etc/passwd')]],
  'a command first': [[text('/cost')], [text('A')], [text('c')]],
  'a path first': [[text('@/etc/hostname')], [text('A')], [text('c')]],
  'several blocks first': [[text('a'), text('b')], [text('A')], [text('c')]],
  'an image first': [[image, text('look')], [text('A')], [text('c')]],
  'thinking': [[text('a')],
    [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }, text('A')],
    [text('c')]],
  'calls': [[text('a')],
    [text('A'), { type: 'tool_use', id: 'toolu_1', name: 'w', input: {} }],
    [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [text('r')] }]],
};

/** Its messages: none is another conversation's. */
function conversation(contents, name) {
  const own = (block) => (/^\w+$/.test(block.text ?? '')
    ? text(`${block.text} ${name}`) : block);
  return contents.map((content, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content: i === contents.length - 1
      ? [...content, text(`[[stub text="${name}"]]`)] : content.map(own),
  }));
}

async function ask(messages, more = {}, headers = KEY) {
  await keeper.lasting();
  const { status, events, text: raw } = await keeper.bridge.post(
    { ...question(''), messages, ...more }, headers);
  assert.equal(status, 200, raw);
  return events;
}

test('it is told what a fresh one is told', async () => {
  const settings = { system: 'S', thinking: { type: 'adaptive' } };
  await keeper.start({ CLAUDE_BRIDGE_KEEP: '1' });
  for (const [tools, few] of [[{}, 99], [{ tools: TOOLS }, 3]]) {
    const some = Object.entries(CONVERSATIONS).slice(-few);
    stub.clear();
    const more = { ...settings, ...tools };
    await keeper.turn([], `text=first${
      tools.tools ? ' tool=w args={} id=toolu_1' : ''}`, more);
    const before = await rewound();
    for (const [name, contents] of some) {
      await ask(conversation(contents, name), more);
    }
    // a process that waits at calls is not rewound: the first got another
    assert.equal(await rewound(),
      before + some.length - (tools.tools ? 1 : 0));
    const got = bodies(stub).slice(1).map(sent);
    stub.clear();
    for (const [name, contents] of some) {
      await ask(conversation(contents, name), more, {});
    }
    const wanted = bodies(stub).map(sent);
    got.forEach((body, i) => assert.deepEqual(body, wanted[i],
      some[i][0]));
  }
});

test('it goes on, too, and is rewound again', async () => {
  await keeper.start();
  const before = await starts();
  for (let i = 0; i < 3; i++) {
    const messages = [];
    for (const name of ['a', 'b', 'c']) {
      await keeper.turn(messages, `text=${name}${i}`);
      assert.deepEqual(said(bodies(stub).at(-1)), messages.slice(0, -1));
    }
  }
  assert.equal(await rewound(), 2);
  assert.equal(await keeper.metric('continued_total'), 6);
  assert.ok(await starts() <= before + 1);
  const all = bodies(stub);
  all.forEach((body) => assert.deepEqual(rest(body), rest(all[0])));
});

test('after tool steps, and with ids that were there before', async () => {
  await keeper.start();
  for (let i = 0; i < 3; i++) {
    const messages = [];
    await keeper.turn(messages, `text=${i} tool=w args={"n":${i}} id=toolu_1`,
      { tools: TOOLS });
    await keeper.turn(messages, [{ type: 'tool_result',
      tool_use_id: 'toolu_1', content: [text(`[[stub text=done]] ${i}`)] }],
    { tools: TOOLS });
    assert.deepEqual(said(bodies(stub).at(-1)), messages.slice(0, -1));
    assert.equal(bodies(stub).length, 2 * i + 2);
  }
  assert.equal(await rewound(), 2);
  assert.equal(await keeper.metric('tool_steps_total'), 3);
});

test('its credential is the request\'s', async () => {
  await keeper.start();
  for (const token of ['a', 'b']) {
    await keeper.turn([], `text=${token}`, {}, { ...KEY,
      authorization: `Bearer sk-ant-oat01-${token}` });
  }
  assert.equal(await rewound(), 1);
  assert.deepEqual(stub.requests().map(({ headers }) => headers.authorization),
    ['a', 'b'].map((token) => `Bearer sk-ant-oat01-${token}`));
});

describe('a fresh one answers', () => {
  const first = [user('text=a'), { role: 'assistant', content: [text('a')] }];
  const cases = {
    'another key': [[user('text=b')], {}, { 'x-claude-key-id': 'two' }],
    'other limits': [[user('text=b')], { max_tokens: 99 }],
    'the same again': [[user('text=a')]],
    'an edited question': [[user('text=other'), first[1], user('text=b')]],
  };
  test('what is alike, but not another conversation', async () => {
    await keeper.start({ CLAUDE_BRIDGE_KEEP: '1' });
    for (const [name, [messages, more, headers]] of Object.entries(cases)) {
      await keeper.turn([], 'text=a', { system: 'S' });
      await ask(messages, { system: 'S', ...more }, headers);
      assert.equal(await rewound(), 0, name);
      assert.deepEqual(said(bodies(stub).at(-1)), messages, name);
    }
  });

  test('while calls wait', async () => {
    await keeper.start();
    await keeper.turn([], 'tool=w args={} id=toolu_1', { tools: TOOLS });
    await keeper.turn([], 'text=b', { tools: TOOLS });
    assert.equal(await rewound(), 0);
  });

  test('where it is switched off', async () => {
    await keeper.start({ CLAUDE_BRIDGE_REWIND: 'off' });
    await keeper.turn([], 'text=a');
    await keeper.turn([], 'text=b');
    assert.equal(await rewound(), 0);
  });

  for (const signal of ['SIGKILL', 'SIGSTOP']) {
    test(`when the kept one got a ${signal}`, async () => {
      await keeper.start();
      await keeper.turn([], 'text=a');
      const [pid] = await until(() => keeper.bridge.pids('kept').length
        && keeper.bridge.pids('kept'));
      process.kill(pid, signal);
      await keeper.turn([], 'text=b');
      assert.equal(await rewound(), 0);
      assert.equal(bodies(stub).length, 2);
    });
  }
});

test('only rewinding may be on', async () => {
  await keeper.start({ CLAUDE_BRIDGE_CONTINUE: 'off',
    CLAUDE_BRIDGE_TOOL_STEPS: 'off' });
  const messages = [];
  await keeper.turn(messages, 'text=a');
  await keeper.turn([], 'text=x');
  await keeper.turn(messages, 'text=b');
  assert.equal(await rewound(), 2);
  assert.equal(await keeper.metric('continued_total'), 0);
});

test('each answer has its own cost', async () => {
  await keeper.start();
  const costs = [];
  for (const name of ['a', 'b', 'c']) {
    const events = await keeper.turn([],
      `text=${name} input=100000 output=1000`);
    costs.push(events.find(({ type }) => type === 'claude_cost').cost_usd);
    assert.equal(endOf(events).delta.stop_reason, 'end_turn');
    assert.equal(answerOf(events).content[0].text, name);
  }
  assert.equal(await rewound(), 2);
  assert.deepEqual(costs, [costs[0], costs[0], costs[0]]);
});
