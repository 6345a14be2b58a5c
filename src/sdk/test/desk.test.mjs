/** A process that waits at its tool calls and goes on with the results. */

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { query } from '@anthropic-ai/claude-agent-sdk';
import { startStub } from '../../../t/stub/anthropic.mjs';
import { SERVER, ToolDesk } from '../desk.mjs';
import { bodies, conversation, TOKEN, until } from './lib/bridge.mjs';

const NAMES = ['Bash', 'w'];
const TOOLS = NAMES.map((name) => (
  { name, input_schema: { type: 'object' } }));

let stub;
let root;
before(async () => {
  stub = await startStub();
  root = await mkdtemp(path.join(tmpdir(), 'desk-'));
});
after(async () => {
  await stub?.close();
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
});

const text = (value) => ({ type: 'text', text: value });
const call = (name, id) => `tool=${name} args={"n":1} id=${id}`;

test('calls wait; with their results the turn goes on', async () => {
  const desk = new ToolDesk(NAMES);
  let end;
  const ended = new Promise((resolve) => { end = resolve; });
  const first = text(`[[stub text=look ${call('w', 'b')} ${
    call('Bash', 'a')}]]`);
  const asked = query({
    prompt: (async function* prompt() {
      yield { type: 'user', parent_tool_use_id: null,
        message: { role: 'user', content: [first] } };
      await ended;
    })(),
    options: {
      ...desk.options, allowedTools: [`mcp__${SERVER}`], tools: [], cwd: root,
      settingSources: [], persistSession: false, verbatimPrompts: true,
      includePartialMessages: true, systemPrompt: 'x', env: {
        PATH: process.env.PATH, HOME: root, TMPDIR: root,
        ANTHROPIC_BASE_URL: stub.url, CLAUDE_CODE_OAUTH_TOKEN: TOKEN,
        CLAUDE_AGENT_SDK_MCP_NO_PREFIX: '1', ENABLE_TOOL_SEARCH: 'false',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_DISABLE_ATTACHMENTS: '1',
        CLAUDE_CODE_EXTRA_BODY: JSON.stringify({ tools: TOOLS }),
      },
    },
  });
  const results = [];
  const reading = (async () => {
    for await (const message of asked) {
      if (message.type === 'result') {
        results.push(message);
        end();
      }
    }
  })();
  await until(() => desk.open.length === 1, 'a call');
  assert.deepEqual(desk.open, ['b']);
  assert.equal(stub.requests().length, 1);
  desk.give('a', { content: [text('[[stub text=done]]')], isError: true });
  desk.give('b', { content: [text('of w')] });
  await reading;
  assert.equal(results[0].result, 'done');
  const [one, two, ...more] = bodies(stub);
  assert.equal(more.length, 0);
  for (const { tools } of [one, two]) assert.deepEqual(tools, TOOLS);
  assert.deepEqual(conversation(one), [{ role: 'user', content: [first] }]);
  const [, said, results2] = conversation(two);
  assert.deepEqual(said.content, [text('look'),
    { type: 'tool_use', id: 'b', name: 'w', input: { n: 1 } },
    { type: 'tool_use', id: 'a', name: 'Bash', input: { n: 1 } }]);
  assert.deepEqual(results2.content.map(({ tool_use_id: id }) => id),
    ['b', 'a']);
  assert.doesNotMatch(JSON.stringify([one, two]), /git commit|budget/i);
});
