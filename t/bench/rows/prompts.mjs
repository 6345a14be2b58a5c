// A prompt of 1 MB and of 20 MB: the worker's CPU over what plain nginx spends
// to pass the same bytes, beside a bare yajl parse of them and one copy.

import http from 'node:http';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rig, cpu, median, root, run } from '../rig.mjs';

const SIZES = [[1, 40], [20, 4]];       // MB, requests a round
const ROUNDS = 3;
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

/** ms of the worker's CPU a request. */
async function cost(rig, url, body, n) {
  const before = cpu(rig.worker);
  for (let i = 0; i < n; i++) await post(url, rig, body);
  return (cpu(rig.worker) - before) / n;
}

export async function rows() {
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
      const all = { module: [], plain: [], bare: [] };
      for (let i = 0; i < ROUNDS; i++) {
        all.module.push(await cost(rig, `${rig.api}/chat/completions`, body,
          n));
        all.plain.push(await cost(rig, rig.plain, body, n));
        all.bare.push(Number(run(parse, [file, String(n)]).split(' ')[0])
          / 1000);
      }
      const [module, plain, bare] = Object.values(all).map(median);
      table.push({ what: `prompt of ${mb} MB, worker CPU over plain's`,
        than: 'a bare yajl parse and a copy', atMost: 1.3,
        ratio: (module - plain) / bare,
        value: `${module.toFixed(1)} ms, plain ${plain.toFixed(1)} ms, ` +
          `bare ${bare.toFixed(1)} ms`, module, plain, bare });
    }
    return table;
  } finally {
    await rig.stop();
  }
}
