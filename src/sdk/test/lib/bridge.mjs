/** Starts a bridge of its own, and talks to it, for a test. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ENTRY = fileURLToPath(
  new URL('../../bridge.mjs', import.meta.url));
const DEFECTS = ['internal', 'unhandled_rejection', 'uncaught_exception'];
const PATIENCE = 60000;
const LOOK_AGAIN = 10;

export const TOKEN = 'sk-ant-oat01-canary-of-the-test-suite';

/**
 * @param {() => unknown} condition may be asynchronous
 * @param {string} what for the error
 * @returns {Promise<unknown>} the first value that is true
 */
export async function until(condition, what = String(condition)) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, LOOK_AGAIN); });
  }
}

/** A bridge process, its socket, directory and log. */
export class Bridge {
  log = [];
  stderr = '';
  exit = null;

  /**
   * @param {object} env more variables
   * @param {string} [root] a directory that another bridge had
   * @returns {Promise<Bridge>} not yet ready
   */
  static async launch(env = {}, root = null) {
    const bridge = new Bridge();
    bridge.root = root ?? await mkdtemp(path.join(tmpdir(), 'bridge-'));
    bridge.socket = path.join(bridge.root, 'sock');
    bridge.dir = path.join(bridge.root, 'work');
    const child = spawn(process.execPath, [ENTRY], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env.PATH,
        CLAUDE_BRIDGE_SOCKET: bridge.socket,
        CLAUDE_BRIDGE_DIR: bridge.dir,
        CLAUDE_BRIDGE_POOL: '1',
        CLAUDE_BRIDGE_LOG: 'debug',
        CLAUDE_BRIDGE_QUEUE_TIMEOUT: '60s',
        ...env,
      },
    });
    bridge.child = child;
    bridge.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        bridge.exit = { code, signal };
        resolve(bridge.exit);
      });
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      bridge.#read(text);
    });
    return bridge;
  }

  /**
   * @param {{url: string}} stub
   * @param {object} [env]
   * @returns {Promise<Bridge>} with a parked process
   */
  static async start(stub, env = {}) {
    const bridge = await Bridge.launch(
      { ANTHROPIC_BASE_URL: stub.url, ...env });
    await bridge.ready();
    return bridge;
  }

  /** @returns {Promise<void>} when a process is parked */
  async ready() {
    await until(async () => existsSync(this.socket)
      && (await this.health())?.ready, 'a parked process');
  }

  /** Stops the bridge and removes what the test made. */
  async stop() {
    if (this.exit === null) this.child.kill('SIGTERM');
    await this.exited;
    await rm(this.root, { recursive: true, force: true });
    const defects = this.log.filter(({ event }) => DEFECTS.includes(event));
    assert.deepEqual(defects, []);
  }

  /** @returns {Promise<object|null>} null when nobody listens */
  async health() {
    return this.get('/health').then(({ json }) => json, () => null);
  }

  get(where) {
    return finish(this.open({ path: where, method: 'GET' }));
  }

  /**
   * @param {object|string|Buffer} body
   * @param {object} [headers]
   * @returns {Promise<object>} the whole response, see `finish`
   */
  post(body, headers = {}) {
    return finish(this.send(body, headers));
  }

  /**
   * @param {string} text the user's
   * @param {object} [more] fields of the body
   * @param {object} [headers]
   */
  ask(text, more = {}, headers = {}) {
    return this.post(question(text, more), headers);
  }

  /** @returns {import('node:http').ClientRequest} begun, not awaited */
  send(body, headers = {}) {
    const raw = typeof body === 'string' || Buffer.isBuffer(body) ? body
      : JSON.stringify(body);
    const all = {
      authorization: `Bearer ${TOKEN}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(raw),
      ...headers,
    };
    const call = this.open({
      path: '/v1/messages', method: 'POST',
      headers: Object.fromEntries(
        Object.entries(all).filter(([, value]) => value !== undefined)),
    });
    call.end(raw);
    return call;
  }

  open(options) {
    const call = request({
      socketPath: this.socket, agent: false, ...options,
    });
    if (options.method === 'GET') call.end();
    return call;
  }

  /**
   * @param {string} state of a `claude` process
   * @returns {number[]} pids whose last state is this one
   */
  pids(state) {
    const last = new Map();
    for (const { event, pid, state: now } of this.log) {
      if (event === 'process') last.set(pid, now);
    }
    return [...last].filter(([, now]) => now === state).map(([pid]) => pid);
  }

  /** @returns {number[]} the `claude` children that run */
  children() {
    const { pid } = this.child;
    const task = `/proc/${pid}/task/${pid}/children`;
    return readFileSync(task, 'utf8').split(' ').filter(Boolean).map(Number);
  }

  /** @returns {Promise<string[]>} names left of this bridge's processes */
  async leftovers() {
    const names = await readdir(this.dir);
    return names.filter((name) => name !== 'empty');
  }

  #read(text) {
    this.stderr += text;
    const lines = (this.rest ?? '') + text;
    const end = lines.lastIndexOf('\n');
    this.rest = lines.slice(end + 1);
    for (const line of lines.slice(0, end + 1).split('\n')) {
      if (line !== '') this.log.push(JSON.parse(line));
    }
  }
}

/** @returns {object} a streamed request for one answer */
export function question(text, more = {}) {
  return {
    model: 'claude-sonnet-5-5', max_tokens: 1024, stream: true,
    messages: [{ role: 'user', content: text }],
    ...more,
  };
}

/**
 * @param {import('node:http').ClientRequest} call
 * @param {(text: string) => void} [onText] sees what came so far
 * @returns {Promise<{status: number, headers: object, text: string,
 *   whole: boolean, json: object|undefined, events: object[]}>}
 */
export function finish(call, onText = () => {}) {
  return new Promise((resolve, reject) => {
    call.once('error', reject);
    call.once('response', (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece) => {
        text += piece;
        onText(text);
      });
      res.on('error', () => {});
      res.once('close', () => {
        const sse = /event-stream/.test(res.headers['content-type']);
        resolve({
          status: res.statusCode, headers: res.headers, text,
          whole: res.complete,
          json: /json/.test(res.headers['content-type'])
            ? JSON.parse(text) : undefined,
          events: sse ? parseSse(text) : [],
        });
      });
    });
  });
}

/** @returns {object[]} the data of each event; its name must agree */
export function parseSse(text) {
  return text.split('\n\n').filter(Boolean).map((block) => {
    const [, name, data] = /^event: (\S+)\ndata: (.*)$/s.exec(block) ?? [];
    const event = JSON.parse(data);
    if (event.type !== name) throw new Error(`${name} is ${event.type}`);
    return event;
  });
}

/** @returns {string} the text of an answer's events */
export function textOf(events) {
  return events.map(({ delta }) => delta?.text ?? '').join('');
}

/** @returns {object} the event that tells how an answer ended */
export function endOf(events) {
  return events.find(({ type }) => type === 'message_delta');
}

/** @returns {object[]} the bodies of the messages requests that came */
export function bodies(stub) {
  return stub.requests().filter(({ url }) => url.startsWith('/v1/messages'))
    .map(({ body }) => JSON.parse(body));
}

/** @returns {object[]} role and text of what the client itself said */
export function conversation({ messages }) {
  return messages.filter(({ role }) => role !== 'system')
    .map(({ role, content }) => ({
      role,
      content: typeof content === 'string' ? [{ type: 'text', text: content }]
        : content.map(({ cache_control: _, ...block }) => block),
    }));
}
