import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import {
  bodies, Bridge, question, textOf, TOKEN, until,
} from './lib/bridge.mjs';

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

function endOf(events) {
  return events.find(({ type }) => type === 'message_delta');
}

test('a stream has the API\'s events, text exact', async () => {
  const text = 'a "b" \\ \n\t ü 漢 \u{1f600} \u0001 </script>';
  const { status, headers, events, text: raw } = await bridge.ask(
    `[[stub text=${JSON.stringify(text)} deltas=5]]`);
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^text\/event-stream/);
  assert.equal(textOf(events), text);
  assert.deepEqual([...new Set(events.map(({ type }) => type))], [
    'message_start', 'content_block_start', 'content_block_delta',
    'content_block_stop', 'message_delta', 'claude_cost', 'message_stop']);
  assert.equal(endOf(events).delta.stop_reason, 'end_turn');
  assert.ok(endOf(events).usage.output_tokens > 0);
  const deltas = raw.split('\n').filter((line) => line.includes('_delta","i'));
  assert.equal(deltas.length, 5);
  for (const line of deltas) {
    const { text: piece } = JSON.parse(line.slice(6)).delta;
    assert.equal(line, 'data: {"type":"content_block_delta","index":0,'
      + `"delta":{"type":"text_delta","text":${JSON.stringify(piece)}}}`);
  }
  assert.equal(stub.requests().length, 1);
});

test('without stream: one document', async () => {
  const { status, json } = await bridge.ask(
    '[[stub text="whole" thinking="hm" input=11 output=7]]',
    { stream: false, thinking: { type: 'adaptive' } });
  assert.equal(status, 200);
  assert.equal(json.type, 'message');
  assert.equal(json.role, 'assistant');
  assert.equal(json.stop_reason, 'end_turn');
  assert.deepEqual(json.content.map(({ type }) => type),
    ['thinking', 'text']);
  assert.equal(json.content[0].thinking, 'hm');
  assert.ok(json.content[0].signature);
  assert.equal(json.content[1].text, 'whole');
  assert.equal(json.usage.input_tokens, 11);
  assert.equal(json.usage.output_tokens, 7);
});

test('events come on while the model still writes', async () => {
  const call = bridge.send(question('[[stub deltas=4 hang=stream after=2]]'));
  const res = await new Promise((resolve) => {
    call.once('response', resolve);
  });
  let text = '';
  for await (const chunk of res) {
    text += chunk;
    if (text.includes('"2 "')) stub.release();
  }
  assert.match(text, /"4 "/);
  assert.match(text, /message_stop/);
});

test('a silent model: headers wait for the first event', async () => {
  const call = bridge.send(question('[[stub hang=start text=late]]'));
  let seen = false;
  const response = new Promise((resolve) => {
    call.once('response', (res) => {
      seen = true;
      res.resume().once('end', resolve);
    });
  });
  await until(() => stub.hung().length, 'the API asked');
  assert.equal(seen, false);
  stub.release();
  await response;
  assert.equal(seen, true);
});

test('what the body asks for reaches the API', async () => {
  await bridge.ask('hi', {
    system: [{ type: 'text', text: 'One.' }, { type: 'text', text: 'Two.' }],
    temperature: 0.5, top_p: 0.9, top_k: 7, stop_sequences: ['\n\nH:', 'X'],
    max_tokens: 77, output_config: { effort: 'low' },
    metadata: { user_id: 'u1' },
  });
  const [body, ...more] = bodies(stub);
  assert.equal(more.length, 0);
  assert.equal(body.model, 'claude-sonnet-5-5');
  assert.equal(body.max_tokens, 77);
  assert.equal(body.temperature, 0.5);
  assert.equal(body.top_p, 0.9);
  assert.equal(body.top_k, 7);
  assert.deepEqual(body.stop_sequences, ['\n\nH:', 'X']);
  assert.equal(body.output_config.effort, 'low');
  assert.equal(body.thinking, undefined);
  assert.equal(body.system.at(-1).text, 'One.\n\nTwo.');
  // the budget that ends a process is no business of the model's
  assert.doesNotMatch(JSON.stringify(body), /budget|usd/i);
  assert.deepEqual(body.tools, []);
});

