// OpenAI's agents: a handoff from one to another, which has a tool.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';
import { z } from 'zod';

import { makeMark, surroundings, tellWeather } from './support.mjs';

const { baseURL, apiKey, stub } = surroundings();
const major = Number(process.versions.node.split('.')[0]);
const skip = major < 20 && 'it needs Node 20';
const { Agent, OpenAIProvider, Runner, handoff, setTracingDisabled, tool }
  = skip ? {} : await import('@openai/agents');

if (!skip) setTracingDisabled(true);

for (const useResponses of [true, false]) {
  const by = useResponses ? 'responses' : 'chat';

  for (const stream of [false, true]) {
    test(`${by}: a handoff, then a tool, stream: ${stream}`, { skip },
      async () => {
        const mark = makeMark();
        const runner = new Runner({ tracingDisabled: true,
          modelProvider: new OpenAIProvider({ useResponses,
            openAIClient: new OpenAI({ baseURL, apiKey, maxRetries: 0 }) }),
          modelSettings: { store: false } });
        const model = 'claude-sonnet-5-5';
        const weather = tool({ name: 'weather', description: 'Tells it',
          parameters: z.object({ city: z.string() }), execute: tellWeather });
        const forecaster = new Agent({ name: 'Forecaster', model,
          instructions: 'Tell the weather.', tools: [weather] });
        // what it says on the way is what the stub is asked next
        const given = handoff(forecaster);
        given.getHandoffAsFunctionTool ??= undefined;
        const triage = new Agent({ name: 'Triage', model,
          instructions: 'Hand over.', handoffs: [given] });
        const input = `${mark} [[stub tool=${given.toolName} args={}]]`;
        const result = await runner.run(triage, input, { stream });
        if (stream) for await (const event of result) assert.ok(event.type);
        assert.ok(result.lastAgent === forecaster);
        assert.match(result.finalOutput, /demo model/);
        const { body } = (await stub.requests(mark)).at(-1);
        const blocks = body.messages.flatMap(({ content }) => content);
        assert.ok(blocks.some(({ type, name }) => type === 'tool_use'
          && name === given.toolName));
        assert.deepEqual(body.tools.map(({ name }) => name), ['weather']);
      });
  }
}
