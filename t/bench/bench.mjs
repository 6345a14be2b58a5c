// make bench: what a request and a stream cost beside plain nginx, in one run
// on one stub.  Prints a table, writes build/bench.json, and ends non-zero
// when a ratio falls short of its target.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Rig, root } from './rig.mjs';
import { firstToken } from './first_token.mjs';
import { streams } from './streams.mjs';
import { throughput } from './throughput.mjs';

async function onStub() {
  const rig = new Rig();
  try {
    const socket = rig.path('stub.sock');
    await rig.start('node', [join(root, 't/bench/sse_stub.mjs'), socket],
      /ready/);
    await rig.nginx(socket);
    return [...throughput(rig), ...await streams(rig)];
  } finally {
    await rig.stop();
  }
}

const rows = [...await onStub(), ...await firstToken()];
let short = 0;

for (const row of rows) {
  const ratio = row.ratio === undefined ? ''
    : `${row.ratio.toFixed(2)} of ${row.of}`;
  const target = row.target === undefined ? ''
    : row.ratio >= row.target ? ` (to reach: ${row.target})`
      : ` (SHORT of ${row.target})`;
  if (row.target !== undefined && row.ratio < row.target) short++;
  console.log(`${row.what.padEnd(42)}  ${row.value.padEnd(36)} ` +
    `${ratio}${target}`);
}

writeFileSync(join(root, process.env.BUILD ?? 'build', 'bench.json'),
  JSON.stringify(rows, null, 2));
process.exitCode = short ? 1 : 0;
