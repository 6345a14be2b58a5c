/** The programs of a run: the stub if need be, the bridge, nginx. */

import { existsSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';

import { nginxConf } from './nginx-conf.mjs';
import { attempt, say } from './say.mjs';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const ONE_READY = 10000;
const ALL_READY = 60000;
const PROBE = 2000;

/**
 * @param {object} supervisor
 * @param {object} run settings, users, state, key, runtime
 * @returns {Promise<void>} when the API answers
 * @throws {Failure}
 */
export async function startAll(supervisor, run) {
  const apiBase = run.settings.apiBase
    ?? (run.key.demo ? await startStub(supervisor, run) : null);
  await startBridge(supervisor, run, apiBase);
  startNginx(supervisor, run);
  say('Waiting for the first SDK process.');
  await supervisor.until('the API gives no good answer', ALL_READY,
    () => isHealthy(run.settings.httpPort));
}

async function startStub(supervisor, { users, runtime }) {
  let url = null;
  supervisor.start('stub', users.bridge,
    [runtime.node, path.join(runtime.root, 't/stub/anthropic.mjs'),
      '--no-journal'],
    {
      env: { PATH },
      cwd: '/',
      heard: (line) => {
        url ??= /^listening on (http:\S+)/.exec(line)?.[1] ?? null;
        return url !== null;
      },
    });
  await supervisor.until('the stub doesn\'t listen', ONE_READY,
    () => url !== null);
  return url;
}

async function startBridge(supervisor, { settings, users, runtime }, apiBase) {
  const env = {
    PATH,
    CLAUDE_BRIDGE_LOG: 'warn',
    ...settings.bridge,
    ...(apiBase === settings.apiBase ? settings.network : {}),
    CLAUDE_BRIDGE_SOCKET: runtime.socket,
    CLAUDE_BRIDGE_DIR: runtime.dir,
    CLAUDE_BRIDGE_SHUTDOWN_TIMEOUT: '1s',
  };
  if (apiBase !== null) env.ANTHROPIC_BASE_URL = apiBase;
  supervisor.start('bridge', users.bridge,
    [runtime.node, path.join(runtime.root, 'src/sdk/bridge.mjs')],
    { env, cwd: '/' });
  await supervisor.until('the bridge doesn\'t listen', ONE_READY,
    () => existsSync(runtime.socket));
}

function startNginx(supervisor, { settings, users, runtime }) {
  const { stateDir } = settings;
  attempt('write', () => writeFileSync(path.join(stateDir, 'nginx.conf'),
    nginxConf(settings, users, runtime)));
  supervisor.start('nginx', null,
    ['nginx', '-p', './', '-c', 'nginx.conf', '-e', 'stderr'],
    { env: { PATH }, cwd: stateDir });
}

function isHealthy(port) {
  return new Promise((resolve) => {
    const request = get({ host: '127.0.0.1', port, path: '/v1/health',
      timeout: PROBE }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
