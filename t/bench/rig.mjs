// What all measurements share: one nginx worker with the module and a plain
// proxy beside it, a key, and the figures of a process.

import { spawn, spawnSync } from 'node:child_process';
import { chownSync, mkdtempSync, mkdirSync, readFileSync, readdirSync,
  rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const build = resolve(root, process.env.BUILD ?? 'build');
const FILES = Math.min(Number(run('sh', ['-c', 'ulimit -Hn'])
  .replace('unlimited', '65536')), 65536);
const TICK_MS = 10;                     // of /proc/PID/stat: USER_HZ is 100

const TOKEN = `sk-ant-oat01-${'b'.repeat(80)}`;

/** A directory that nginx's workers can reach, and what is in it. */
export class Rig {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'claude-bench-'));
    this.children = [];
    this.asRoot = process.getuid() === 0;
    this.uid = this.asRoot ? Number(run('id', ['-u', 'www-data'])) : -1;
    spawnSync('chmod', ['755', this.dir]);
  }

  path(name) { return join(this.dir, name); }

  /** Starts a program and waits for a line of its output. */
  async start(command, args, ready, env = {}) {
    const child = spawn(command, args, {
      env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.children.push(child);

    let seen = '';
    await new Promise((resolve, reject) => {
      const look = (data) => {
        seen += data;
        if (ready.test(seen)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('exit', (code) =>
        reject(new Error(`${command} ended with ${code}: ${seen}`)));
      child.once('error', reject);
    });
    return { child, seen };
  }

  /** The stub that costs next to nothing; see sse_stub.mjs. */
  async stub(name, ...args) {
    const socket = this.path(`${name}.sock`);
    await this.start('node', [join(root, 't/bench/sse_stub.mjs'), socket,
      ...args], /ready/);
    return socket;
  }

  /**
   * nginx with the module before `socket`: the API's URL, a plain proxy's to
   * the same, and the workers.  more: {workers, http (text)}
   */
  async nginx(socket, more = {}) {
    const store = this.path('store');
    mkdirSync(store, { mode: 0o700 });
    if (this.asRoot) chownSync(store, this.uid, this.uid);

    const keys = join(build, 'claude-keys');
    const args = ['--store', join(store, 'keys.jsonl'),
      '--master-key', this.path('master.key')];
    run(keys, ['init', ...args]);
    if (this.asRoot) {
      chownSync(join(store, 'keys.jsonl'), this.uid, this.uid);
    }
    this.key = run(keys, ['add', '--name', 'bench', '--token-stdin', ...args],
      TOKEN);

    writeFileSync(this.path('nginx.conf'), this.conf(socket, more));
    await this.startNginx(more.workers ?? 1);
  }

  async startNginx(workers) {
    const { child } = await this.start('/usr/sbin/nginx',
      ['-c', this.path('nginx.conf'), '-g', 'daemon off;', '-e', 'stderr'],
      new RegExp(`(start worker process \\d+\n[^]*){${workers}}`));
    this.master = child.pid;
    this.workers = run('pgrep', ['-P', String(child.pid)]).split('\n')
      .map(Number);
    this.worker = this.workers[0];
  }

  conf(socket, { workers = 1, http = '' }) {
    this.port = 20000 + process.pid % 20000;
    this.api = `http://127.0.0.1:${this.port}/v1`;
    this.plain = `http://127.0.0.1:${this.port}/plain`;
    return `
${this.asRoot ? 'user www-data;' : ''}
load_module ${build}/ngx_http_claude_module.so;
worker_processes ${workers};
worker_rlimit_nofile ${FILES};
pid ${this.path('nginx.pid')};
error_log stderr notice;
events { worker_connections ${FILES - 100}; }
http {
  access_log ${this.path('access.log')} combined buffer=64k;
  client_body_temp_path ${this.path('body')};
  proxy_temp_path ${this.path('proxy')};
  fastcgi_temp_path ${this.path('fastcgi')};
  uwsgi_temp_path ${this.path('uwsgi')};
  scgi_temp_path ${this.path('scgi')};
  keepalive_requests 1000000000;
  claude_master_key ${this.path('master.key')};
  claude_keystore zone=keys:128m path=${this.path('store')}/keys.jsonl;
  claude_audit_log ${this.path('store')}/audit.log;
  claude_limit_zone $binary_remote_addr zone=ip:1m rate=1000000r/s;
  upstream bridge {
    server unix:${socket};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  ${http}
  server {
    listen 127.0.0.1:${this.port} backlog=4096${workers > 1
      ? ' reuseport' : ''};
    client_max_body_size 64m;
    location /v1/ { claude_limit zone=ip; claude_pass bridge; }
    location /plain {
      proxy_pass http://bridge;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
`;
  }

  /**
   * A streamed chat to its end: {first, total (ms), message}, the message as
   * the next request brings it back.
   */
  async chat(body, key = this.key) {
    const start = performance.now();
    const request = http.request(`${this.api}/chat/completions`, {
      method: 'POST', agent: false,
      headers: { 'Content-Type': 'application/json',
        Authorization: `Bearer ${key}` } });
    request.end(JSON.stringify({ model: 'sonnet', stream: true, ...body }));
    const [response] = await once(request, 'response');

    const message = { role: 'assistant', content: '' };
    let first, text = '';
    response.setEncoding('utf8');
    for await (const data of response) {
      text += data;
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) {
        if (!event.startsWith('data: {')) continue;
        const { choices, error } = JSON.parse(event.slice(6));
        if (error) throw new Error(error.message);
        if (gather(message, choices?.[0]?.delta)) {
          first ??= performance.now() - start;
        }
      }
    }
    if (first === undefined) {
      throw new Error(`status ${response.statusCode}: ${text}`);
    }
    return { first, total: performance.now() - start, message };
  }

  stop() {
    for (const child of this.children.reverse()) {
      if (child.exitCode === null) child.kill('SIGTERM');
    }
    return Promise.all(this.children.map((child) =>
      child.exitCode === null && child.signalCode === null
        ? once(child, 'exit') : null))
      .then(() => rmSync(this.dir, { recursive: true, force: true }));
  }
}

/** Adds a delta; whether it brought something. */
function gather(message, delta = {}) {
  if (delta.content) message.content += delta.content;

  for (const { index, id, function: { name, arguments: args } = {} }
    of delta.tool_calls ?? []) {
    message.tool_calls ??= [];
    const call = message.tool_calls[index] ??=
      { id, type: 'function', function: { name, arguments: '' } };
    call.function.arguments += args ?? '';
  }
  return Boolean(delta.content || delta.tool_calls);
}

export function run(command, args, input) {
  const result = spawnSync(command, args, { input, encoding: 'utf8' });
  if (result.status !== 0) {
    throw new Error(`${command} ${args[0]}: ${result.stderr}`);
  }
  return result.stdout.trim();
}

/** User and system time of a process, ms. */
export function cpu(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/**
 * The same to the microsecond, of the threads that live: a tick of USER_HZ is
 * a hundredth of what a worker takes in a round.
 */
export function busy(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum +
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1')
      .split(' ')[0]) / 1e6, 0);
}

/** Resident memory of a process that is its own, bytes. */
export function memory(pid) {
  const map = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kb = (name) => Number(new RegExp(`${name}: *(\\d+)`).exec(map)[1]);
  return (kb('Private_Dirty') + kb('Private_Clean')) * 1024;
}

/** The same with shared memory, as it is resident. */
export function resident(pid) {
  return Number(/VmRSS:\s+(\d+)/.exec(
    readFileSync(`/proc/${pid}/status`, 'latin1'))[1]) * 1024;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}
