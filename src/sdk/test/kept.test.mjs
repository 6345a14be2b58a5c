/** Requests that go on in a kept process, on the bodies that reach the API. */

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import {
  bodies, Bridge, endOf, finish, question, textOf, TOKEN, until,
} from './lib/bridge.mjs';
import { answerOf, rest, said } from './lib/fuzz.mjs';
import { KEY, Keeper, user } from './lib/kept.mjs';

let stub;
let keeper;
let bridge;
before(async () => {
  stub = await startStub();
  keeper = new Keeper(stub);
});
afterEach(async () => {
  stub.release();
  await keeper.stop();
  bridge = undefined;
  stub.clear();
});
after(() => stub?.close());

async function start(env = {}) {
  bridge = await keeper.start(env);
}

const turn = (...args) => keeper.turn(...args);
const continued = () => keeper.metric('continued_total');

test('what extends a conversation goes on in its process', async () => {
  await start();
  const messages = [];
  const more = { system: 'S', thinking: { type: 'adaptive' } };
  for (let i = 0; i < 4; i++) {
    await turn(messages, `text="answer ${i}" thinking="so ${i}"`, more);
    assert.equal(await continued(), i);
    assert.equal((await bridge.health()).kept, 1);
  }
  const sent = bodies(stub);
  assert.equal(sent.length, 4);
  sent.forEach((body, i) => {
    assert.deepEqual(said(body), messages.slice(0, 2 * i + 1));
    assert.deepEqual(rest(body), rest(sent[0]));
  });
});

test('it takes the credential of the request at hand', async () => {
  await start();
  const messages = [];
  await turn(messages, 'text=a');
  const other = `${TOKEN}-rotated`;
  await turn(messages, 'text=b', {}, { ...KEY,
    authorization: `Bearer ${other}` });
  assert.equal(await continued(), 1);
  await turn(messages, 'text=c', {}, { ...KEY, authorization: undefined,
    'x-api-key': 'sk-ant-api03-mine' });
  await turn(messages, 'text=d', {}, { ...KEY, authorization: undefined,
    'x-api-key': 'sk-ant-api03-yours' });
  assert.equal(await continued(), 2);
  assert.deepEqual(stub.requests().map(({ headers }) =>
    headers.authorization ?? headers['x-api-key']),
  [`Bearer ${TOKEN}`, `Bearer ${other}`, 'sk-ant-api03-mine',
    'sk-ant-api03-yours']);
  for (const { headers } of stub.requests().slice(2)) {
    assert.equal(headers.authorization, undefined);
  }
});

test('anything else gets a fresh one', async () => {
  await start({ CLAUDE_BRIDGE_KEEP: '1' });
  const cases = {
    'another key': [{}, { 'x-claude-key-id': 'two' }],
    'no key': [{}, {}],
    'another model': [{ model: 'claude-opus-5-5' }],
    'another system prompt': [{ system: 'T' }],
    'other tools': [{ tools: [
      { name: 'w', input_schema: { type: 'object' } }] }],
  };
  for (const [what, [more, headers = KEY]] of Object.entries(cases)) {
    const messages = [];
    await turn(messages, 'text=a', { system: 'S' });
    await turn(messages, 'text=b', { system: 'S', ...more }, headers);
    assert.equal(await continued(), 0, what);
    stub.clear();
  }
  const messages = [];
  await turn(messages, 'text=a');
  const edited = structuredClone(messages);
  edited[0].content[0].text += ' ';
  await turn(edited, 'text=b');
  assert.equal(await continued(), 0);
  assert.deepEqual(said(bodies(stub)[1]), edited.slice(0, 3));
});

test('a retry gets a fresh one, and so does a second heir', async () => {
  await start({ CLAUDE_BRIDGE_POOL: '1' });
  const messages = [];
  await turn(messages, 'text=a');
  const heirs = ['b', 'c'].map((name) => {
    const own = structuredClone(messages);
    return turn(own, `text=${name} deltas=3 delay=20`).then(() => own);
  });
  await Promise.all(heirs);
  assert.equal(await continued(), 1);
  await turn([...messages], 'text=b deltas=3 delay=20');
  assert.equal(await continued(), 1);
  assert.equal(bodies(stub).length, 4);
});

