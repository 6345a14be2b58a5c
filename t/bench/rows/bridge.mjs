// What the bridge itself costs beside the SDK's processes, fresh conversations
// a second, and a stream of a thousand deltas a second.

import { readFileSync } from 'node:fs';
import { cpu, resident } from '../rig.mjs';
import { FRESH, KEPT, stub, withSdk } from '../sdk_rig.mjs';

const REQUESTS = 12;
/** From the first process's start on; one is kept for 200 answers. */
const REWOUND = 300;
const AT_ONCE = 2;
const SECONDS = 20;

const user = (content) => [{ role: 'user', content }];

/** CPU of children that have ended, ms, and of those that run. */
function family(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ended = (Number(fields[13]) + Number(fields[14])) * 10;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1')
    .trim().split(' ').filter(Boolean);
  return children.reduce((sum, child) => sum + cpu(child) + family(child),
    ended);
}

/** Conversations a second, each of its own. */
async function perSecond(rig, n) {
  const start = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < n) await rig.chat({ messages: user(`Begin ${next++}.`) });
  }));
  return n / (performance.now() - start) * 1000;
}

async function fresh(mimalloc) {
  return withSdk({ ...FRESH, CLAUDE_BRIDGE_POOL: String(AT_ONCE),
    CLAUDE_BRIDGE_MIMALLOC: mimalloc }, async (rig) => {
    const own = cpu(rig.bridge), theirs = family(rig.bridge);
    const rate = await perSecond(rig, REQUESTS);
    await rig.settled();
    const spent = family(rig.bridge) - theirs;
    return { rate, cpu: spent / REQUESTS,
      share: (cpu(rig.bridge) - own) / spent };
  });
}

const rewound = () => withSdk({ ...KEPT, CLAUDE_BRIDGE_POOL: '1' },
  async (rig) => {
    const own = cpu(rig.bridge), theirs = family(rig.bridge);
    const rate = await perSecond(rig, REWOUND);
    const spent = family(rig.bridge) - theirs;
    return { rate, cpu: spent / REWOUND,
      share: (cpu(rig.bridge) - own) / spent };
  });

/** Memory of the bridge and the worker early in a long stream, and late. */
const stream = () => withSdk({ ...FRESH, CLAUDE_BRIDGE_POOL: '1' },
  async (rig) => {
    const deltas = 1000 * SECONDS;
    const sizes = [];
    const sum = () => resident(rig.bridge) + resident(rig.worker);
    const timer = setInterval(() => sizes.push(sum()), 500);
    const { total, first } = await rig.chat({
      messages: user(stub(`deltas=${deltas} delay=1`)) });
    clearInterval(timer);
    const early = sizes[Math.floor(sizes.length / 3)];
    return { rate: deltas / (total - first) * 1000, early, total,
      late: sizes[sizes.length - 2] };
  });

export async function rows() {
  const plain = await fresh('off');
  const mimalloc = await fresh('on');
  const again = await rewound();
  const long = await stream();
  const rate = (n) => `${n.rate.toFixed(2)}/s`;
  const ms = (n) => `${n.cpu.toFixed(0)} ms of CPU`;
  const percent = (n) => `${(100 * n.share).toFixed(1)} %`;

  return [
    { what: 'fresh conversations/s, CLAUDE_BRIDGE_MIMALLOC',
      than: 'without', ratio: mimalloc.rate / plain.rate, atLeast: 1.8,
      value: `${rate(mimalloc)}, ${ms(mimalloc)} each; without `
        + `${rate(plain)}, ${ms(plain)}` },
    { what: 'conversations/s, one key and system prompt',
      than: 'fresh, without mimalloc', ratio: again.rate / plain.rate,
      atLeast: 8, value: `${rate(again)}, ${ms(again)} each; fresh `
        + `${rate(plain)}, ${ms(plain)}` },
    { what: 'the bridge\'s own CPU', than: 'of the SDK\'s processes',
      ratio: plain.share, atMost: 0.05,
      value: `${percent(plain)}; rewound ${percent(again)}` },
    { what: 'a stream of many deltas a second, memory',
      than: 'after a third of it', ratio: long.late / long.early,
      atMost: 1.05, value: `${long.rate.toFixed(0)} deltas/s for `
        + `${(long.total / 1000).toFixed(0)} s; ${long.late >> 20} MB, `
        + `${long.early >> 20} MB before` }];
}
