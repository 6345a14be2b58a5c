import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync,
  rmSync, statSync, writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import {
  Bridge, ENTRY, finish, question, textOf, until,
} from './lib/bridge.mjs';

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

/** An answer that has begun and hangs, and the process that gives it. */
async function hanging() {
  let seen = '';
  const done = finish(bridge.send(question(HANG)), (soFar) => {
    seen = soFar;
  });
  await until(() => seen.includes('"2 "'), 'two deltas');
  const [pid] = await until(() => bridge.pids('answering').length
    && bridge.pids('answering'));
  return { done, pid };
}

/** @returns {boolean} whether the process has ended, reaped or not */
function ended(pid) {
  try {
    return /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return true;
  }
}

test('SIGTERM lets an answer end, takes no new one, leaves nothing',
  async () => {
    bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_POOL: '2' });
    const { done } = await hanging();
    const children = bridge.children();
    bridge.child.kill('SIGTERM');
    await until(() => !existsSync(bridge.socket), 'the socket gone');
    await assert.rejects(bridge.get('/health'));
    await until(() => bridge.children().length === 1, 'none parked');
    stub.release();
    const { events } = await done;
    assert.equal(textOf(events), '1 2 3 4 ');
    assert.equal(events.at(-1).type, 'message_stop');
    assert.deepEqual(await bridge.exited, { code: 0, signal: null });
    assert.deepEqual(children.filter((pid) => !ended(pid)), []);
    assert.deepEqual(await bridge.leftovers(), []);
  });

test('a process that is gone leaves no directory', async () => {
  bridge = await Bridge.start(stub);
  await bridge.ask('[[stub text=fine]]');
  const own = path.join(bridge.dir, `run-${bridge.child.pid}`);
  await until(() => bridge.pids('gone').length
    && bridge.pids('parked').length && readdirSync(own).length === 1);
});

test('SIGTERM ends an answer that goes on after the deadline', async () => {
  bridge = await Bridge.start(stub, {
    CLAUDE_BRIDGE_SHUTDOWN_TIMEOUT: '100ms' });
  const { done, pid } = await hanging();
  process.kill(pid, 'SIGSTOP');
  bridge.child.kill('SIGINT');
  const { text } = await done.catch(() => ({ text: '' }));
  assert.doesNotMatch(text, /message_stop/);
  assert.deepEqual(await bridge.exited, { code: 0, signal: null });
  assert.ok(ended(pid));
  assert.deepEqual(await bridge.leftovers(), []);
});

test('SIGKILL takes the children along; the next start sweeps', async () => {
  bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_POOL: '2' });
  const { done, pid } = await hanging();
  done.catch(() => {});
  const children = bridge.children();
  process.kill(pid, 'SIGSTOP');
  bridge.child.kill('SIGKILL');
  await bridge.exited;
  await until(() => children.every(ended), 'all children gone');
  assert.equal((await bridge.leftovers()).length, 1);
  const killed = bridge;
  bridge = await Bridge.launch({ ANTHROPIC_BASE_URL: stub.url },
    killed.root);
  await bridge.ready();
  assert.ok(bridge.log.some(({ event, of }) =>
    event === 'swept' && of === killed.child.pid));
  assert.deepEqual(await bridge.leftovers(), [`run-${bridge.child.pid}`]);
});

test('the socket is 0660, and a live one is not taken over', async () => {
  bridge = await Bridge.start(stub);
  assert.equal(statSync(bridge.socket).mode & 0o7777, 0o660);
  const second = await Bridge.launch({}, bridge.root);
  assert.equal((await second.exited).code, 1);
  assert.match(second.stderr, /another bridge listens there/);
  assert.equal((await bridge.ask('[[stub text=fine]]')).status, 200);
});

test('what is no socket is not replaced', async () => {
  bridge = await Bridge.start(stub);
  bridge.child.kill('SIGTERM');
  await bridge.exited;
  writeFileSync(bridge.socket, 'mine');
  const second = await Bridge.launch({}, bridge.root);
  assert.equal((await second.exited).code, 1);
  assert.equal(readFileSync(bridge.socket, 'utf8'), 'mine');
});

test('an idle connection outlasts nginx\'s 60 s, a stop closes it',
  async () => {
    bridge = await Bridge.start(stub);
    const { headers } = await bridge.get('/health');
    assert.ok(Number(/timeout=(\d+)/.exec(headers['keep-alive'])?.[1]) > 60
      || headers.connection === 'close');
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, socketPath: bridge.socket });
    const { headers: kept } = await finish(bridge.open({
      path: '/health', method: 'GET', agent }));
    assert.match(kept['keep-alive'], /timeout=1\d\d/);
    bridge.child.kill('SIGTERM');
    assert.equal((await bridge.exited).code, 0);
    agent.destroy();
  });

