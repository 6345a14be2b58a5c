import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readSettings } from '../settings.mjs';

const BAD = {
  CLAUDE_BRIDGE_SOCKET: ['sock', `/${'s'.repeat(103)}`],
  CLAUDE_BRIDGE_TAKE_OVER: ['yes'],
  CLAUDE_BRIDGE_DIR: ['work'],
  CLAUDE_BRIDGE_CLAUDE: ['claude'],
  CLAUDE_BRIDGE_POOL: ['-1', '1.5', 'x', '1001', '0x1'],
  CLAUDE_BRIDGE_MAX_PROCESSES: ['0', '1'],
  CLAUDE_BRIDGE_STARTS: ['0'],
  CLAUDE_BRIDGE_QUEUE: ['many'],
  CLAUDE_BRIDGE_QUEUE_TIMEOUT: ['0', '1h', '99999m'],
  CLAUDE_BRIDGE_MAX_BODY: ['0', '1g', '257m'],
  CLAUDE_BRIDGE_IDLE_TIMEOUT: ['9s'],
  CLAUDE_BRIDGE_SHUTDOWN_TIMEOUT: ['soon'],
  CLAUDE_BRIDGE_KEEP: ['-1', '1001'],
  CLAUDE_BRIDGE_KEEP_TIME: ['0', 'long'],
  CLAUDE_BRIDGE_KEEP_TURNS: ['0'],
  CLAUDE_BRIDGE_CONTINUE: ['yes'],
  CLAUDE_BRIDGE_TOOL_STEPS: ['1'],
  CLAUDE_BRIDGE_REWIND: ['0'],
  CLAUDE_BRIDGE_BURST_HISTORY: ['yes'],
  CLAUDE_BRIDGE_MIMALLOC: ['1'],
  CLAUDE_BRIDGE_LOG: ['verbose'],
  ANTHROPIC_BASE_URL: ['api', 'ftp://x', 'http://user:pw@x'],
};

test('bad values are refused by name', () => {
  for (const [variable, values] of Object.entries(BAD)) {
    for (const value of values) {
      assert.throws(() => readSettings({ [variable]: value }),
        { name: 'SettingsError', variable }, `${variable}=${value}`);
    }
  }
});

test('good values are read, empty ones are the default', () => {
  const settings = readSettings({
    CLAUDE_BRIDGE_SOCKET: '/run/x.sock', CLAUDE_BRIDGE_POOL: '0',
    CLAUDE_BRIDGE_QUEUE_TIMEOUT: '250ms', CLAUDE_BRIDGE_IDLE_TIMEOUT: '2m',
    CLAUDE_BRIDGE_SHUTDOWN_TIMEOUT: '3', CLAUDE_BRIDGE_MAX_BODY: '64k',
    CLAUDE_BRIDGE_BURST_HISTORY: 'off', CLAUDE_BRIDGE_LOG: '',
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:1/x',
  });
  assert.equal(settings.socket, '/run/x.sock');
  assert.equal(settings.pool, 0);
  assert.equal(settings.queueTimeout, 250);
  assert.equal(settings.idleTimeout, 120000);
  assert.equal(settings.shutdownTimeout, 3000);
  assert.equal(settings.maxBody, 65536);
  assert.equal(settings.burstHistory, false);
  assert.equal(settings.log, 'info');
  assert.equal(settings.apiBase, 'http://127.0.0.1:1/x');
});

test('of the rest only what leads to the API is handed on', () => {
  const { network } = readSettings({
    HTTPS_PROXY: 'http://proxy.test:3128', NO_PROXY: '',
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem', NODE_OPTIONS: '--inspect',
    ANTHROPIC_API_KEY: 'sk-ant-api03-canary',
  });
  assert.deepEqual(network, {
    HTTPS_PROXY: 'http://proxy.test:3128',
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem' });
});
