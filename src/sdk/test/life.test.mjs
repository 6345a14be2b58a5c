import assert from 'node:assert/strict';
import { symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { Launcher } from '../launch.mjs';
import { Bridge, finish, question, textOf, until } from './lib/bridge.mjs';

let stub;
let bridge;
before(async () => { stub = await startStub(); });
afterEach(async () => {
  stub.release();
  await bridge?.stop();
  bridge = undefined;
  stub.clear();
});
after(() => stub?.close());

const HANG = '[[stub deltas=4 hang=stream after=2]]';
const begin = () => bridge.send(question(HANG));
const isGone = (pid) => !bridge.children().includes(pid);

/** An answer that has begun and hangs, and the process that gives it. */
async function hanging() {
  const call = begin();
  let seen = '';
  const done = finish(call, (soFar) => { seen = soFar; });
  await until(() => seen.includes('"2 "'), 'two deltas');
  const [pid] = await until(() => bridge.pids('answering').length
    && bridge.pids('answering'));
  return { call, done, pid };
}

describe('the client', () => {
  test('goes mid-stream: the process and its call to the API end',
    async () => {
      bridge = await Bridge.start(stub);
      const { call, done, pid } = await hanging();
      call.destroy();
      await done.catch(() => {});
      await until(() => stub.requests()[0].closed, 'the API call closed');
      assert.equal(stub.requests()[0].closed, 'client');
      await until(() => isGone(pid), 'the process gone');
      await until(() => bridge.log.some(({ outcome }) =>
        outcome === 'aborted'));
      await bridge.ready();
      assert.equal(stub.requests().length, 1);
    });

  test('goes before the first event', async () => {
    bridge = await Bridge.start(stub);
    const call = bridge.send(question('[[stub hang=headers]]'));
    call.on('error', () => {});
    await until(() => stub.hung().length, 'the API asked');
    call.destroy();
    await until(() => stub.requests()[0].closed === 'client');
  });

  test('goes while it waits in the queue', async () => {
    bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_MAX_PROCESSES: '1' });
    const { done } = await hanging();
    const waiting = begin();
    waiting.on('error', () => {});
    await until(async () => (await bridge.health()).queue === 1);
    waiting.destroy();
    await until(async () => (await bridge.health()).queue === 0);
    assert.equal((await bridge.health()).refused, 0);
    stub.release();
    assert.equal(textOf((await done).events), '1 2 3 4 ');
    assert.equal(stub.requests().length, 1);
  });

  test('does not read: its answer is given up, memory stays', async () => {
    bridge = await Bridge.start(stub);
    const call = bridge.send(question('[[stub deltas=30000]]',
      { max_tokens: 120000 }));
    const res = await new Promise((resolve) => {
      call.once('response', resolve);
    });
    res.on('error', () => {});
    await until(() => bridge.log.some(({ outcome }) => outcome === 'unread'));
    assert.ok(stub.requests()[0].deltas > 0);
    await until(() => bridge.pids('answering').length === 0);
  });
});

describe('a process that is killed', () => {
  test('while it starts is replaced', async () => {
    bridge = await Bridge.launch({ ANTHROPIC_BASE_URL: stub.url });
    const [pid] = await until(() => bridge.pids('starting').length
      && bridge.pids('starting'), 'a start');
    process.kill(pid, 'SIGKILL');
    await until(() => bridge.log.some(({ event }) =>
      event === 'start_failed'));
    await bridge.ready();
    assert.equal((await bridge.ask('[[stub text=fine]]')).status, 200);
  });

  test('while it is parked is replaced', async () => {
    bridge = await Bridge.start(stub);
    const [pid] = bridge.pids('parked');
    process.kill(pid, 'SIGKILL');
    const { status, events } = await bridge.ask('[[stub text=fine]]');
    assert.equal(status, 200);
    assert.equal(textOf(events), 'fine');
    assert.ok(!bridge.pids('answering').includes(pid));
  });

  test('once bound is replaced, for nothing was sent', async () => {
    bridge = await Bridge.start(stub);
    const [pid] = bridge.pids('parked');
    process.kill(pid, 'SIGSTOP');
    const done = bridge.ask('[[stub text=fine]]');
    await until(() => bridge.pids('bound').length);
    process.kill(pid, 'SIGKILL');
    assert.equal(textOf((await done).events), 'fine');
    assert.equal(stub.requests().length, 1);
  });

  test('while the API is silent gives a 502', async () => {
    bridge = await Bridge.start(stub);
    const done = bridge.ask('[[stub hang=headers]]');
    await until(() => stub.hung().length, 'the API asked');
    const [pid] = await until(() => bridge.pids('answering').length
      && bridge.pids('answering'));
    process.kill(pid, 'SIGKILL');
    const { status, json } = await done;
    assert.equal(status, 502);
    assert.equal(json.error.type, 'api_error');
    assert.equal(stub.requests().length, 1);
  });

  test('while it answers gives an error event', async () => {
    bridge = await Bridge.start(stub);
    const { done, pid } = await hanging();
    process.kill(pid, 'SIGKILL');
    const { events } = await done;
    assert.equal(events.at(-1).type, 'error');
    assert.equal(events.at(-1).error.type, 'api_error');
  });

  test('at any moment never hangs a request', async () => {
    bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_POOL: '2' });
    let killed = 0;
    const killer = setInterval(() => {
      const pids = bridge.children();
      if (killed < 12 && pids.length > 0 && Math.random() < 0.3) {
        killed++;
        process.kill(pids[Math.floor(Math.random() * pids.length)], 'SIGKILL');
      }
    }, 40);
    const outcomes = await Promise.all(Array.from({ length: 16 }, async () => {
      const { status, events } = await bridge.ask('[[stub deltas=9 delay=9]]');
      if (status !== 200) return status;
      if (events.at(-1).type === 'error') return 'error';
      assert.equal(events.at(-1).type, 'message_stop');
      assert.equal(textOf(events), '1 2 3 4 5 6 7 8 9 ');
      return 'whole';
    }));
    clearInterval(killer);
    assert.ok(killed > 0);
    for (const outcome of outcomes) {
      assert.ok(['whole', 'error', 502, 529].includes(outcome), outcome);
    }
    await bridge.ready();
    assert.equal((await bridge.ask('[[stub text=fine]]')).status, 200);
  });

  test('or hangs while parked is replaced', async () => {
    bridge = await Bridge.start(stub);
    process.kill(bridge.pids('parked')[0], 'SIGSTOP');
    const { events } = await bridge.ask('[[stub text=fine]]');
    assert.equal(textOf(events), 'fine');
  });

  test('and one that hangs is ended when the client goes', async () => {
    bridge = await Bridge.start(stub);
    const { call, done, pid } = await hanging();
    process.kill(pid, 'SIGSTOP');
    call.destroy();
    await done.catch(() => {});
    await until(() => isGone(pid), 'the process gone');
  });
});