test('thinking: adaptive, with a display, with a budget', async () => {
  await bridge.ask('hi', { thinking: { type: 'adaptive' } });
  await bridge.ask('hi', {
    thinking: { type: 'adaptive', display: 'summarized' } });
  await bridge.ask('hi', { max_tokens: 3000,
    thinking: { type: 'enabled', budget_tokens: 2000 } });
  const sent = bodies(stub).map(({ thinking }) => thinking);
  assert.equal(sent[0].type, 'adaptive');
  assert.deepEqual(sent[1], { type: 'adaptive', display: 'summarized' });
  assert.deepEqual(sent[2], { type: 'enabled', budget_tokens: 2000 });
});

test('a system prompt of 200 kB arrives', async () => {
  const system = 'ä'.repeat(100_000);
  await bridge.ask('hi', { system });
  assert.equal(bodies(stub)[0].system.at(-1).text, system);
});

test('stop_sequences end the answer', async () => {
  const { events } = await bridge.ask('[[stub text="one STOP two"]]',
    { stop_sequences: ['STOP'] });
  assert.equal(textOf(events), 'one ');
  assert.equal(endOf(events).delta.stop_reason, 'stop_sequence');
  assert.equal(endOf(events).delta.stop_sequence, 'STOP');
});

const ENDS = {
  max_tokens: 'deltas=90 hang=start',
  model_context_window_exceeded: 'stop=model_context_window_exceeded '
    + 'hang=start',
  pause_turn: 'stop=pause_turn hang=start',
  refusal: 'stop=refusal input=12 output=34 hang=start',
  end_turn: 'text="" hang=start',
  tool_use: 'tool=w tool=Bash args={"command":"id"} hang=start',
};
for (const [reason, how] of Object.entries(ENDS)) {
  test(`${reason} ends the answer; nothing more is asked, by whom ever`,
    async () => {
      const answer = bridge.ask(`[[stub ${how}]]`,
        { max_tokens: reason === 'max_tokens' ? 5 : 100 });
      await until(() => stub.hung().length, 'the API asked');
      const [pid] = await until(() => bridge.pids('answering').length
        && bridge.pids('answering'));
      bridge.child.kill('SIGSTOP');
      stub.release();
      await idle(pid);
      bridge.child.kill('SIGCONT');
      const { events } = await answer;
      assert.equal(endOf(events).delta.stop_reason, reason);
      assert.equal(events.at(-1).type, 'message_stop');
      if (reason === 'refusal') {
        assert.equal(endOf(events).usage.output_tokens, 34);
      }
      await bridge.ready();
      assert.equal(stub.requests().length, 1);
    });
}

/** Comes back when a process has done nothing for a while. */
async function idle(pid) {
  let last;
  let since = 0;
  await until(() => {
    const used = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
      .slice(13, 15).join();
    since = used === last ? since + 1 : 0;
    last = used;
    return since > 50;
  }, 'an idle process');
}

test('an API key goes out as one, an OAuth token as a bearer', async () => {
  const key = 'sk-ant-api03-canary-key';
  await bridge.ask('hi', {}, 
    { authorization: undefined, 'x-api-key': key });
  await bridge.ask('hi');
  const [first, second] = stub.requests().map(({ headers }) => headers);
  assert.equal(first['x-api-key'], key);
  assert.equal(first.authorization, undefined);
  assert.equal(second.authorization, `Bearer ${TOKEN}`);
  assert.match(second['anthropic-beta'], /oauth/);
});

test('@anthropic-ai/sdk talks to the bridge', async (t) => {
  const front = createServer((req, res) => {
    const call = request({ socketPath: bridge.socket, path: req.url,
      method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    req.pipe(call);
  });
  await new Promise((resolve) => { front.listen(0, '127.0.0.1', resolve); });
  t.after(() => { front.close(); front.closeAllConnections(); });
  const client = new Anthropic({
    baseURL: `http://127.0.0.1:${front.address().port}`,
    apiKey: null, authToken: TOKEN, maxRetries: 0,
  });
  const ask = (text) => ({ ...question(text), stream: undefined });
  const message = await client.messages.create(ask('[[stub text=whole]]'));
  assert.equal(message.content[0].text, 'whole');
  const stream = client.messages.stream(ask('[[stub text=piecemeal]]'));
  assert.equal((await stream.finalMessage()).content[0].text, 'piecemeal');
  await assert.rejects(client.messages.create(ask('[[stub status=404]]')),
    Anthropic.NotFoundError);
});
