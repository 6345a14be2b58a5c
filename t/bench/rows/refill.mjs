// Requests under way while the pool is refilled without a pause, two processes
// starting at a time, beside the same requests with nothing starting.

import { readFileSync } from 'node:fs';
import { cpu, median } from '../rig.mjs';
import { KEPT, stub, withSdk } from '../sdk_rig.mjs';

const ROUNDS = 12;
const POOL = 2;
const TURNS = 6;                        // of a round

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The bridge's processes, the one that has worked most first. */
function children({ bridge }) {
  return readFileSync(`/proc/${bridge}/task/${bridge}/children`, 'latin1')
    .trim().split(' ').map(Number).sort((a, b) => cpu(b) - cpu(a));
}

/** A conversation in one kept process, turn by turn. */
class Talk {
  #rig;
  #messages = [];

  constructor(rig) {
    this.#rig = rig;
  }

  /** @returns {Promise<number>} ms to the answer's end */
  async turn(what) {
    this.#messages.push({ role: 'user', content: what });
    const { total, message, kept } = await this.#rig.ask(this.#messages);
    if (!kept && this.#messages.length > 1) throw new Error('not kept');
    this.#messages.push(message);
    return total;
  }
}

/**
 * Kills what is parked as soon as the pool is full, while `body` runs; or, with
 * `kept` null, only looks, as often.
 */
async function refilling(rig, kept, body) {
  let over = false;
  const kill = async () => {
    while (!over) {
      if ((await rig.health()).parked === POOL && kept !== null) {
        children(rig).filter((pid) => pid !== kept)
          .forEach((pid) => process.kill(pid, 'SIGKILL'));
        while (!over && !(await rig.health()).starting) await pause(2);
      }
      await pause(20);
    }
  };
  const killing = kill();
  await pause(100);
  try {
    return await body();
  } finally {
    over = true;
    await killing;
  }
}

const kinds = [
  ['a stream of 200 deltas, 5 ms apart',
    async (talk) => [await talk.turn(stub('deltas=200 delay=5'))]],
  ['a turn of a kept conversation', async (talk) => {
    const times = [];
    for (let i = 0; i < TURNS; i++) times.push(await talk.turn(`Turn ${i}.`));
    return times;
  }],
];

export async function rows() {
  return withSdk({ ...KEPT, CLAUDE_BRIDGE_POOL: String(POOL) },
    async (rig) => {
      const talk = new Talk(rig);
      for (let i = 0; i < 4 * TURNS; i++) await talk.turn(`Begin ${i}.`);
      const [kept] = children(rig);

      const table = [];
      for (const [what, body] of kinds) {
        const alone = [], beside = [];
        const { starts } = await rig.health();
        for (let i = 0; i < ROUNDS; i++) {
          while ((await rig.health()).parked < POOL) await pause(50);
          alone.push(...await refilling(rig, null, () => body(talk)));
          beside.push(...await refilling(rig, kept, () => body(talk)));
        }
        const [a, b] = [alone, beside].map(median);
        const started = (await rig.health()).starts - starts;
        if (started < ROUNDS) throw new Error('too little was refilled');
        table.push({ what: `${what}, pool refilled beside`,
          than: 'nothing started', ratio: b / a, atMost: 1.2,
          value: `${b.toFixed(0)} ms, alone ${a.toFixed(0)} ms; ` +
            `${started} started` });
      }
      return table;
    });
}
