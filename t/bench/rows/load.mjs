// Start and reload with 100,000 keys in the log, over the same with one,
// beside reading that file and parsing its lines by yajl alone.

import { chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rig, build, median, root, run } from '../rig.mjs';

const KEYS = 100000;
const ROUNDS = 7;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** ms until a worker runs; ms until new ones do. */
async function times(rig) {
  let began = performance.now();
  await rig.startNginx(1);
  const start = performance.now() - began;

  const old = rig.worker;
  const nginx = rig.children.at(-1);
  began = performance.now();
  process.kill(rig.master, 'SIGHUP');
  while (!children(rig.master).some((pid) => pid && pid !== old)) {
    await pause(1);
  }
  const reload = performance.now() - began;

  await end(nginx);
  return { start, reload };
}

function children(pid) {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim()
    .split(' ').map(Number);
}

async function end(nginx) {
  const ended = new Promise((resolve) => nginx.once('exit', resolve));
  nginx.kill('SIGTERM');
  await ended;
}

/** The log that nginx has is the one with these keys from now on. */
function use(rig, keys) {
  run('cp', ['-p', rig.path(keys), rig.path('store/keys.jsonl')]);
}

export async function rows() {
  const rig = new Rig();
  try {
    await rig.nginx(rig.path('none.sock'));
    await end(rig.children.at(-1));

    const store = rig.path('store/keys.jsonl');
    run('cp', ['-p', store, rig.path('one')]);
    run(join(build, 'fill_store'), [rig.path('master.key'), store, String(KEYS),
      String(KEYS)]);
    if (rig.asRoot) chownSync(store, rig.uid, rig.uid);
    run('cp', ['-p', store, rig.path('many')]);

    run('cc', ['-O2', '-o', rig.path('parse'), join(root, 't/bench/parse.c'),
      '-lyajl']);

    // one after the other, so that what else goes on meets all of them

    const rounds = [];
    for (let i = 0; i < ROUNDS; i++) {
      use(rig, 'one');
      const one = await times(rig);
      use(rig, 'many');
      const many = await times(rig);
      const [, wall, , copying] = run(rig.path('parse'), [store, '3',
        'lines']).split(' ').map(Number);
      rounds.push({ one, many, bare: (wall - copying) / 1000 });
    }

    const bare = median(rounds.map((round) => round.bare));
    return ['start', 'reload'].map((what) => {
      const many = median(rounds.map((round) => round.many[what]));
      const one = median(rounds.map((round) => round.one[what]));
      return {
        what: `${what} with ${KEYS} keys, over one`,
        than: 'reading and parsing its file', atMost: 2,
        ratio: median(rounds.map((round) =>
          (round.many[what] - round.one[what]) / round.bare)),
        value: `${many.toFixed(0)} ms, ${one.toFixed(0)} ms with one, ` +
          `bare ${bare.toFixed(0)} ms`,
        ms: many, one_ms: one, bare_ms: bare,
        bytes: readFileSync(store).length };
    });
  } finally {
    await rig.stop();
  }
}
