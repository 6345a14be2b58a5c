// Whether anything grows with requests: resident memory of the worker after
// the first ten thousands, and after BENCH_REQUESTS (300,000; the figure to
// reach is of ten millions).

import { Rig, memory } from '../rig.mjs';
import { load } from './throughput.mjs';

const WARM = 100000;
const REQUESTS = Number(process.env.BENCH_REQUESTS ?? 300000);

const body = JSON.stringify({ model: 'sonnet', stream: true,
  messages: [{ role: 'user', content: 'Say something of usual length.' }] });

export async function rows() {
  const rig = new Rig();
  try {
    await rig.nginx(await rig.stub('stub', 'burst'));
    const url = `${rig.api}/chat/completions`;
    let done = 0, warm;

    while (done < REQUESTS) {
      done += load(rig, url, body, 10).requests;
      if (done >= WARM) warm ??= { done, bytes: memory(rig.worker) };
    }
    const bytes = memory(rig.worker);
    return [{ what: 'memory after many requests',
      than: `after ${warm.done} of ${done}`, ratio: bytes / warm.bytes,
      atMost: 1.01, value: `${bytes >> 10} KB, ${warm.bytes >> 10} KB before`,
      requests: done, bytes, warm_bytes: warm.bytes }];
  } finally {
    await rig.stop();
  }
}
