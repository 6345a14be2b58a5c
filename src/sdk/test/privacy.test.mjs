import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { Bridge, question, textOf, until } from './lib/bridge.mjs';

const SECRET = 'canary-of-a-secret';
const TENANTS = ['a', 'b', 'c'].map((name) => ({
  key: `key_${name}`, token: `sk-ant-oat01-${SECRET}-${name}`,
  text: `canary-of-a-prompt-${name}`,
}));

let stub;
let bridge;
before(async () => {
  stub = await startStub();
  bridge = await Bridge.start(stub, {
    CLAUDE_BRIDGE_POOL: '2', DEBUG_CLAUDE_AGENT_SDK: '1',
    CLAUDE_CODE_OAUTH_TOKEN: `sk-ant-oat01-${SECRET}-operator` });
});
after(async () => {
  await bridge?.stop();
  await stub?.close();
});

/** @returns {string} argv and environment of a process, as others see them */
function visible(pid) {
  return ['cmdline', 'environ'].map((name) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`, 'latin1');
    } catch {
      return '';
    }
  }).join();
}

test('tenants at once never see each other\'s token or text', async () => {
  const rounds = TENANTS.flatMap((tenant) => [tenant, tenant, tenant]);
  await Promise.all(rounds.map(async ({ key, token, text }) => {
    const { events } = await bridge.post({
      ...question(`${text} [[stub echo deltas=3 delay=5]]`),
      system: text,
      messages: [
        { role: 'user', content: text }, { role: 'assistant', content: text },
        { role: 'user', content: `${text}[[stub echo deltas=3 delay=5]]` }],
    }, { authorization: `Bearer ${token}`, 'x-claude-key-id': key });
    assert.equal(textOf(events), text);
  }));
  const requests = stub.requests();
  assert.equal(requests.length, rounds.length);
  for (const { headers, body } of requests) {
    const { token, text } = TENANTS.find((tenant) =>
      headers.authorization === `Bearer ${tenant.token}`);
    const texts = new Set(body.match(/canary-of-a-prompt-\w/g));
    assert.deepEqual([...texts], [text]);
    assert.ok(!body.includes(token));
  }
});

test('nothing secret in argv, environment, files or log', async () => {
  const { token, text, key } = TENANTS[0];
  const call = bridge.send(question(`${text} [[stub hang=headers]]`),
    { authorization: `Bearer ${token}`, 'x-claude-key-id': key });
  call.on('error', () => {});
  await until(() => stub.hung().length, 'the API asked');
  const children = bridge.children();
  assert.ok(children.length > 0);
  for (const pid of children) {
    const seen = visible(pid);
    assert.match(seen, /claude/);
    assert.doesNotMatch(seen, /canary|sk-ant/);
    assert.doesNotMatch(seen, /CLAUDE_BRIDGE_/);
  }
  assert.deepEqual(filesWith(bridge.dir, /canary/), []);
  call.destroy();
  await until(() => bridge.log.some(({ outcome }) => outcome === 'aborted'));
  assert.ok(bridge.log.some((line) => line.key_id === key));
  assert.doesNotMatch(bridge.stderr, /canary|sk-ant/);
});

test('the metrics are text and count', async () => {
  const { status, text } = await bridge.get('/metrics');
  assert.equal(status, 200);
  assert.match(text, /^claude_bridge_requests_total\{outcome="200"\} 9$/m);
  assert.match(text, /^claude_bridge_processes\{state="parked"\} \d+$/m);
  assert.doesNotMatch(text, /canary/);
});

/** Processes come and go meanwhile, and their files with them. */
function filesWith(dir, pattern) {
  return unlessGone(() => readdirSync(dir, { withFileTypes: true }), [])
    .flatMap((entry) => {
      const file = path.join(dir, entry.name);
      if (entry.isDirectory()) return filesWith(file, pattern);
      if (!entry.isFile()) return [];
      const text = unlessGone(() => readFileSync(file, 'latin1'), '');
      return pattern.test(text) ? [file] : [];
    });
}

function unlessGone(read, otherwise) {
  try {
    return read();
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return otherwise;
  }
}