describe('more requests than processes', () => {
  const ONE = { CLAUDE_BRIDGE_MAX_PROCESSES: '1', CLAUDE_BRIDGE_QUEUE: '1' };

  test('wait in the queue, and are refused beyond it', async () => {
    bridge = await Bridge.start(stub, ONE);
    const { done } = await hanging();
    const waiting = finish(bridge.send(question('[[stub text=second]]')));
    await until(async () => (await bridge.health()).queue === 1);
    const { status, headers, json } = await bridge.ask('third');
    assert.equal(status, 529);
    assert.equal(json.error.type, 'overloaded_error');
    assert.ok(Number(headers['retry-after']) > 0);
    const { refused, starts } = await bridge.health();
    assert.equal(refused, 1, 'and are counted');
    assert.ok(starts >= 1);
    stub.release();
    assert.equal(textOf((await done).events), '1 2 3 4 ');
    assert.equal(textOf((await waiting).events), 'second');
  });

  test('are refused after the deadline', async () => {
    bridge = await Bridge.start(stub, {
      ...ONE, CLAUDE_BRIDGE_QUEUE_TIMEOUT: '50ms' });
    const { done } = await hanging();
    const { status, headers } = await bridge.ask('second');
    assert.equal(status, 529);
    assert.ok(headers['retry-after']);
    stub.release();
    await done;
  });
});

test('a model that is silent for too long is a 504', async () => {
  bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_IDLE_TIMEOUT: '10s' });
  const [before, during] = await Promise.all([
    bridge.ask('[[stub hang=headers]]'), bridge.ask(HANG)]);
  assert.equal(before.status, 504);
  assert.equal(before.json.error.type, 'timeout_error');
  assert.equal(during.events.at(-1).error.type, 'timeout_error');
});

test('the binary is missing, then not executable, then there', async () => {
  const launcher = new Launcher({ dir: '/', claude: null }, {});
  assert.equal(launcher.problem(), null);
  const root = await mkdtemp(path.join(tmpdir(), 'bridge-'));
  const claude = path.join(root, 'claude');
  bridge = await Bridge.launch({
    ANTHROPIC_BASE_URL: stub.url, CLAUDE_BRIDGE_CLAUDE: claude }, root);
  await until(async () => (await bridge.health())?.status === 'unavailable');
  assert.equal((await bridge.get('/health')).status, 503);
  const { status, headers } = await bridge.ask('hi');
  assert.equal(status, 529);
  assert.ok(headers['retry-after']);
  writeFileSync(claude, '', { mode: 0o644 });
  const missing = () => bridge.log.filter(({ event }) =>
    event === 'claude_missing');
  await until(() => missing().length === 2);
  assert.deepEqual(missing().map((line) => [line.path, line.problem]),
    [[claude, 'ENOENT'], [claude, 'EACCES']]);
  unlinkSync(claude);
  symlinkSync(launcher.command, claude);
  await bridge.ready();
  assert.equal((await bridge.ask('[[stub text=fine]]')).status, 200);
});

test('a binary that only fails is tried more and more rarely', async () => {
  bridge = await Bridge.launch({
    ANTHROPIC_BASE_URL: stub.url, CLAUDE_BRIDGE_CLAUDE: '/bin/false' });
  await until(async () => (await bridge.health())?.status === 'unavailable');
  assert.equal((await bridge.ask('hi')).status, 529);
  const failed = bridge.log.filter(({ event }) => event === 'start_failed');
  // a slow machine may be at the next one by now
  assert.deepEqual(
    failed.slice(0, 3).map((line) => [line.in_a_row, line.again_ms]),
    [[1, 400], [2, 800], [3, 1600]]);
});

test('a binary that never comes up is no health', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'bridge-'));
  const claude = path.join(root, 'claude');
  writeFileSync(claude, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
  bridge = await Bridge.launch({
    ANTHROPIC_BASE_URL: stub.url, CLAUDE_BRIDGE_CLAUDE: claude }, root);
  await until(async () => (await bridge.health())?.starting === 1);
  const { status, text } = await bridge.get('/health');
  assert.equal(status, 503);
  assert.equal(JSON.parse(text).status, 'unavailable');
});
