import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

import { ENTRY } from './lib/bridge.mjs';

test('without the SDK it says how to install it', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'bridge-'));
  const source = path.dirname(ENTRY);
  for (const name of await readdir(source)) {
    if (!name.endsWith('.mjs')) continue;
    await copyFile(path.join(source, name), path.join(dir, name));
  }
  const { status, stderr } = spawnSync(process.execPath,
    [path.join(dir, 'bridge.mjs')], { encoding: 'utf8',
      env: { CLAUDE_BRIDGE_SOCKET: path.join(dir, 'sock') } });
  await rm(dir, { recursive: true });
  assert.equal(status, 3);
  assert.match(JSON.parse(stderr).error, /run claude-bridge-install-sdk/);
});
