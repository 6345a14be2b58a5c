/** Which kept process is taken and which one goes, with processes made up. */

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { KeptProcesses } from '../kept.mjs';
import { today } from '../launch.mjs';

const SECOND = 1000;
const SETTINGS = { keep: 3, keepTime: 60 * SECOND, keepTurns: 5,
  continues: true, toolSteps: true, rewinds: true };
const realNow = Date.now;

let kept;
afterEach(() => {
  Date.now = realNow;
  while (kept?.giveUp());
});

const text = (value) => [{ type: 'text', text: value }];
const user = (value) => ({ role: 'user', content: text(value) });
const assistant = (value) => ({ role: 'assistant', content: text(value) });

function turn(messages, more = {}) {
  return { keyId: 'one', system: '', tools: [], messages,
    flags: { model: 'm', env: { CLAUDE_CODE_OAUTH_TOKEN: 't' } }, ...more };
}

/** Keeps a process that answered a conversation of so many messages. */
function keep(name, length, { calls = [], ago = 0, ...more } = {}) {
  const messages = Array.from({ length: length - 1 }, (_, i) => (
    i % 2 ? assistant(`${name}${i}`) : user(`${name}${i}`)));
  const process = { name, calls, held: assistant(`held by ${name}`),
    alive: true, rewindable: calls.length === 0, turns: 1, lasting: true,
    day: today(), stopped: false, stop() { this.stopped = true; }, ...more };
  Date.now = () => realNow() - ago * SECOND;
  kept.put(process, turn(messages));
  Date.now = realNow;
  return { process, messages: [...messages, process.held] };
}

const CALL = [{ type: 'tool_use', id: 'toolu_1', name: 'w', input: {} }];

test('the least useful goes when there are too many', () => {
  const cases = [
    [['new', 2, {}], ['old', 2, { ago: 30 }]],
    [['long', 16, { ago: 30 }], ['short', 2, {}]],
    [['new', 2, {}], ['long, long ago', 16, { ago: 240 }]],
    [['at calls', 2, { calls: CALL }], ['long', 40, {}]],
    [['long', 16, {}], ['at calls, and left', 2, { calls: CALL, ago: 40 }]],
    [['as long', 16, {}], ['longer, but older', 400, { ago: 10 }]],
  ];
  for (const [better, worse] of cases) {
    for (const order of [[better, worse], [worse, better]]) {
      kept = new KeptProcesses(SETTINGS);
      const [first, second] = order.map((how) => keep(...how).process);
      assert.ok(kept.giveUp());
      const gone = first.stopped ? first : second;
      assert.equal(gone.name, worse[0]);
      assert.equal(kept.size, 1);
      assert.ok(kept.giveUp());
      assert.ok(!kept.giveUp());
    }
  }
});

test('there are never more than is said', () => {
  kept = new KeptProcesses(SETTINGS);
  const all = ['a', 'b', 'c', 'd'].map((name, i) =>
    keep(name, 2, { ago: 10 - i }).process);
  assert.equal(kept.size, 3);
  assert.deepEqual(all.map(({ stopped }) => stopped),
    [true, false, false, false]);
});

test('one is taken once', () => {
  kept = new KeptProcesses(SETTINGS);
  const { process, messages } = keep('a', 4);
  const more = turn([...messages, user('more')]);
  assert.deepEqual(kept.take(more), { process, results: null, rewind: false });
  assert.equal(kept.take(more), null);
});

test('the least useful is rewound, but none at calls', () => {
  kept = new KeptProcesses(SETTINGS);
  keep('long', 10);
  const { process } = keep('short', 2);
  keep('at calls', 2, { calls: CALL, ago: 50 });
  const other = (name) => turn([user(name)]);
  assert.deepEqual(kept.take(other('x')),
    { process, results: null, rewind: true });
  assert.equal(kept.take(other('y')).process.name, 'long');
  assert.equal(kept.take(other('z')), null);
  assert.equal(kept.waiting, 1);
});

test('nothing is taken for what is not the same', () => {
  const differs = {
    'key': { keyId: 'two' },
    'no key': { keyId: undefined },
    'system prompt': { system: 'S' },
    'model': { flags: { model: 'n', env: { CLAUDE_CODE_OAUTH_TOKEN: 't' } } },
    'environment': { flags: { model: 'm',
      env: { CLAUDE_CODE_OAUTH_TOKEN: 't', X: '1' } } },
    'kind of credential': { flags: { model: 'm',
      env: { ANTHROPIC_API_KEY: 't' } } },
  };
  for (const [what, more] of Object.entries(differs)) {
    for (const isNew of [false, true]) {
      kept = new KeptProcesses(SETTINGS);
      const { messages } = keep('a', 2);
      const all = isNew ? [user('x')] : [...messages, user('x')];
      assert.equal(kept.take(turn(all, more)), null, what);
      assert.equal(kept.size, 1);
      while (kept.giveUp());
    }
  }
});

test('nothing is taken for what is edited, forked, or asked again', () => {
  kept = new KeptProcesses(SETTINGS);
  const { messages: [first, second, third, fourth] } = keep('a', 4);
  const x = user('x');
  for (const messages of [
    [first], [first, second, third], [first, second, x],
    [first, assistant('edited'), third, fourth, x],
    [user('edited'), second, third, fourth, x],
    [first, second, third, assistant('edited'), x],
    [first, second, third, fourth, third, fourth, x],
  ]) assert.equal(kept.take(turn(messages)), null);
  assert.ok(kept.take(turn([first, second, third, fourth, x])));
});

test('another credential of the same kind is taken', () => {
  kept = new KeptProcesses(SETTINGS);
  const { messages } = keep('a', 2);
  const flags = { model: 'm', env: { CLAUDE_CODE_OAUTH_TOKEN: 'other' } };
  assert.ok(kept.take(turn([...messages, user('x')], { flags })));
});

test('one of another day is not taken', () => {
  kept = new KeptProcesses(SETTINGS);
  const { messages } = keep('a', 2, { day: 'Thu Jan 01 1970' });
  assert.equal(kept.take(turn([...messages, user('x')])), null);
  assert.equal(kept.take(turn([user('x')])), null);
});

test('each way can be switched off', () => {
  const continues = (settings) => {
    kept = new KeptProcesses({ ...SETTINGS, ...settings });
    const { messages } = keep('a', 2);
    return kept.take(turn([...messages, user('x')])) !== null;
  };
  const rewinds = (settings) => {
    kept = new KeptProcesses({ ...SETTINGS, ...settings });
    keep('a', 2);
    return kept.take(turn([user('x')]))?.rewind === true;
  };
  assert.ok(continues({ rewinds: false }) && rewinds({ continues: false }));
  assert.ok(!continues({ continues: false }));
  assert.ok(!rewinds({ rewinds: false }));
  const wanted = (settings, tools) => new KeptProcesses(
    { ...SETTINGS, ...settings }).isWanted(turn([], { tools }));
  assert.ok(wanted({}, ['w']) && !wanted({ toolSteps: false }, ['w']));
  assert.ok(!wanted({ keep: 0 }, []) && !wanted({}, ['c0']));
  assert.ok(!wanted({ continues: false, rewinds: false }, []));
});
