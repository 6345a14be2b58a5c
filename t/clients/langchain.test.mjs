// LangChain's ChatOpenAI, by chat completions and by responses.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HumanMessage, SystemMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';

import { makeMark, surroundings, tellWeather, toolTurns, twoCities }
  from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();

for (const useResponsesApi of [false, true]) {
  const by = useResponsesApi ? 'responses' : 'chat';
  const make = () => new ChatOpenAI({ model: 'claude-sonnet-5-5', apiKey,
    maxRetries: 0, useResponsesApi, zdrEnabled: true,
    configuration: { baseURL } });

  test(`${by}: invoke and stream`, async () => {
    const answer = await make().invoke([new SystemMessage('Be brief.'),
      new HumanMessage('[[stub text="Hello there" input=9 output=3]]')]);
    assert.equal(answer.text, 'Hello there');
    assert.deepEqual([answer.usage_metadata.input_tokens,
      answer.usage_metadata.output_tokens], [9, 3]);
    let text = '';
    let all;
    for await (const chunk of await make().stream(
      '[[stub deltas=5 input=9 output=3]]')) {
      text += chunk.text;
      all = all ? all.concat(chunk) : chunk;
    }
    assert.equal(text, '1 2 3 4 5 ');
    assert.equal(all.usage_metadata.total_tokens, 12);
  });

  test(`${by}: bindTools, and results in the next turn`, async () => {
    const mark = makeMark();
    const weather = tool(tellWeather, { name: 'weather',
      description: 'Tells it', schema: z.object({ city: z.string() }) });
    const model = make().bindTools([weather]);
    const asked = new HumanMessage(twoCities(mark));
    const call = await model.invoke([asked]);
    assert.deepEqual(call.tool_calls.map(({ name, args }) =>
      [name, args.city]), [['weather', 'Rome'], ['weather', 'Oslo']]);
    const results = await Promise.all(call.tool_calls.map((one) =>
      weather.invoke(one)));
    const answer = await model.invoke([asked, call, ...results]);
    assert.equal(answer.text, 'warm and cold');
    const { body } = (await stub.requests(mark)).at(-1);
    assert.deepEqual(toolTurns(body.messages).calls,
      [['weather', 'Rome'], ['weather', 'Oslo']]);
  });

  test(`${by}: withStructuredOutput, each method`, async () => {
    const Trip = z.object({ name: z.string(), days: z.number() });
    for (const method of ['jsonSchema', 'functionCalling']) {
      const trip = await make().withStructuredOutput(Trip,
        { name: 'trip', method }).invoke('plan');
      assert.deepEqual(trip, { name: 'stub', days: 1 });
    }
  });
}
