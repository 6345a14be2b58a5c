// Requests a second, and the worker's CPU a request: the module, whole and
// streamed, beside plain proxy_pass that passes the same bytes.

import { join } from 'node:path';
import { cpu, median, root, run } from './rig.mjs';

const ROUNDS = 3;
const SECONDS = 4;
const CONNECTIONS = 32;

const body = (stream) => JSON.stringify({
  model: 'sonnet', stream,
  messages: [{ role: 'user', content: 'Say something of usual length.' }] });

const kinds = [
  ['plain', (rig) => rig.plain, body(true)],
  ['whole', (rig) => `${rig.api}/chat/completions`, body(false)],
  ['streamed', (rig) => `${rig.api}/chat/completions`, body(true)],
];

function once(rig, url, text) {
  const before = cpu(rig.worker);
  process.env.BENCH_BODY = text;
  process.env.BENCH_KEY = rig.key;
  const out = run('wrk', ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`,
    '-s', join(root, 't/bench/post.lua'), url]);
  const used = cpu(rig.worker) - before;
  const [, requests, us, errors] = /bench (\d+) (\d+) (\d+)/.exec(out);
  if (Number(errors) || !Number(requests)) {
    throw new Error(`${url}: ${errors} of ${requests} failed`);
  }
  return { rps: requests / us * 1e6, cpu: used / requests * 1000 };
}

/** Rows of the table: rounds are interleaved, medians count. */
export function throughput(rig) {
  const rounds = Array.from({ length: ROUNDS }, () =>
    kinds.map(([, url, text]) => once(rig, url(rig), text)));

  const figures = kinds.map(([name], i) => ({
    name,
    rps: median(rounds.map((round) => round[i].rps)),
    cpu: median(rounds.map((round) => round[i].cpu)) }));

  const plain = figures[0];
  return figures.map((f) => ({
    what: `${f.name}, 16 deltas`,
    value: `${f.rps.toFixed(0)}/s, ${f.cpu.toFixed(1)} us of worker CPU`,
    ratio: plain.cpu / f.cpu,
    of: `plain's CPU; ${(f.rps / plain.rps).toFixed(2)} of its requests/s`,
    target: f === plain ? undefined : 0.6,
    rps: f.rps, cpu_us: f.cpu }));
}
