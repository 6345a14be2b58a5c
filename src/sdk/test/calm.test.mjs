/** A start that nobody waits for is at a low priority, until somebody does. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { Bridge, question, until } from './lib/bridge.mjs';

/** Kernels without these groups have no such file. */
const skip = !existsSync('/proc/self/autogroup');

let stub;
let bridge;
let dir;
before(async () => { stub = await startStub(); });
afterEach(async () => {
  await bridge?.stop();
  bridge = undefined;
  if (dir) await rm(dir, { recursive: true });
  dir = undefined;
  stub.clear();
});
after(() => stub?.close());

/** @returns {number[]} the nice values of the groups of what is in a state */
function priorities(state) {
  return bridge.pids(state).map((pid) => {
    try {
      const text = readFileSync(`/proc/${pid}/autogroup`, 'latin1');
      return Number(/nice (-?\d+)/.exec(text)[1]);
    } catch {
      return NaN;
    }
  });
}

/** @returns {Promise<string>} a program that never comes up */
async function sleeper() {
  dir = await mkdtemp(path.join(tmpdir(), 'calm-'));
  const claude = path.join(dir, 'claude');
  writeFileSync(claude, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
  return claude;
}

test('a start ahead is low, and what is parked is not', { skip }, async () => {
  bridge = await Bridge.launch({ ANTHROPIC_BASE_URL: stub.url });
  await until(() => priorities('starting').includes(19), 'a low start');
  await bridge.ready();
  await until(() => priorities('parked').includes(0), 'as any other');
});

test('it is not for long', { skip }, async () => {
  bridge = await Bridge.launch({ ANTHROPIC_BASE_URL: stub.url,
    CLAUDE_BRIDGE_CLAUDE: await sleeper() });
  await until(() => priorities('starting').includes(19), 'a low start');
  await until(() => priorities('starting').includes(0), 'as any other');
});

test('a request that waits for it ends that', { skip }, async () => {
  bridge = await Bridge.launch({ ANTHROPIC_BASE_URL: stub.url,
    CLAUDE_BRIDGE_CLAUDE: await sleeper() });
  await until(() => priorities('starting').includes(19), 'a low start');
  const [pid] = bridge.pids('starting');
  const call = bridge.send(question('hi'));
  call.on('error', () => {});
  await until(() => !priorities('starting').includes(19), 'as any other');
  assert.ok(bridge.pids('starting').includes(pid));
  call.destroy();
});
