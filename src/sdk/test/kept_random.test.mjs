/**
 * Random edits, forks, retries, aborted and failed answers, other
 * conversations of the same key and parallel continuations: each body that
 * reaches the API is what was asked, and nothing of another conversation.
 * KEPT_OPS requests (40), from KEPT_SEED.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { Bridge, finish, question, TOKEN, until } from './lib/bridge.mjs';
import { answerOf, random, rest, said, SETTINGS } from './lib/fuzz.mjs';

const OPS = Number(process.env.KEPT_OPS ?? 40);
const SEED = Number(process.env.KEPT_SEED ?? 8);
const WORKERS = 3;
const KEYS = ['one', 'two'];
const TEXTS = ['hello', '/clear', '@/etc/passwd', 'é😀 ', '{"a":1}',
  '<system-reminder>x</system-reminder>', ' \nlead and trail \n'];

let stub;
let bridge;
before(async () => {
  stub = await startStub();
  bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_POOL: '2',
    CLAUDE_BRIDGE_KEEP: '8', CLAUDE_BRIDGE_MAX_PROCESSES: '24',
    CLAUDE_BRIDGE_MIMALLOC: 'on', CLAUDE_BRIDGE_LOG: 'info' });
});
after(async () => {
  await bridge?.stop();
  await stub?.close();
});

const draw = random(SEED);
const below = (n) => Math.floor(draw() * n);
const pick = (all) => all[below(all.length)];
const text = (value) => ({ type: 'text', text: value });
/** Of this run: with fewer, more of them meet. */
const settings = Array.from({ length: 6 }, (_, i) =>
  SETTINGS[(below(2) + 2 * i) % SETTINGS.length]);

let count = 0;
let sent = 0;
const conversations = [];
const templates = new Map();

/** What the model is to say, and a word by which the request is found. */
function line(setting, how = '') {
  const n = ++count;
  const calls = !setting.tools || how || draw() < 0.3 ? '' : ['w', 'Bash']
    .slice(0, 1 + below(2)).map((name, i) =>
      ` tool=${name} args={"n":${n}} id=toolu_${n}x${i}`).join('');
  const thinks = setting.thinking && draw() < 0.5 ? ` thinking="so ${n}"` : '';
  return { tag: `#${n}#`, calls,
    text: `#${n}# ${pick(TEXTS)} [[stub ${how || `text="A${n}"${calls}${
      thinks}`}]]` };
}

/** The next message of the user's: a text, or results of the open calls. */
function next(messages, setting, how) {
  const asked = line(setting, how);
  const calls = (messages.at(-1)?.content ?? [])
    .filter(({ type }) => type === 'tool_use');
  if (calls.length === 0) {
    return { ...asked, message: { role: 'user', content: [text(asked.text)] } };
  }
  const content = calls.map(({ id }, i) =>
    result(id, i === 0 ? asked.text : `${asked.tag} ${pick(TEXTS)}`));
  if (draw() < 0.1) content.reverse();
  if (draw() < 0.1) content.push(text('and more'));
  return { ...asked, message: { role: 'user', content } };
}

function result(id, said) {
  const read = { type: 'tool_result', tool_use_id: id, content: said };
  switch (below(10)) {
    case 0: return { ...read, content: [text(said), text(pick(TEXTS))] };
    case 1: return { ...read, is_error: true };
    case 2: return { ...read, content: said + 'x'.repeat(60_000) };
    default: return read;
  }
}

/** As the API takes it: a text for an array of one. */
function plain(messages) {
  return messages.map(({ role, content }) => ({ role,
    content: content.map((block) => (typeof block.content === 'string'
      ? { ...block, content: [text(block.content)] } : block)) }));
}

function check(asked, { setting, messages, headers }) {
  const found = stub.requests().filter(({ body }) => JSON.stringify(
    JSON.parse(body).messages.findLast(({ role }) => role === 'user'))
    .includes(asked.tag));
  assert.ok(found.length > 0, `${asked.tag}: ${asked.raw}`);
  for (const entry of found) {
    const body = JSON.parse(entry.body);
    assert.deepEqual(plain(said(body)), plain(messages));
    assert.deepEqual(rest(body), templates.get(JSON.stringify(setting)));
  }
  const own = found.map((entry) => entry.headers.authorization);
  assert.ok(own.includes(headers.authorization));
}

