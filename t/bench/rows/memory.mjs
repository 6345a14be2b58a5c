// What an open stream costs nginx in memory.

import http from 'node:http';
import { once } from 'node:events';
import { memory } from './rig.mjs';

const STREAMS = 1000;

async function open(rig, agent) {
  const request = http.request(`${rig.api}/chat/completions`, {
    method: 'POST', agent,
    headers: { 'Content-Type': 'application/json',
      Authorization: `Bearer ${rig.key}` } });
  request.on('error', () => {});
  request.end(JSON.stringify({
    model: 'claude-hold', stream: true,
    messages: [{ role: 'user', content: 'Hold.' }] }));
  const [response] = await once(request, 'response');
  response.on('error', () => {});
  await once(response, 'data');
  return request;
}

async function many(rig, n) {
  const agent = new http.Agent({ maxSockets: Infinity });
  const requests = await Promise.all(
    Array.from({ length: n }, () => open(rig, agent)));
  return () => { requests.forEach((r) => r.destroy()); agent.destroy(); };
}

/** The row of the table; the first streams warm the allocator up. */
export async function streams(rig) {
  (await many(rig, 50))();
  const before = memory(rig.worker);
  const close = await many(rig, STREAMS);
  const bytes = (memory(rig.worker) - before) / STREAMS;
  close();
  return [{ what: `memory a stream, ${STREAMS} open`,
    value: `${(bytes / 1024).toFixed(1)} KB`, bytes }];
}
