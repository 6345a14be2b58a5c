/** The gate of lasting processes: TLS, the operator's proxy, one request. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createProxy, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { createServer as createTls } from 'node:tls';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { Gate } from '../gate.mjs';
import { bodies, Bridge, question, textOf, until } from './lib/bridge.mjs';

const KEY = { 'x-claude-key-id': 'one' };

let stub;
let dir;
let bridge;
const servers = [];
before(async () => {
  stub = await startStub();
  dir = await mkdtemp(path.join(tmpdir(), 'gate-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes',
    '-days', '2', '-keyout', `${dir}/key`, '-out', `${dir}/cert`,
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
  { stdio: 'ignore' });
});
afterEach(async () => {
  await bridge?.stop();
  bridge = undefined;
  stub.clear();
});
after(async () => {
  for (const server of servers) {
    server.close();
    server.sockets.forEach((socket) => socket.destroy());
  }
  await stub?.close();
  await rm(dir, { recursive: true, force: true });
});

async function listening(server) {
  server.sockets = new Set();
  const isTls = server.listeners('secureConnection').length > 0;
  server.on(isTls ? 'secureConnection' : 'connection', (socket) => {
    server.sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  servers.push(server);
  return server.address().port;
}

/** The stub behind TLS, at a name that its certificate has. */
function secured() {
  const { port } = new URL(stub.url);
  return listening(createTls({ key: readFileSync(`${dir}/key`),
    cert: readFileSync(`${dir}/cert`) }, (socket) => {
    const up = connect(port, '127.0.0.1');
    up.on('error', () => socket.destroy());
    socket.on('error', () => up.destroy());
    socket.pipe(up).pipe(socket);
  }));
}

async function start(env) {
  bridge = await Bridge.start(stub, { CLAUDE_BRIDGE_KEEP: '2', ...env });
  await until(async () => (await bridge.health()).parked === 2);
}

async function continued() {
  const { text } = await bridge.get('/metrics');
  return Number(/continued_total (\d+)/.exec(text)[1]);
}

/** Two turns; the second goes on in the process of the first. */
async function twoTurns() {
  const messages = [];
  for (const said of ['a', 'b']) {
    const text = `[[stub text=${said} size=70000 deltas=20]]`;
    messages.push({ role: 'user', content: [{ type: 'text', text }] });
    const { status, events, text: raw } = await bridge.post(
      { ...question(''), messages }, KEY);
    assert.equal(status, 200, raw);
    messages.push({ role: 'assistant',
      content: [{ type: 'text', text: textOf(events) }] });
  }
  assert.equal(await continued(), 1);
  assert.equal(bodies(stub).length, 2);
}

test('an API behind TLS', async () => {
  const port = await secured();
  await start({ ANTHROPIC_BASE_URL: `https://localhost:${port}`,
    NODE_EXTRA_CA_CERTS: `${dir}/cert` });
  await twoTurns();
  await until(async () => (await bridge.health()).parked === 2);
  const answer = await bridge.ask('[[stub deltas=90]]', { max_tokens: 3 }, KEY);
  assert.equal(answer.status, 200);
  await until(() => bridge.pids('answering').length === 0);
  assert.equal(bodies(stub).length, 3);
});

test('the operator\'s proxy is asked, but for what is excepted', async () => {
  const port = await secured();
  const asked = [];
  const proxy = createProxy((req, res) => {
    asked.push(`${req.url} ${req.headers['proxy-authorization']}`);
    const { hostname, port: at, pathname, search } = new URL(req.url);
    const { 'proxy-authorization': _, ...headers } = req.headers;
    req.pipe(request({ host: hostname, port: at, path: pathname + search,
      method: req.method, headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    }));
  });
  proxy.on('connect', (req, socket) => {
    asked.push(`${req.url} ${req.headers['proxy-authorization']}`);
    const up = connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\nx: y\r\n\r\n');
      socket.pipe(up).pipe(socket);
    });
    up.on('error', () => socket.destroy());
    socket.on('error', () => up.destroy());
  });
  const url = `http://me:p%40ss@127.0.0.1:${await listening(proxy)}`;
  const own = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
  const tls = { ANTHROPIC_BASE_URL: `https://localhost:${port}`,
    NODE_EXTRA_CA_CERTS: `${dir}/cert`, HTTPS_PROXY: url };
  await start(tls);
  await twoTurns();
  assert.deepEqual(new Set(asked), new Set([`localhost:${port} ${own}`]));
  await bridge.stop();

  stub.clear();
  asked.length = 0;
  await start({ HTTP_PROXY: url });
  await twoTurns();
  assert.deepEqual(new Set(asked),
    new Set([`${stub.url}/v1/messages?beta=true ${own}`]));
  await bridge.stop();

  stub.clear();
  asked.length = 0;
  await start({ ...tls, NO_PROXY: 'example.org, localhost' });
  await twoTurns();
  assert.deepEqual(asked, []);
});

test('an API that can\'t be reached', async () => {
  await start({ ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' });
  const { status } = await bridge.ask('[[stub text=x]]', {}, KEY);
  assert.equal(status, 502);
  await bridge.stop();
  await start({ ANTHROPIC_BASE_URL: 'https://127.0.0.1:9' });
  const { status: other } = await bridge.ask('[[stub text=x]]', {}, KEY);
  assert.equal(other, 502);
});

/** What a process would send through the gate. */
function send(pass, url) {
  const { username, password, port, hostname } = new URL(pass.env.HTTP_PROXY);
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return new Promise((resolve) => {
    const call = request({ host: hostname, port, path: url, agent: false,
      headers: { 'proxy-authorization': `Basic ${auth}` } }, (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    call.on('error', () => resolve('refused'));
    call.end();
  });
}

test('it lets nothing out after an answer has begun', async () => {
  const gate = new Gate({ apiBase: stub.url, network: {} });
  await gate.listen();
  const pass = gate.admit();
  let excesses = 0;
  pass.onExcess = () => excesses++;
  const models = `${stub.url}/v1/models`;
  assert.equal(await send(pass, models), 'refused');
  pass.open();
  assert.equal(await send(pass, 'http://example.org/'), 'refused');
  assert.equal(await send({ env: { HTTP_PROXY:
    pass.env.HTTP_PROXY.replace(/\/\/\w/, '//x') } }, models), 'refused');
  assert.equal(await send(pass, models), 401);
  assert.equal(await send(pass, models), 401);
  assert.equal(excesses, 1);
  const second = send(pass, models);
  pass.shut();
  assert.equal(await second, 'refused');
  assert.equal(excesses, 2);
  pass.open();
  assert.equal(await send(pass, models), 401);
  pass.close();
  assert.equal(await send(pass, models), 'refused');
  gate.close();
});