/** Sends one request; the answer's message, unless it is to fail. */
async function send(conversation, asked, how) {
  const { key, setting, messages: before } = conversation;
  const messages = [...before, asked.message];
  const headers = { 'x-claude-key-id': key,
    authorization: `Bearer ${TOKEN}-of-${key}-${below(2)}` };
  const call = bridge.send({ ...question(''), ...setting, messages }, headers);
  sent++;
  const { status, events, text: raw } = await finish(call, (soFar) => {
    if (how?.includes('hang') && soFar.includes('"2 "')) call.destroy();
  }).catch(() => ({ status: 0 }));
  check({ ...asked, raw }, { setting, messages, headers });
  if (how) return null;
  assert.equal(status, 200, raw);
  assert.equal(events.at(-1).type, 'message_stop', raw);
  const answer = answerOf(events);
  assert.equal(answer.content.find(({ type }) => type === 'text').text,
    `A${asked.tag.slice(1, -1)}`);
  return { ...conversation, messages: [...messages, answer] };
}

/** What a client may have had answered elsewhere. */
function told({ thinking }) {
  return Array.from({ length: below(4) }, () => {
    const n = ++count;
    const thoughts = thinking && draw() < 0.3
      ? [{ type: 'thinking', thinking: `t${n}`, signature: 'c2ln' }] : [];
    const asked = [text(`#${n}# ${pick(TEXTS)}`)];
    if (draw() < 0.2) asked.push(text(`${n} and more`));
    return [{ role: 'user', content: asked },
      { role: 'assistant', content: [...thoughts, text(`told ${n}`)] }];
  }).flat();
}

const OPERATIONS = {
  extend: (of) => of,
  another: (of) => ({ ...of, messages: told(of.setting) }),
  edit: (of) => {
    const own = structuredClone(of);
    const blocks = own.messages.flatMap(({ content }) => content)
      .filter(({ type }) => type === 'text');
    pick(blocks).text += '!';
    return own;
  },
  fork: (of) => ({ ...of,
    messages: of.messages.slice(0, 2 * (1 + below(of.messages.length / 2))) }),
  move: (of) => ({ ...of, key: pick(KEYS) }),
  change: (of) => ({ ...of,
    setting: pick(settings.filter(({ tools }) =>
      !of.setting.tools === !tools)) }),
};
const ODDS = ['extend', 'extend', 'extend', 'extend', 'extend', 'extend',
  'another', 'another', 'another', 'edit', 'fork', 'move', 'change'];
const FAULTS = ['deltas=9 hang=stream after=2', 'status=529', 'cut=2 deltas=9',
  'stop=max_tokens text=x', 'text=" "'];
/** Answers to one conversation at once. */
const WIDTHS = [1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3, 4];

async function operate() {
  const isNew = conversations.length < 4 || draw() < 0.05;
  const at = below(conversations.length);
  const what = isNew ? 'new' : pick(ODDS);
  const from = isNew
    ? { key: pick(KEYS), setting: pick(settings), messages: [] }
    : OPERATIONS[what](conversations[at]);
  const how = draw() < 0.08 ? pick(FAULTS) : undefined;
  const all = Array.from({ length: pick(WIDTHS) },
    () => next(from.messages, from.setting, how));
  const isAgain = !how && draw() < 0.08;
  const [to] = await Promise.all((isAgain ? [...all, all[0]] : all)
    .map((asked) => send(from, asked, how)));
  if (isAgain && draw() < 0.5) await send(from, all[0], how);
  if (to === null || to.messages.length > 24) return;
  if (conversations.length < 8) conversations.push(to);
  else conversations[what === 'extend' ? at : below(8)] = to;
}

test(`${OPS} requests from seed ${SEED}`, async () => {
  for (const setting of settings) {
    await bridge.ask('[[stub text=x]]', setting);
    sent++;
    templates.set(JSON.stringify(setting),
      rest(JSON.parse(stub.requests().at(-1).body)));
  }
  const first = sent;
  await Promise.all(Array.from({ length: WORKERS }, async () => {
    while (sent - first < OPS) await operate();
  }));
  assert.equal(stub.requests().at(-1).n, sent);
  const { text: metrics } = await bridge.get('/metrics');
  const went = ['continued', 'tool_steps', 'rewound'].map((name) =>
    Number(new RegExp(`${name}_total (\\d+)`).exec(metrics)[1]));
  console.log(`# continued, of them tool steps, rewound: ${went.join(', ')}`);
  assert.ok(went[0] + went[2] > 0);
  await until(async () => (await bridge.health()).busy === 0);
});
