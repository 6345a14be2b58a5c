// A prompt of 1 MB and of 20 MB: the worker's CPU over what plain nginx spends
// to pass the same bytes, beside a bare yajl parse of them and one copy; and
// the longest turn of the event loop, beside that of a prompt of 64 KB.

import http from 'node:http';
import { once } from 'node:events';
import { closeSync, openSync, readSync, readFileSync, readdirSync,
  writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Rig, median, root, run } from '../rig.mjs';

const SIZES = [[1, 60], [20, 6]];       // MB, requests a round
const ROUNDS = 5;
const MESSAGE = 2000;

const text = 'A line of a history, as long as people write them.\n';

function prompt(bytes) {
  const messages = Array.from({ length: Math.floor(bytes / MESSAGE) | 1 },
    (_, i) => ({ role: i % 2 ? 'assistant' : 'user',
      content: text.repeat(MESSAGE / text.length) }));
  return Buffer.from(JSON.stringify({ model: 'sonnet', messages }));
}

async function post(url, rig, body) {
  const request = http.request(url, { method: 'POST', agent: false,
    headers: { 'Content-Type': 'application/json',
      'Content-Length': body.length,
      Authorization: `Bearer ${rig.key}` } });
  request.end(body);
  const [response] = await once(request, 'response');
  response.resume();
  await once(response, 'end');
  if (response.statusCode !== 200) {
    throw new Error(`status ${response.statusCode}`);
  }
}

/** CPU of a process and its threads, ms: all of it, and the system's share. */
function spent(pid) {
  const dir = `/proc/${pid}/task`;
  let ms = 0;
  for (const id of readdirSync(dir)) {
    ms += Number(readFileSync(`${dir}/${id}/schedstat`, 'latin1')
      .split(' ')[0]) / 1e6;
  }
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ').map(Number);
  return { ms, user: fields[11], system: fields[12] };
}

/** ms of the worker's CPU a request, and the system's part of them. */
async function cost(rig, url, body, n) {
  const before = spent(rig.worker);
  for (let i = 0; i < n; i++) await post(url, rig, body);
  const after = spent(rig.worker);
  const system = after.system - before.system;
  const ticks = system + after.user - before.user;
  const ms = (after.ms - before.ms) / n;
  return { ms, system: ticks ? ms * system / ticks : 0 };
}

async function costs() {
  const rig = new Rig();
  try {
    await rig.nginx(await rig.stub('stub', 'burst'));
    const parse = rig.path('parse');
    run('cc', ['-O2', '-o', parse, join(root, 't/bench/parse.c'), '-lyajl']);

    const table = [];
    for (const [mb, n] of SIZES) {
      const body = prompt(mb << 20);
      const file = rig.path('prompt.json');
      writeFileSync(file, body);
      const all = { module: [], module_system: [], plain: [],
        plain_system: [], bare: [], parse: [], copy: [] };
      await post(`${rig.api}/chat/completions`, rig, body);
      for (let i = 0; i < ROUNDS; i++) {
        let one = await cost(rig, `${rig.api}/chat/completions`, body, n);
        all.module.push(one.ms);
        all.module_system.push(one.system);
        one = await cost(rig, rig.plain, body, n);
        all.plain.push(one.ms);
        all.plain_system.push(one.system);
        const bare = run(parse, [file, String(n)]).split(' ')
          .map((us) => Number(us) / 1000);
        all.bare.push(bare[0]);
        all.parse.push(bare[2]);
        all.copy.push(bare[3]);
      }
      const terms = Object.fromEntries(Object.entries(all)
        .map(([name, values]) => [name, median(values)]));
      const ms = (name) => `${terms[name].toFixed(2)} ms`;
      table.push({ what: `prompt of ${mb} MB, worker CPU over plain's`,
        than: 'a bare yajl parse and a copy', atMost: 1.3,
        ratio: (terms.module - terms.plain) / terms.bare,
        value: `${ms('module')} (system ${ms('module_system')}), ` +
          `plain ${ms('plain')} (system ${ms('plain_system')}), ` +
          `bare ${ms('bare')}: parse ${ms('parse')}, copy ${ms('copy')}; ` +
          `${body.length} bytes`, bytes: body.length, ...terms });
    }
    return table;
  } finally {
    await rig.stop();
  }
}

/** The longest turn of one request, us: the three that turns.c has. */
async function turn(rig, fd, body) {
  const longest = new BigUint64Array(3);
  const bytes = new Uint8Array(longest.buffer);
  writeSync(fd, bytes, 0, bytes.length, 0);
  await post(`${rig.api}/chat/completions`, rig, body);
  readSync(fd, bytes, 0, bytes.length, 0);
  return Array.from(longest, (ns) => Number(ns) / 1000);
}

/** The longest turns of so many requests, one after the other. */
async function longest(rig, fd, body, n) {
  const most = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    (await turn(rig, fd, body)).forEach((us, kind) => {
      most[kind] = Math.max(most[kind], us);
    });
  }
  return most;
}

// A prompt of 20 MB has some two thousand turns, of which the longest is one
// that an interrupt fell into, or much else on a busy machine; one of 64 KB has
// a handful.  So the ratio is to the longest turn of as many bytes in prompts
// of 64 KB, which meet as much; that to a single one's is shown beside it.

async function turns() {
  const rig = new Rig();
  const [shim, file] = [rig.path('turns.so'), rig.path('turns')];
  run('cc', ['-O2', '-shared', '-fPIC', '-o', shim,
    join(root, 't/bench/turns.c')]);
  writeFileSync(file, new Uint8Array(24));
  const fd = openSync(file, 'r+');
  try {
    const socket = await rig.stub('stub', 'burst');
    Object.assign(process.env, { LD_PRELOAD: shim, CLAUDE_TURNS: file });
    await rig.nginx(socket);
    delete process.env.LD_PRELOAD;

    const short = prompt(62 << 10);
    const all = [[1, 10], [20, 3]].map(([mb, n]) => {
      const body = prompt(mb << 20);
      return { mb, n, body, whole: [], parts: [],
        count: Math.round(body.length / short.length) };
    });
    const single = [];
    for (let i = 0; i <= ROUNDS; i++) {
      for (const { n, body, whole, parts, count } of all) {
        for (let j = 0; j < n; j++) {
          const one = await longest(rig, fd, body, 1);
          const many = await longest(rig, fd, short, count);
          const alone = await longest(rig, fd, short, 1);
          if (i === 0) continue;        // memory is new, files are opened
          whole.push(one);
          parts.push(many);
          single.push(alone);
        }
      }
    }

    const us = (list) => [0, 1, 2]
      .map((kind) => median(list.map((most) => most[kind])));
    const say = (list) => us(list).map((n) => n.toFixed(0)).join('/');
    return all.map(({ mb, whole, parts }) => ({
      what: `prompt of ${mb} MB, longest turn of the loop`,
      than: 'the same bytes in prompts of 64 KB', atMost: 1,
      ratio: us(whole)[0] / us(parts)[0],
      value: `${say(whole)} us, in prompts of 64 KB ${say(parts)}, a single ` +
        `one ${say(single)} (${(us(whole)[0] / us(single)[0]).toFixed(2)} ` +
        'of that): CPU, by the clock where not preempted, by the clock',
      whole: us(whole), parts: us(parts), single: us(single) }));
  } finally {
    delete process.env.LD_PRELOAD;
    delete process.env.CLAUDE_TURNS;
    closeSync(fd);
    await rig.stop();
  }
}

export async function rows() {
  return [...await costs(), ...await turns()];
}
