// OpenAI's agents: a handoff from one to another, which calls its tool.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Agent, OpenAIProvider, Runner, handoff, tool } from '@openai/agents';
import OpenAI from 'openai';
import { z } from 'zod';

import { makeMark, surroundings } from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const model = 'claude-sonnet-5-5';

/** What a handoff says to the model is the agent's name. */
function makeAgents() {
  const weather = tool({ name: 'weather', description: 'Tells it',
    parameters: z.object({}),
    execute: () => '[[stub text="warm and cold"]]' });
  const forecaster = new Agent({ model, tools: [weather],
    name: 'Forecaster [[stub tool=weather tool=weather]]',
    instructions: 'Tell the weather.' });
  const given = handoff(forecaster,
    { toolNameOverride: 'transfer_to_forecaster' });
  const triage = new Agent({ name: 'Triage', model, handoffs: [given],
    instructions: 'Hand over.' });
  return { triage, forecaster, given };
}

for (const useResponses of [true, false]) {
  for (const stream of [false, true]) {
    const how = `${useResponses ? 'responses' : 'chat'}, stream: ${stream}`;

    test(`a handoff, then tools: ${how}`, async () => {
      const mark = makeMark();
      const { triage, forecaster, given } = makeAgents();
      const runner = new Runner({ tracingDisabled: true,
        modelProvider: new OpenAIProvider({ useResponses,
          openAIClient: new OpenAI({ baseURL, apiKey, maxRetries: 0 }) }),
        modelSettings: { store: false } });
      const result = await runner.run(triage,
        `${mark} [[stub tool=${given.toolName}]]`, { stream });
      if (stream) for await (const { type } of result) assert.ok(type);
      assert.ok(result.lastAgent === forecaster);
      assert.equal(result.finalOutput, 'warm and cold');
      const { body } = (await stub.requests(mark)).at(-1);
      const calls = body.messages.flatMap(({ content }) => content)
        .filter(({ type }) => type === 'tool_use').map(({ name }) => name);
      assert.deepEqual(calls, [given.toolName, 'weather', 'weather']);
      assert.deepEqual(body.tools.map(({ name }) => name), ['weather']);
    });
  }
}
