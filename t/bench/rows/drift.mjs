// Whether anything grows with requests: resident memory of the worker after
// the first hundred thousand, and after BENCH_REQUESTS (1,500,000; the figure
// to reach is of ten millions).
//
// At thirty thousand requests a second the first hundred thousand are over
// before each thread of nginx's pool has had its first task, one every half
// second, and with it a stack and an arena: those are waited for.

import { Rig, memory, resident } from '../rig.mjs';
import { load } from './throughput.mjs';

const WARM = 100000;
const WARM_MS = 30000;
const REQUESTS = Number(process.env.BENCH_REQUESTS ?? 1500000);

const body = JSON.stringify({ model: 'sonnet', stream: true,
  messages: [{ role: 'user', content: 'Say something of usual length.' }] });

const kb = (bytes) => `${bytes >> 10} KB`;

export async function rows() {
  const rig = new Rig();
  try {
    await rig.nginx(await rig.stub('stub', 'burst'));
    const url = `${rig.api}/chat/completions`;
    const begun = Date.now();
    let done = 0, warm;

    while (done < REQUESTS || done === (warm?.done ?? done)) {
      done += load(rig, url, body, 10).requests;
      if (done >= WARM && Date.now() - begun >= WARM_MS) {
        warm ??= { done, bytes: resident(rig.worker),
          own: memory(rig.worker) };
      }
    }
    const bytes = resident(rig.worker), own = memory(rig.worker);
    return [{ what: 'resident memory after many requests',
      than: `after ${warm.done} of ${done}`, ratio: bytes / warm.bytes,
      atMost: 1.01, value: `${kb(bytes)}, ${kb(warm.bytes)} before; ` +
        `not shared ${kb(own)}, ${kb(warm.own)}`,
      requests: done, bytes, warm_bytes: warm.bytes, own, warm_own: warm.own,
    }];
  } finally {
    await rig.stop();
  }
}
