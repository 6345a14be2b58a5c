// Time to the first token through nginx, the bridge and the real SDK process
// against the stub API: started for the request, parked before it, and with
// earlier messages.

import { chownSync, mkdirSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { Rig, median, root } from './rig.mjs';

const RUNS = 5;

const chat = (messages) => ({
  model: 'sonnet', stream: true,
  messages: Array.from({ length: messages }, (_, i) => ({
    role: i % 2 ? 'assistant' : 'user', content: `Message ${i + 1}.` })) });

async function parked(socket) {
  for (;;) {
    const request = http.get({ socketPath: socket, path: '/health' });
    const [response] = await once(request, 'response');
    let text = '';
    for await (const data of response) text += data;
    if (JSON.parse(text).parked > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function measure(pool, kinds) {
  const rig = new Rig();
  try {
    const stub = await rig.start('node',
      [join(root, 't/stub/anthropic.mjs'), '--no-journal'],
      /listening on http\S+\n/);
    const socket = rig.path('sdk.sock');
    mkdirSync(rig.path('bridge'), { mode: 0o700 });
    process.umask(0o007);
    await rig.start('node', [join(root, 'src/sdk/bridge.mjs')],
      /"event":"listening"/, {
        ANTHROPIC_BASE_URL: /http\S+/.exec(stub.seen)[0],
        CLAUDE_BRIDGE_SOCKET: socket,
        CLAUDE_BRIDGE_DIR: rig.path('bridge'),
        CLAUDE_BRIDGE_POOL: String(pool) });
    process.umask(0o022);
    if (rig.asRoot) chownSync(socket, rig.uid, rig.uid);
    await rig.nginx(socket);

    const rows = [];
    for (const [what, messages] of kinds) {
      const times = [];
      for (let i = 0; i < RUNS; i++) {
        if (pool) await parked(socket);
        times.push(await rig.firstToken(chat(messages)));
      }
      rows.push({ what, ms: median(times),
        value: `${median(times).toFixed(0)} ms` });
    }
    return rows;
  } finally {
    await rig.stop();
  }
}

/** Rows of the table, compared with a process started for the request. */
export async function firstToken() {
  const [cold] = await measure(0, [['first token, cold start', 1]]);
  const rows = await measure(1, [
    ['first token, parked', 1],
    ['first token, parked, 10 earlier messages', 11],
    ['first token, parked, 40 earlier messages', 41]]);
  return [cold, ...rows.map((row) => ({
    ...row, ratio: row.ms / cold.ms, of: 'a cold start' }))];
}