test('a wrong variable is named, and nothing is started', async () => {
  bridge = await Bridge.launch({ CLAUDE_BRIDGE_POOL: 'many' });
  assert.equal((await bridge.exited).code, 2);
  assert.match(bridge.log[0].error, /^CLAUDE_BRIDGE_POOL: /);
  assert.ok(!existsSync(bridge.dir));
});

test('a directory that others can write to is refused', async () => {
  bridge = await Bridge.start(stub);
  bridge.child.kill('SIGTERM');
  await bridge.exited;
  chmodSync(bridge.dir, 0o777);
  const second = await Bridge.launch({}, bridge.root);
  assert.equal((await second.exited).code, 1);
  assert.match(second.log.at(-1).error, /^CLAUDE_BRIDGE_DIR: /);
});

/** The answer after which a connection is to be closed. */
function lastOn(get) {
  return until(async () => {
    const answer = await get();
    return answer.headers.connection === 'close' && answer;
  }, 'connection: close');
}

test('a bridge takes over: nothing is lost, the old one ends its answers',
  async () => {
    bridge = await Bridge.start(stub);
    const { done } = await hanging();
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, socketPath: bridge.socket });
    const get = () => finish(bridge.open({
      path: '/health', method: 'GET', agent }));
    await get();
    const old = bridge;
    old.child.kill('SIGSTOP');
    const queued = old.get('/health');
    bridge = await Bridge.launch({ ANTHROPIC_BASE_URL: stub.url,
      CLAUDE_BRIDGE_TAKE_OVER: 'on' }, old.root);
    await until(() => bridge.log.some(({ event }) => event === 'listening'));
    old.child.kill('SIGCONT');
    assert.equal((await queued).status, 200);
    await until(() => old.log.some(({ event }) => event === 'relieved'));
    assert.equal((await lastOn(get)).json.status, 'ok');
    agent.destroy();
    assert.equal(old.exit, null);
    assert.equal((await bridge.ask('[[stub text=new]]')).status, 200);
    assert.equal(bridge.pids('answering').length
      + bridge.pids('gone').length, 1);
    stub.release();
    assert.equal(textOf((await done).events), '1 2 3 4 ');
    assert.deepEqual(await old.exited, { code: 0, signal: null });
    assert.ok(existsSync(bridge.socket));
    assert.equal(statSync(bridge.socket).mode & 0o7777, 0o660);
    assert.equal((await bridge.ask('[[stub text=on]]')).status, 200);
  });

test('one that can\'t answer takes nothing over', async () => {
  bridge = await Bridge.start(stub);
  const second = await Bridge.launch({ CLAUDE_BRIDGE_TAKE_OVER: 'on',
    CLAUDE_BRIDGE_CLAUDE: '/nowhere' }, bridge.root);
  await until(() => second.log.some(({ event }) =>
    event === 'claude_missing'));
  assert.equal((await bridge.ask('[[stub text=fine]]')).status, 200);
  second.child.kill('SIGTERM');
  assert.equal((await second.exited).code, 0);
  assert.ok(existsSync(bridge.socket));
  assert.equal((await bridge.ask('[[stub text=fine]]')).status, 200);
});

test('SIGUSR2 ends it without haste: open connections are served',
  async () => {
    bridge = await Bridge.start(stub);
    const { Agent } = await import('node:http');
    const agent = new Agent({ keepAlive: true, socketPath: bridge.socket });
    const get = () => finish(bridge.open({
      path: '/health', method: 'GET', agent }));
    await get();
    bridge.child.kill('SIGUSR2');
    await until(() => !existsSync(bridge.socket), 'the socket gone');
    assert.equal((await lastOn(get)).status, 200);
    assert.deepEqual(await bridge.exited, { code: 0, signal: null });
    agent.destroy();
  });

test('a socket of systemd\'s is served, and left alone', async () => {
  const root = mkdtempSync(path.join(tmpdir(), 'bridge-'));
  const socket = path.join(root, 'sock');
  const made = createServer();
  await new Promise((resolve) => { made.listen(`${socket}.made`, resolve); });
  renameSync(`${socket}.made`, socket);
  const child = spawn('sh', ['-c', 'LISTEN_PID=$$ exec "$0" "$1"',
    process.execPath, ENTRY], {
    stdio: ['ignore', 'ignore', 'ignore', made._handle.fd],
    env: { PATH: process.env.PATH, LISTEN_FDS: '1', CLAUDE_BRIDGE_POOL: '0',
      CLAUDE_BRIDGE_SOCKET: socket, CLAUDE_BRIDGE_DIR: `${socket}-work` },
  });
  const exited = new Promise((resolve) => { child.once('exit', resolve); });
  made.close();
  const { status } = await finish(request({
    socketPath: socket, path: '/health', agent: false }).end());
  assert.equal(status, 200);
  child.kill('SIGTERM');
  assert.equal(await exited, 0);
  assert.ok(statSync(socket).isSocket());
  rmSync(root, { recursive: true });
});