test('nothing is kept of what ended otherwise', async () => {
  await start();
  const ends = {
    max_tokens: 'deltas=90', blank: 'text=" "', empty: 'text=""',
    refusal: 'stop=refusal', pause: 'stop=pause_turn text=x',
  };
  for (const [what, how] of Object.entries(ends)) {
    const asked = stub.requests().length;
    await bridge.post({ ...question(`[[stub ${how}]]`),
      max_tokens: what === 'max_tokens' ? 5 : 100 }, KEY);
    await until(() => bridge.pids('answering').length === 0);
    assert.equal((await bridge.health()).kept, 0, what);
    assert.equal(stub.requests().length, asked + 1, what);
  }
  for (const how of ['status=529', 'error=overloaded_error after=1', 'cut=1']) {
    await bridge.post(question(`[[stub ${how}]]`), KEY);
    assert.equal((await bridge.health()).kept, 0, how);
  }
});

test('an answer that was aborted leaves nothing to go on in', async () => {
  await start();
  const messages = [];
  await turn(messages, 'text=a');
  const call = bridge.send({ ...question(''),
    messages: [...messages, user('deltas=4 hang=stream after=2')] }, KEY);
  await finish(call, (text) => {
    if (text.includes('"2 "')) call.destroy();
  }).catch(() => {});
  await until(() => stub.requests().at(-1).closed);
  await turn(messages, 'text=b');
  assert.deepEqual(said(bodies(stub).at(-1)), messages.slice(0, 3));
});

describe('a kept process', () => {
  for (const signal of ['SIGKILL', 'SIGSTOP']) {
    test(`that got a ${signal} is replaced without notice`, async () => {
      await start();
      const messages = [];
      await turn(messages, 'text=a');
      const [pid] = await until(() => bridge.pids('kept').length
        && bridge.pids('kept'));
      process.kill(pid, signal);
      await turn(messages, 'text=b');
      assert.deepEqual(said(bodies(stub).at(-1)), messages.slice(0, 3));
      await until(() => !bridge.children().includes(pid));
      assert.equal(await continued(), 0);
    });
  }

  test('that dies while the API is silent is replaced too', async () => {
    await start();
    const messages = [];
    await turn(messages, 'text=a');
    const [pid] = await until(() => bridge.pids('kept').length
        && bridge.pids('kept'));
    const done = turn(messages, 'text=b hang=headers times=1 name=x');
    await until(() => stub.hung().length);
    process.kill(pid, 'SIGKILL');
    assert.equal(textOf(await done), 'b');
    assert.deepEqual(said(bodies(stub).at(-1)), messages.slice(0, 3));
  });

  test('passes on what the API refuses', async () => {
    await start();
    const messages = [];
    await turn(messages, 'text=a');
    const { status } = await bridge.post({ ...question(''),
      messages: [...messages, user('status=529')] }, KEY);
    assert.equal(status, 529);
    assert.equal(stub.requests().length, 2);
  });

  test('goes after its time', async () => {
    await start({ CLAUDE_BRIDGE_KEEP_TIME: '100ms' });
    await turn([], 'text=a');
    await until(async () => (await bridge.health()).kept === 0);
    await until(() => bridge.pids('kept').length === 0);
  });

  test('goes after its turns', async () => {
    await start({ CLAUDE_BRIDGE_KEEP_TURNS: '2' });
    const messages = [];
    for (let i = 0; i < 4; i++) await turn(messages, `text=${i}`);
    assert.equal(await continued(), 2);
  });

  test('goes when there are more: the one that waited longest', async () => {
    await start({ CLAUDE_BRIDGE_KEEP: '2' });
    const all = [[], [], []];
    for (const messages of all) await turn(messages, 'text=a');
    assert.equal((await bridge.health()).kept, 2);
    await turn(all[1], 'text=b');
    await turn(all[2], 'text=b');
    assert.equal(await continued(), 2);
    await turn(all[0], 'text=b');
    assert.equal(await continued(), 2);
  });

  test('goes when a fresh one needs its place', async () => {
    await start({ CLAUDE_BRIDGE_MAX_PROCESSES: '3' });
    await turn([], 'text=a');
    assert.equal((await bridge.health()).kept, 1);
    const answers = await Promise.all(['b', 'c', 'd'].map((name) =>
      bridge.ask(`[[stub text=${name} deltas=2 delay=500]]`)));
    for (const { status } of answers) assert.equal(status, 200);
    assert.equal((await bridge.health()).kept, 0);
  });

  test('goes when the bridge stops', async () => {
    await start();
    await turn([], 'text=a');
    bridge.child.kill('SIGTERM');
    assert.deepEqual(await bridge.exited, { code: 0, signal: null });
  });
});

