/**
 * What stays between runs, under STATE_DIR:
 *
 *   master.key     wraps the store's keys; nginx's master reads it
 *   keys/          the key log, the worker user's alone
 *   api-key.json   the developer's key, readable: see key.mjs
 *   admin.htpasswd the admin's password, as a hash: see admin.mjs
 *   tls/           a self-signed certificate
 *   logs/, temp/   nginx's
 *   run.pid        the run that goes on, if any
 *   runtime        what lives as long as it: see runtime.mjs
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

import { attempt, Failure, say } from './say.mjs';

const A_DAY = '86400';
const CERTIFICATE = ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
  'ec_paramgen_curve:P-256', '-nodes', '-days', '825', '-subj',
  '/CN=localhost', '-addext',
  'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1'];

/**
 * @param {object} settings
 * @param {object} users
 * @returns {{masterKey: string, store: string, apiKey: string,
 *   passwords: string, release: () => void}} paths; `release` ends the claim
 *   on STATE_DIR
 * @throws {Failure}
 */
export function prepareState({ stateDir, build }, users) {
  const at = (name) => path.join(stateDir, name);
  const state = {
    masterKey: at('master.key'),
    store: at('keys/keys.jsonl'),
    apiKey: at('api-key.json'),
    passwords: at('admin.htpasswd'),
    keysCommand: path.join(build, 'claude-keys'),
    release: () => rmSync(at('run.pid'), { force: true }),
  };
  attempt('keep state', () => {
    makeDirectories(stateDir, users);
    claim(at('run.pid'), stateDir);
  });
  if (!existsSync(state.masterKey)) {
    claudeKeys(state, ['init', '--master-key', state.masterKey]);
  }
  certificate(at('tls'));
  return state;
}

/**
 * Workers pass through STATE_DIR, but can't list it. The key log belongs to
 * the owner of its directory.
 */
function makeDirectories(stateDir, users) {
  mkdirSync(stateDir, { recursive: true });
  chmodSync(stateDir, users.root ? 0o711 : 0o700);
  for (const name of ['keys', 'tls', 'logs', 'temp']) {
    const dir = path.join(stateDir, name);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    chmodSync(dir, name === 'temp' && users.root ? 0o711 : 0o700);
  }
  const { worker } = users;
  if (worker !== null) {
    chownSync(path.join(stateDir, 'keys'), worker.uid, worker.gid);
  }
}

function claim(file, stateDir) {
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  if (pid > 0 && commandLine(pid).includes('claude-run')) {
    throw new Failure(`another run (process ${pid}) uses ${stateDir}`);
  }
  writeFileSync(file, `${process.pid}\n`);
}

function commandLine(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function certificate(dir) {
  const cert = path.join(dir, 'cert.pem');
  const key = path.join(dir, 'key.pem');
  const { status } = spawnSync('openssl',
    ['x509', '-in', cert, '-noout', '-checkend', A_DAY], { stdio: 'ignore' });
  if (status === 0 && existsSync(key)) return;
  say(`Making a self-signed certificate: ${cert}`);
  const made = spawnSync('openssl',
    [...CERTIFICATE, '-keyout', key, '-out', cert], { encoding: 'utf8' });
  if (made.status !== 0) {
    throw new Failure(`openssl made no certificate: ${made.stderr}`);
  }
}

/**
 * @param {object} state of prepareState
 * @param {string[]} args of claude-keys
 * @param {string} [input] what it reads, such as a token
 * @returns {string} what it printed
 * @throws {Failure} with what it said
 */
export function claudeKeys(state, args, input = '') {
  const { status, stdout, stderr, error } = spawnSync(state.keysCommand, args,
    { input, encoding: 'utf8', env: { PATH: process.env.PATH } });
  if (status !== 0) {
    throw new Failure(`claude-keys ${args[0]}: `
      + (error?.code ?? stderr.trim()));
  }
  return stdout;
}
