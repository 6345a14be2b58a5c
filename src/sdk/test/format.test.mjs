import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, afterEach, before, describe, test } from 'node:test';

import { startStub } from '../../../t/stub/anthropic.mjs';
import { fits } from '../fits.mjs';
import { narrow } from '../schema.mjs';
import { bodies, Bridge, endOf, textOf } from './lib/bridge.mjs';

const { transformJSONSchema } = createRequire(import.meta.url)(
  '@anthropic-ai/sdk/lib/transform-json-schema');

const closed = (properties, more = {}) => (
  { type: 'object', properties, additionalProperties: false, ...more });

const KEPT = [
  closed({ b: { anyOf: [{ type: 'number' }, { type: 'null' }] },
    a: { $ref: '#/$defs/a' } },
  { required: ['b', 'a'], $defs: { a: { enum: ['x', 'ö', 1, null] } } }),
  closed({ list: { type: 'array', minItems: 1, items: closed({}) } }),
  closed({ on: { type: 'string', format: 'date' }, is: { const: 'x' } },
    { title: 't', description: 'd' }),
  { type: 'array', items: { type: 'boolean' } },
];
const OPEN = [
  { type: 'object', properties: { a: { type: 'integer', minimum: 3 } } },
  closed({ a: { type: 'string', pattern: '^x', description: 'said' } }),
  closed({ a: { type: 'array', minItems: 2, items: { type: 'string',
    maxLength: 3, format: 'own' } } }),
  { $ref: '#/$defs/n', $defs: { n: closed({ a: { type: 'number',
    multipleOf: 2 } }) } },
];
const UNBOUND = [
  {}, { type: 'object' }, { description: 'any' }, { type: 'x' },
  { type: 'object', additionalProperties: { type: 'string' } },
  { $ref: '#/$defs/n', $defs: { n: closed({ n: { $ref: '#/$defs/n' } }) } },
  { $ref: 'https://example.com/schema' }, { $ref: '#/none' },
  { enum: [{ a: 1 }] }, closed({ a: true }), closed({ a: { items: 5 } }),
  { allOf: [closed({}), closed({})] }, { anyOf: ['x'] },
  closed({ m: { type: 'object', patternProperties: {}, properties: {} } }),
];

describe('narrowing', () => {
  test('leaves a schema as it is that the API takes', () => {
    for (const schema of KEPT) assert.equal(narrow(schema), schema);
  });

  test('makes of others what Anthropic\'s SDK makes of them', () => {
    for (const schema of OPEN) {
      assert.deepEqual(narrow(schema), transformJSONSchema(schema));
    }
    assert.deepEqual(narrow({ $schema: 'x', ...KEPT[1] }), KEPT[1]);
  });

  test('splits types, widens choices', () => {
    assert.deepEqual(
      narrow({ type: ['object', 'null'], properties: { a: KEPT[3] } }),
      { anyOf: [closed({ a: KEPT[3] }), { type: 'null' }] });
    const two = [{ type: 'string' }, { type: 'null' }];
    assert.deepEqual(narrow({ oneOf: two }), { anyOf: two,
      description: `{oneOf: ${JSON.stringify(two)}}` });
  });

  test('tells when there is nothing to bind to', () => {
    for (const schema of UNBOUND) assert.equal(narrow(schema), null);
  });
});

describe('fitting', () => {
  const CASES = [
    [{ type: 'integer' }, [1, 2.0, -3], ['1', 1.5, null]],
    [{ type: ['string', 'null'] }, ['', null], [0, [], {}]],
    [{ enum: [1, { b: 2, a: [null] }] }, [1, { a: [null], b: 2 }], ['1', {}]],
    [{ const: null }, [null], [0, undefined]],
    [{ minimum: 1, exclusiveMaximum: 3 }, [1, 2.9, 'x'], [0, 3]],
    [{ multipleOf: 0.1 }, [0.3, 7], [0.35]],
    [{ minLength: 2, maxLength: 2, pattern: '^.\u{1f600}$' },
      ['a\u{1f600}', 5], ['a', 'abc', 'ab']],
    [{ items: { type: 'number' }, minItems: 1, maxItems: 2,
      uniqueItems: true }, [[1], [1, 2]], [[], [1, 1], ['1'], [1, 2, 3]]],
    [{ prefixItems: [{ type: 'string' }], items: false }, [['a'], []],
      [[1], ['a', 'b']]],
    [{ contains: { const: 1 } }, [[0, 1]], [[], [0]]],
    [{ properties: { a: { type: 'number' } }, required: ['a'],
      additionalProperties: false, patternProperties: { '^x': true } },
    [{ a: 1 }, { a: 1, xy: {} }, []], [{}, { a: '1' }, { a: 1, b: 1 }]],
    [{ additionalProperties: { type: 'null' }, maxProperties: 1 },
      [{}, { a: null }], [{ a: 1 }, { a: null, b: null }]],
    [{ oneOf: [{ type: 'number' }, { minimum: 5 }] }, [4, 'x'], [5]],
    [{ allOf: [{ minimum: 1 }, { maximum: 1 }] }, [1], [2]],
    [{ not: { type: 'string' } }, [1], ['a']],
    [{ if: { type: 'string' }, then: { minLength: 1 },
      else: { type: 'null' } }, ['a', null], ['', 1]],
    [{ $ref: '#/$defs/n', $defs: { n: { properties: {
      n: { $ref: '#/$defs/n' } }, additionalProperties: false } } },
    [{ n: { n: {} } }], [{ n: { m: 1 } }]],
    [{ required: ['__proto__'] }, [JSON.parse('{"__proto__":1}')], [{}]],
    [false, [], [1, null]],
  ];

  test('says what JSON Schema says', () => {
    for (const [schema, good, bad] of CASES) {
      for (const value of good) {
        assert.ok(fits(value, schema), JSON.stringify([schema, value]));
      }
      for (const value of bad) {
        assert.ok(!fits(value, schema), JSON.stringify([schema, value]));
      }
    }
  });

  test('comes to an end, whatever the schema is', () => {
    const begun = Date.now();
    assert.ok(!fits(1, { anyOf: [{ $ref: '#' }, { $ref: '#' }] }));
    const slow = { items: { pattern: '^(a+)+$' } };
    assert.ok(!fits(Array(50).fill(`${'a'.repeat(40)}!`), slow));
    const wide = { anyOf: Array(2000).fill({ type: 'null' }) };
    assert.ok(!fits(Array(2000).fill(1), { items: wide }));
    assert.ok(Date.now() - begun < 30000);
  });
});

