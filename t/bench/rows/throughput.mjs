// The worker's CPU a request, and requests a second: the module, whole and
// streamed, beside plain proxy_pass of the very bytes that the module reads.
//
// The CPU of rows that have a target is that of deltas a millisecond apart,
// each of which is read and sent by itself, as a model's are.  Deltas that
// come all at once, as fast as one machine makes them, are shown beside, and
// requests a second are taken there.

import { join } from 'node:path';
import { Rig, busy, median, root, run } from '../rig.mjs';

const ROUNDS = 15;
const SECONDS = 1;
const CONNECTIONS = 32;

const body = (stream) => JSON.stringify({
  model: 'sonnet', stream,
  messages: [{ role: 'user', content: 'Say something of usual length.' }] });

const kinds = [
  ['plain', (rig) => rig.plain, body(true)],
  ['whole', (rig) => `${rig.api}/chat/completions`, body(false)],
  ['streamed', (rig) => `${rig.api}/chat/completions`, body(true)],
];

export function load(rig, url, text, seconds = SECONDS,
  connections = CONNECTIONS) {
  const workers = () => rig.workers.reduce((sum, pid) => sum + busy(pid), 0);
  const before = workers();
  process.env.BENCH_BODY = text;
  process.env.BENCH_KEY = rig.key;
  const out = run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`,
    '--timeout', '30s', '-s', join(root, 't/bench/post.lua'), url]);
  const used = workers() - before;
  const [, requests, us, errors] = /bench (\d+) (\d+) (\d+)/.exec(out);
  if (Number(errors) || !Number(requests)) {
    throw new Error(`${url}: ${errors} of ${requests} failed`);
  }
  return { requests: Number(requests), rps: requests / us * 1e6,
    cpu: used / requests * 1000 };
}

/**
 * Medians of interleaved rounds, by kind; cpuRatio, rpsRatio: of a round's own
 * ratios, as it compares with plain.
 */
async function measure(mode, which) {
  const rig = new Rig();
  try {
    await rig.nginx(await rig.stub('stub', mode));
    const rounds = Array.from({ length: ROUNDS }, () =>
      which.map(([, url, text]) => load(rig, url(rig), text)));
    const each = (figure) => median(rounds.map(figure));
    return Object.fromEntries(which.map(([name], i) => [name, {
      rps: each((round) => round[i].rps),
      cpu: each((round) => round[i].cpu),
      rpsRatio: each((round) => round[i].rps / round[0].rps),
      cpuRatio: each((round) => round[0].cpu / round[i].cpu) }]));
  } finally {
    await rig.stop();
  }
}

const us = (figure) => `${figure.cpu.toFixed(1)} us`;

export async function rows() {
  const paced = await measure('paced', kinds);
  const burst = await measure('burst', kinds);
  const { plain: document } = await measure('document', kinds.slice(0, 1));

  const table = ['streamed', 'whole'].flatMap((name) => [
    { what: `${name}, 16 deltas, worker CPU`, than: 'plain, the same bytes',
      ratio: paced[name].cpuRatio, atLeast: 0.85,
      value: `${us(paced[name])}, plain ${us(paced.plain)}`,
      us: paced[name].cpu, plain_us: paced.plain.cpu },
    { what: `${name}, all at once, worker CPU`, than: 'plain, likewise',
      ratio: burst[name].cpuRatio,
      value: `${us(burst[name])}, plain ${us(burst.plain)}`,
      us: burst[name].cpu, plain_us: burst.plain.cpu },
    { what: `${name}, all at once, requests/s`, than: 'plain, likewise',
      ratio: burst[name].rpsRatio,
      value: `${burst[name].rps.toFixed(0)}/s, plain ` +
        `${burst.plain.rps.toFixed(0)}/s`,
      rps: burst[name].rps, plain_rps: burst.plain.rps },
  ]);

  return [...table, { what: 'plain nginx, one JSON document',
    value: `${us(document)}, ${document.rps.toFixed(0)}/s`,
    us: document.cpu, rps: document.rps }];
}
