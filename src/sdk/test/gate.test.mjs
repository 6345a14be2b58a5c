/** The gate of lasting processes: TLS, the operator's proxy, one request. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createProxy, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect as connectTls, createServer as createTls } from 'node:tls';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { Gate } from '../gate.mjs';
import { bodies, endOf, until } from './lib/bridge.mjs';
import { KEY, Keeper } from './lib/kept.mjs';

let stub;
let dir;
let secure;
let proxy;
const asked = [];
const sockets = new Set();
const servers = [];

before(async () => {
  stub = await startStub();
  dir = await mkdtemp(path.join(tmpdir(), 'gate-'));
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes',
    '-days', '2', '-keyout', `${dir}/key`, '-out', `${dir}/cert`,
    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
  { stdio: 'ignore' });
  secure = `https://localhost:${await listening(secured())}`;
  proxy = `http://me:p%40ss@127.0.0.1:${await listening(operators())}`;
});
afterEach(() => {
  stub.clear();
  asked.length = 0;
});
after(async () => {
  servers.forEach((server) => server.close());
  sockets.forEach((socket) => socket.destroy());
  await stub?.close();
  await rm(dir, { recursive: true, force: true });
});

async function listening(server) {
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  servers.push(server);
  return server.address().port;
}

function join(one, other) {
  one.on('error', () => other.destroy());
  other.on('error', () => one.destroy());
  one.pipe(other).pipe(one);
}

/** The stub behind TLS, at a name that its certificate has. */
function secured() {
  return createTls({ key: readFileSync(`${dir}/key`),
    cert: readFileSync(`${dir}/cert`) }, (socket) => {
    join(socket, connect(new URL(stub.url).port, '127.0.0.1'));
  });
}

/** A proxy of the operator's; it notes who asks for what. */
function operators() {
  const note = ({ url, headers }) => {
    asked.push(`${url} ${headers['proxy-authorization']}`);
  };
  const server = createProxy((req, res) => {
    note(req);
    const { hostname, port, pathname, search } = new URL(req.url);
    req.pipe(request({ host: hostname, port, path: pathname + search,
      method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    }));
  });
  return server.on('connect', (req, socket) => {
    note(req);
    const [host, port] = req.url.split(':');
    const up = connect(port, host, () => {
      socket.write('HTTP/1.1 200 OK\r\nx: y\r\n\r\n');
      join(socket, up);
    });
  });
}

const OWN = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;

async function opened(apiBase, network = {}) {
  const gate = new Gate({ apiBase, network });
  await gate.listen();
  const pass = gate.admit();
  pass.excesses = 0;
  pass.onExcess = () => { pass.excesses++; };
  return { gate, pass };
}

/** What a process would send through the gate: how it was answered. */
function send({ env: { HTTP_PROXY: url } }, options) {
  const { username, password, port, hostname } = new URL(url);
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  return new Promise((resolve) => {
    const call = request({ host: hostname, port, agent: false,
      headers: { 'proxy-authorization': `Basic ${auth}` }, ...options });
    call.on('response', (res) => {
      res.resume();
      resolve(res.statusCode);
    });
    call.on('connect', (res, socket) => {
      resolve(res.statusCode === 200 ? socket : res.statusCode);
    });
    call.on('error', () => resolve('refused'));
    call.end();
  });
}

async function connected(pass, base) {
  const { host, hostname } = new URL(base);
  const tunnel = await send(pass, { method: 'CONNECT', path: host });
  if (typeof tunnel !== 'object') return tunnel;
  const socket = connectTls({ socket: tunnel, servername: hostname,
    ca: readFileSync(`${dir}/cert`) });
  socket.text = '';
  socket.on('error', () => {});
  socket.on('data', (piece) => { socket.text += piece; });
  return socket;
}

/** Asks for the models; the status, once it has come. */
async function models(pass, base, more = '') {
  if (!base.startsWith('https:')) {
    return send(pass, { path: `${base}/v1/models` });
  }
  const socket = await connected(pass, base);
  if (typeof socket !== 'object') return socket;
  socket.write(`GET /v1/models HTTP/1.1\r\nhost: x\r\n${more}\r\n`);
  await until(() => socket.text.includes('\r\n\r\n') || socket.destroyed);
  socket.destroy();
  return Number(/^HTTP\/1.1 (\d+)/.exec(socket.text)?.[1]) || 'refused';
}

const LONG = `x: ${'y'.repeat(300)}\r\n`;