describe('by the bridge', () => {
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

  const ask = (schema, text = 'hi', more = {}) => bridge.ask(text,
    { output_config: { effort: 'low',
      format: { type: 'json_schema', schema } }, ...more });

  function body() {
    const [one, ...more] = bodies(stub);
    assert.equal(more.length, 0);
    return one;
  }

  test('a schema that the API takes reaches it as it is', async () => {
    const { events } = await ask(KEPT[0]);
    const { output_config: config, tools } = body();
    assert.equal(JSON.stringify(config.format),
      JSON.stringify({ type: 'json_schema', schema: KEPT[0] }));
    assert.equal(config.effort, 'low');
    assert.deepEqual(tools, []);
    assert.deepEqual(JSON.parse(textOf(events)), { b: 1, a: 'x' });
    assert.equal(events.at(-1).type, 'message_stop');
  });

  test('another is narrowed, and the answer checked', async () => {
    const schema = { type: 'object', required: ['a'],
      properties: { a: { type: 'string', minLength: 3 } } };
    const good = await ask(schema);
    assert.deepEqual(body().output_config.format.schema, narrow(schema));
    assert.deepEqual(JSON.parse(textOf(good.events)), { a: 'stub' });
    const bad = '[[stub text="{\\"a\\":\\"no\\"}"]]';
    const { events } = await ask(schema, bad);
    assert.equal(events.at(-1).type, 'error');
    assert.match(events.at(-1).error.message, /does not fit the schema/);
    assert.equal(events.at(-1).error.type, 'invalid_answer_error');
    assert.ok(!events.some(({ type }) => type === 'message_delta'));
    const whole = await ask(schema, bad, { stream: false });
    assert.equal(whole.status, 502);
    assert.equal(whole.headers['x-should-retry'], 'false');
  });

  test('where none can be bound the model is told, and checked', async () => {
    const schema = { type: 'object', additionalProperties: { type: 'null' } };
    const good = '[[stub text=" {\\"x\\": null}\\n"]]';
    const { events } = await ask(schema, good, { system: 'Be kind.' });
    assert.equal(events.at(-1).type, 'message_stop');
    const { system, output_config: config } = body();
    assert.match(system.at(-1).text, /^Be kind\.\n\nYour whole answer/);
    assert.ok(system.at(-1).text.endsWith(JSON.stringify(schema)));
    assert.equal(config.format, undefined);
    for (const text of ['{"x": 1}', '```json\n{}\n```', '']) {
      const { events: bad } = await ask(schema,
        `[[stub text=${JSON.stringify(text)}]]`);
      assert.equal((bad ?? []).at(-1)?.type ?? 'error', 'error');
    }
  });

  test('what was cut, refused or goes on by calls is not checked', async () => {
    const tools = [{ name: 'w', input_schema: { type: 'object' } }];
    for (const [text, more, reason] of [
      ['[[stub size=99]]', { max_tokens: 5 }, 'max_tokens'],
      ['[[stub text=look tool=w]]', { tools }, 'tool_use'],
      ['[[stub stop=refusal]]', {}, 'refusal'],
    ]) {
      const { events } = await ask(KEPT[1], text, more);
      assert.equal(endOf(events).delta.stop_reason, reason);
    }
  });

  test('unsound formats are refused by field', async () => {
    for (const [field, config] of [
      ['output_config', []], ['output_config.x', { x: 1 }],
      ['output_config.format.type', { format: { type: 'json_object' } }],
      ['output_config.format.schema', { format: { type: 'json_schema' } }],
    ]) {
      const { status, json } = await bridge.ask('hi',
        { output_config: config });
      assert.equal(status, 400);
      assert.ok(json.error.message.startsWith(`${field}:`),
        json.error.message);
    }
    assert.equal(stub.requests().length, 0);
  });
});
