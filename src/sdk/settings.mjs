/** Configuration from the environment; docs/bridge.md describes each. */

import { availableParallelism, cpus, totalmem } from 'node:os';
import path from 'node:path';

import { LEVELS } from './log.mjs';
import { BESIDE } from './socket.mjs';

const MOST_SOCKET_PATH = 107 - BESIDE.length;
/** By default, and bytes of memory that the machine must have for each. */
const MOST_KEPT = 4;
const MEMORY_OF_ONE = 1024 ** 3;
const UNITS = { ms: 1, s: 1000, m: 60000 };
const SIZES = { '': 1, k: 1024, m: 1024 * 1024 };
const NETWORK = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY',
  'NODE_EXTRA_CA_CERTS'];

/** A variable has a value that the bridge can't work with. */
export class SettingsError extends Error {
  /**
   * @param {string} name the variable
   * @param {string} problem
   */
  constructor(name, problem) {
    super(`${name}: ${problem}`);
    this.name = 'SettingsError';
    this.variable = name;
  }
}

/**
 * @param {Record<string, string|undefined>} env
 * @returns {Readonly<object>} times in ms, sizes in bytes, paths absolute
 * @throws {SettingsError} naming the variable
 */
export function readSettings(env) {
  const pool = integer(env, 'POOL', 2, 0, 1000);
  const settings = {
    socket: absolute(env, 'SOCKET', '/run/claude/sdk.sock'),
    inherited: isInherited(env),
    takeOver: flag(env, 'TAKE_OVER', 'off'),
    dir: absolute(env, 'DIR', '/run/claude/bridge'),
    claude: absolute(env, 'CLAUDE', null),
    pool,
    maxProcesses: integer(env, 'MAX_PROCESSES', Math.max(16, pool), 1, 10000),
    starts: integer(env, 'STARTS', cores(), 1, 1000),
    queue: integer(env, 'QUEUE', 64, 0, 100000),
    queueTimeout: duration(env, 'QUEUE_TIMEOUT', '10s'),
    maxBody: size(env, 'MAX_BODY', '32m'),
    idleTimeout: duration(env, 'IDLE_TIMEOUT', '300s', 10000),
    shutdownTimeout: duration(env, 'SHUTDOWN_TIMEOUT', '30s'),
    keep: integer(env, 'KEEP', affordable(), 0, 1000),
    keepTime: duration(env, 'KEEP_TIME', '5m'),
    keepTurns: integer(env, 'KEEP_TURNS', 200, 1, 100000),
    continues: flag(env, 'CONTINUE', 'on'),
    toolSteps: flag(env, 'TOOL_STEPS', 'on'),
    rewinds: flag(env, 'REWIND', 'on'),
    burstHistory: flag(env, 'BURST_HISTORY', 'on'),
    mimalloc: flag(env, 'MIMALLOC', 'off'),
    log: choice(env, 'LOG', 'info', LEVELS),
    apiBase: baseUrl(env),
    network: network(env),
  };
  const { continues, toolSteps, rewinds } = settings;
  if (!continues && !toolSteps && !rewinds) settings.keep = 0;
  if (settings.maxProcesses < pool) {
    throw new SettingsError('CLAUDE_BRIDGE_MAX_PROCESSES',
      'is smaller than CLAUDE_BRIDGE_POOL');
  }
  if (Buffer.byteLength(settings.socket) > MOST_SOCKET_PATH) {
    throw new SettingsError('CLAUDE_BRIDGE_SOCKET',
      `is longer than ${MOST_SOCKET_PATH} bytes`);
  }
  return Object.freeze(settings);
}

/** How the processes reach the API where that is not direct. */
function network(env) {
  return Object.fromEntries(NETWORK
    .filter((name) => env[name])
    .map((name) => [name, env[name]]));
}

/** Whether systemd has made the socket, and hands it to this process. */
function isInherited({ LISTEN_FDS: fds, LISTEN_PID: pid }) {
  return fds === '1' && pid === String(process.pid);
}

function cores() {
  return availableParallelism?.() ?? cpus().length;
}

/** Kept processes take some 200 MB each. */
function affordable() {
  const limit = process.constrainedMemory?.() || Infinity;
  return Math.min(MOST_KEPT,
    Math.floor(Math.min(limit, totalmem()) / MEMORY_OF_ONE));
}

function read(env, name, standard) {
  const value = env[`CLAUDE_BRIDGE_${name}`];
  return value === undefined || value === '' ? standard : value;
}

function fail(name, problem) {
  throw new SettingsError(`CLAUDE_BRIDGE_${name}`, problem);
}

function absolute(env, name, standard) {
  const value = read(env, name, standard);
  if (value === null) return null;
  if (!path.isAbsolute(value) || value.includes('\0')) {
    fail(name, 'must be an absolute path');
  }
  return path.resolve(value);
}

function integer(env, name, standard, least, most) {
  const value = read(env, name, String(standard));
  const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
  if (!(number >= least && number <= most)) {
    fail(name, `must be a whole number from ${least} to ${most}`);
  }
  return number;
}

function duration(env, name, standard, least = 1) {
  const [, number, unit] = /^(\d{1,7})(ms|s|m)?$/
    .exec(read(env, name, standard)) ?? [];
  const time = Number(number) * UNITS[unit ?? 's'];
  if (!(time >= least && time <= 86400000)) {
    fail(name, `must be a time such as 500ms, 30s or 5m, from ${least}ms `
      + 'to a day');
  }
  return time;
}

function size(env, name, standard) {
  const [, number, unit] = /^(\d{1,9})([km]?)$/i
    .exec(read(env, name, standard)) ?? [];
  const bytes = Number(number) * SIZES[unit?.toLowerCase()];
  if (!(bytes >= 1024 && bytes <= 256 * 1024 * 1024)) {
    fail(name, 'must be a size such as 512k or 32m, from 1k to 256m');
  }
  return bytes;
}

function choice(env, name, standard, values) {
  const value = read(env, name, standard);
  if (!values.includes(value)) {
    fail(name, `must be one of ${values.join(', ')}`);
  }
  return value;
}

function flag(env, name, standard) {
  return choice(env, name, standard, ['on', 'off']) === 'on';
}

function baseUrl(env) {
  const value = env.ANTHROPIC_BASE_URL;
  if (value === undefined || value === '') return null;
  let url;
  try {
    url = new URL(value);
  } catch {
    throw new SettingsError('ANTHROPIC_BASE_URL', 'must be a URL');
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new SettingsError('ANTHROPIC_BASE_URL',
      'must be an http or https URL without credentials');
  }
  return value;
}
