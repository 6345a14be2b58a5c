// Start and reload with 100,000 keys in the log, over the same with one,
// beside reading that file and parsing its lines by yajl alone.

import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rig, build, median, root, run } from '../rig.mjs';

const KEYS = 100000;
const ROUNDS = 3;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** ms until a worker runs; ms until new ones do. */
async function times(rig) {
  const start = [], reload = [];
  for (let i = 0; i < ROUNDS; i++) {
    let began = performance.now();
    await rig.startNginx(1);
    start.push(performance.now() - began);

    const old = rig.worker;
    began = performance.now();
    process.kill(rig.master, 'SIGHUP');
    const log = rig.children.at(-1);
    while (run('pgrep', ['-P', String(rig.master)]).split('\n')
      .every((pid) => Number(pid) === old)) {
      await pause(2);
    }
    reload.push(performance.now() - began);

    const ended = new Promise((resolve) => log.once('exit', resolve));
    log.kill('SIGTERM');
    await ended;
  }
  return { start: median(start), reload: median(reload) };
}

export async function rows() {
  const rig = new Rig();
  try {
    await rig.nginx(rig.path('none.sock'));
    rig.children.at(-1).kill('SIGTERM');
    await new Promise((resolve) => rig.children.at(-1).once('exit', resolve));
    const few = await times(rig);

    const store = rig.path('store/keys.jsonl');
    const objects = run('sh', ['-c', `echo ${build}/core/*.o`]).split(' ');
    run('cc', ['-O2', '-o', rig.path('fill'),
      join(root, 't/lib/fill_store.c'), ...objects, '-lsodium', '-lyajl',
      '-lcrypt']);
    run(rig.path('fill'), [rig.path('master.key'), store, String(KEYS),
      String(KEYS)]);
    if (rig.asRoot) chownSync(store, rig.uid, rig.uid);
    const many = await times(rig);

    run('cc', ['-O2', '-o', rig.path('parse'), join(root, 't/bench/parse.c'),
      '-lyajl']);
    const bare = Number(run(rig.path('parse'), [store, String(ROUNDS),
      'lines']).split(' ')[1]) / 1000;

    return ['start', 'reload'].map((what) => ({
      what: `${what} with ${KEYS} keys, over one`,
      than: 'reading and parsing its file', atMost: 2,
      ratio: (many[what] - few[what]) / bare,
      value: `${many[what].toFixed(0)} ms, ${few[what].toFixed(0)} ms with ` +
        `one, bare ${bare.toFixed(0)} ms`,
      ms: many[what], one_ms: few[what], bare_ms: bare,
      bytes: readFileSync(store).length }));
  } finally {
    await rig.stop();
  }
}
