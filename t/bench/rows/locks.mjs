// Waiting for the locks of zones: eight workers on one zone of each kind.
// perf samples where their CPU goes; nginx's mutex spins before it sleeps, so
// a worker that waits is seen in it.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Rig, run } from '../rig.mjs';
import { load } from './throughput.mjs';

const WORKERS = 8;
const SECONDS = 8;

const body = JSON.stringify({ model: 'sonnet', stream: true,
  messages: [{ role: 'user', content: 'Say something of usual length.' }] });

export async function rows() {
  const rig = new Rig();
  try {
    await rig.nginx(await rig.stub('stub', 'burst'), { workers: WORKERS });
    const data = rig.path('perf.data');
    const probe = spawnSync('perf', ['--version']);
    if (probe.error) throw new Error('there is no perf here');

    const perf = spawn('perf', ['record', '-q', '-e', 'cpu-clock', '-F', '999',
      '-o', data, '-p', rig.workers.join(',')], { stdio: 'ignore' });
    const { rps } = load(rig, `${rig.api}/chat/completions`, body, SECONDS,
      128);
    perf.kill('SIGINT');
    await once(perf, 'exit');
    const report = run('sh', ['-c',
      `perf report -i ${data} --stdio --sort symbol 2> /dev/null`]);
    if (!/\bngx_http_claude_\w+/.test(report)) {
      throw new Error('perf saw nothing of the workers');
    }
    const share = [...report.matchAll(
      /^\s*([\d.]+)%.*\b(?:ngx_shmtx_lock|sem_wait|futex_wait)\b/gm)]
      .reduce((sum, [, percent]) => sum + Number(percent), 0) / 100;
    return [{ what: `waiting for zones' locks, ${WORKERS} workers`,
      than: 'their CPU time', ratio: share, atMost: 0.05,
      value: `${(100 * share).toFixed(2)} %, at ${rps.toFixed(0)} requests/s`,
    }];
  } finally {
    await rig.stop();
  }
}
