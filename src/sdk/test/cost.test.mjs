import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { costEvent, Prices } from '../cost.mjs';
import { Bridge } from './lib/bridge.mjs';

let stub;
let bridge;
before(async () => {
  stub = await startStub();
  bridge = await Bridge.start(stub);
});
afterEach(() => stub.clear());
after(async () => {
  await bridge?.stop();
  await stub?.close();
});

async function costOf(directive, more = {}) {
  await bridge.ready();
  const { status, events } = await bridge.ask(`[[stub ${directive}]]`, more);
  assert.equal(status, 200);
  assert.equal(events.at(-1).type, 'message_stop');
  const costs = events.filter(({ type }) => type === 'claude_cost');
  assert.ok(costs.length <= 1);
  return costs[0]?.cost_usd;
}

test('an answer that was stopped has no cost before one was told',
  async () => {
    assert.equal(await costOf('deltas=90', { max_tokens: 5 }), undefined);
    assert.equal(stub.requests().length, 1);
  });

test('the SDK tells what an answer cost, and asks nothing more', async () => {
  const small = await costOf('text=hi input=1000 output=100');
  const large = await costOf('text=hi input=2000 output=200');
  assert.ok(small > 0);
  assert.equal(large, Number((2 * small).toFixed(6)));
  assert.equal(stub.requests().length, 2);
});

test('one that was stopped costs as much a token as those before it',
  async () => {
    const whole = await costOf('text=hi input=100000 output=1000');
    const cut = await costOf('text=hi input=100000 output=1000 '
      + 'stop=max_tokens');
    assert.ok(Math.abs(cut - whole) < whole / 100, `${cut}, not ${whole}`);
    assert.equal(stub.requests().length, 2);
  });

test('models have prices of their own', async () => {
  const model = 'claude-opus-5-5';
  const how = 'text=hi input=100000 output=1000';
  assert.ok(await costOf(how, { model }) > await costOf(how));
});

test('a refusal has its cost too', async () => {
  assert.ok(await costOf('stop=refusal input=1000 output=10') > 0);
});

test('a document has no trace of it', async () => {
  const { json, text } = await bridge.ask('[[stub text=hi]]',
    { stream: false });
  assert.equal(json.type, 'message');
  assert.doesNotMatch(text, /cost/);
});

test('what is learnt is the price of a token, of what is sound', () => {
  const prices = new Prices();
  const usage = { input_tokens: 100, output_tokens: 20 };
  assert.equal(prices.guess('a', usage), undefined);
  prices.learn('a', {}, 1);
  prices.learn('a', usage, 0);
  prices.learn('a', usage, NaN);
  assert.equal(prices.guess('a', usage), undefined);
  prices.learn('a', usage, 0.4);
  assert.equal(prices.guess('a', { input_tokens: 50, output_tokens: 10 }),
    0.2);
  assert.equal(prices.guess('a', { input_tokens: -5, output_tokens: '7' }), 0);
  assert.equal(prices.guess('b', usage), undefined);
});

test('a cost is written in micro-dollars, never with an exponent', () => {
  for (const cost of [0, 1e-9, 1e-6, 0.1 + 0.2, 123456.7891234]) {
    const text = JSON.stringify(costEvent(cost));
    assert.match(text, /^\{"type":"claude_cost","cost_usd":\d+(\.\d{1,6})?\}$/);
  }
});