const TOOLS = ['Bash', 'w'].map((name) => ({
  name, input_schema: { type: 'object' }, description: 'd'.repeat(5000) }));
const CALLS = 'tool=w args={"n":1} id=toolu_1 tool=Bash args={} id=toolu_2';
const result = (id, content, more = {}) => (
  { type: 'tool_result', tool_use_id: id, content, ...more });
const text = (value) => ({ type: 'text', text: value });

/** The body of the request that brings the results of two calls. */
async function stepped(results, env = null) {
  if (env !== null) await start(env);
  stub.clear();
  const messages = [];
  await turn(messages, `text=look ${CALLS}`, { tools: TOOLS });
  messages.push({ role: 'user', content: results });
  const { status, text: raw } = await bridge.post(
    { ...question(''), messages, tools: TOOLS }, KEY);
  assert.equal(status, 200, raw);
  const [first, second, ...more] = bodies(stub);
  assert.equal(more.length, 0);
  assert.deepEqual(rest(second), rest(first));
  assert.deepEqual(second.tools, TOOLS);
  const got = said(second);
  assert.deepEqual(got.slice(0, -1), messages.slice(0, -1));
  return got.at(-1).content;
}

describe('at tool calls', () => {
  test('the process waits for the results', async () => {
    const content = [result('toolu_1', [text(' one\n'), text('two')]),
      result('toolu_2', [text('x'.repeat(390_000))])];
    assert.deepEqual(await stepped(content, {}), content);
    assert.equal(await continued(), 1);
    const [one, two] = await stepped([result('toolu_1', 'a string'),
      result('toolu_2', 'no', { is_error: true })]);
    assert.deepEqual(one, result('toolu_1', [text('a string')]));
    assert.deepEqual(two, result('toolu_2', 'no', { is_error: true }));
    assert.equal(await continued(), 2);
  });

  test('what would not arrive as it is goes to a fresh one', async () => {
    const good = result('toolu_2', 'x');
    const cases = [
      [result('toolu_1', ''), good],
      [good, result('toolu_1', 'x')],
      [result('toolu_1', 'x'), good, text('and more')],
      [result('toolu_1', 'x'.repeat(400_001)), good],
      [result('toolu_1', ' no', { is_error: true }), good],
      [result('toolu_1', [text('a'), text('b')], { is_error: true }), good],
    ];
    await start();
    for (const content of cases) {
      assert.deepEqual(await stepped(content), content);
      assert.equal(await continued(), 0);
    }
  });

  test('none waits where that is switched off', async () => {
    const content = [result('toolu_1', 'x'), result('toolu_2', 'y')];
    const env = { CLAUDE_BRIDGE_TOOL_STEPS: 'off' };
    assert.deepEqual(await stepped(content, env), content);
    assert.equal(await continued(), 0);
  });
});

test('nothing is kept when it is switched off', async () => {
  for (const env of [{ CLAUDE_BRIDGE_KEEP: '0' }, { CLAUDE_BRIDGE_KEEP: '4',
    CLAUDE_BRIDGE_CONTINUE: 'off', CLAUDE_BRIDGE_REWIND: 'off' }]) {
    bridge = await Bridge.start(stub, env);
    keeper.bridge = bridge;
    const messages = [];
    for (const text of ['a', 'b']) {
      messages.push(user(`text=${text}`));
      const { events } = await bridge.post(
        { ...question(''), messages }, KEY);
      messages.push(answerOf(events));
      assert.equal((await bridge.health()).kept, 0);
    }
    assert.equal(await continued(), 0);
    await keeper.stop();
  }
});

test('each answer has its own cost', async () => {
  await start();
  const messages = [];
  const costs = [];
  for (let i = 0; i < 3; i++) {
    const events = await turn(messages, 'text=hi input=100000 output=1000');
    costs.push(events.find(({ type }) => type === 'claude_cost').cost_usd);
    assert.equal(endOf(events).delta.stop_reason, 'end_turn');
  }
  assert.ok(costs[0] > 0);
  assert.deepEqual(costs, [costs[0], costs[0], costs[0]]);
});