describe('the gate', () => {
  for (const tls of [false, true]) {
    const name = tls ? 'TLS' : 'no TLS';

    test(`lets nothing out after an answer has begun, ${name}`, async () => {
      const base = tls ? secure : stub.url;
      const { gate, pass } = await opened(base);
      assert.equal(await models(pass, base, LONG), 'refused');
      pass.open();
      assert.equal(await models(pass, base, LONG), 401);
      assert.equal(await models(pass, base, LONG), 401);
      assert.equal(pass.excesses, 1);
      const late = models(pass, base, LONG);
      pass.shut();
      assert.equal(await late, 'refused');
      assert.equal(pass.excesses, 2);
      assert.equal(stub.requests().length, 2);
      pass.open();
      assert.equal(await models(pass, base, LONG), 401);
      pass.close();
      assert.equal(await models(pass, base, LONG), 'refused');
      gate.close();
    });

    test(`asks the operator's proxy, ${name}`, async () => {
      const base = tls ? secure : stub.url;
      const network = { [tls ? 'HTTPS_PROXY' : 'HTTP_PROXY']: proxy };
      const what = tls ? new URL(base).host : `${base}/v1/models`;
      for (const [names, expected] of [[undefined, [`${what} ${OWN}`]],
        ['localhost.test:1,.example.org', [`${what} ${OWN}`]],
        [`example.org, ${new URL(base).hostname}`, []], ['*', []]]) {
        const { gate, pass } = await opened(base,
          { ...network, NO_PROXY: names });
        pass.open();
        assert.equal(await models(pass, base), 401);
        assert.deepEqual(asked.splice(0), expected);
        gate.close();
      }
    });
  }

  test('lets nothing more out in an open connection', async () => {
    const { gate, pass } = await opened(secure);
    pass.open();
    const socket = await connected(pass, secure);
    const ask = (more) => socket.write(
      `GET /v1/models HTTP/1.1\r\nhost: x\r\n${more}\r\n`);
    ask(LONG);
    await until(() => /"error"/.test(socket.text));
    pass.shut();
    ask(LONG);
    await until(() => socket.destroyed);
    assert.equal(stub.requests().length, 1);
    assert.equal(pass.excesses, 1);
    gate.close();
  });

  test('waits for what the process has told', async () => {
    const { gate, pass } = await opened(stub.url);
    pass.open();
    assert.equal(await pass.lets(), true);
    pass.hear();
    assert.equal(await pass.lets(), true);
    const more = pass.lets();
    setImmediate(() => setImmediate(() => pass.shut()));
    assert.equal(await more, false);
    gate.close();
  });

  test('is for one host and those who are let in', async () => {
    const { gate, pass } = await opened(stub.url);
    pass.open();
    const stranger = { env: { HTTP_PROXY:
      pass.env.HTTP_PROXY.replace(/\/\/\w{4}/, '//xxxx') } };
    assert.equal(await models(stranger, stub.url), 'refused');
    for (const options of [{ path: 'http://example.org/' }, { path: '/' },
      { method: 'CONNECT', path: 'example.org:443' }]) {
      assert.equal(await send(pass, options), 'refused');
    }
    gate.close();
  });

  test('says that an API can\'t be reached', async () => {
    for (const base of ['http://127.0.0.1:9', 'https://127.0.0.1:9']) {
      const { gate, pass } = await opened(base);
      pass.open();
      assert.ok(['refused', 502].includes(await models(pass, base)));
      gate.close();
    }
  });
});

test('the SDK\'s process goes through it, in TLS and by a proxy', async () => {
  const keeper = new Keeper(stub);
  await keeper.start({ ANTHROPIC_BASE_URL: secure,
    NODE_EXTRA_CA_CERTS: `${dir}/cert`, HTTPS_PROXY: proxy });
  try {
    const messages = [];
    const more = { max_tokens: 30_000 };
    await keeper.turn(messages, 'size=70000 deltas=20', more);
    await keeper.turn(messages, 'text=b', more);
    assert.equal(await keeper.metric('continued_total'), 1);
    assert.equal(messages[1].content[0].text.length, 70000);
    const events = await keeper.turn([], 'deltas=90', { max_tokens: 3 });
    assert.equal(endOf(events).delta.stop_reason, 'max_tokens');
    await until(() => keeper.bridge.pids('answering').length === 0);
    assert.equal(bodies(stub).length, 3);
    assert.equal(stub.requests()[0].headers['proxy-authorization'], undefined);
    assert.deepEqual(new Set(asked),
      new Set([`${new URL(secure).host} ${OWN}`]));
    const { status } = await keeper.bridge.ask('[[stub status=529]]', {}, KEY);
    assert.equal(status, 529);
  } finally {
    await keeper.stop();
  }
});
