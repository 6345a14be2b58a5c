// What the tests share.

import assert from 'node:assert/strict';
import { randomUUID, webcrypto } from 'node:crypto';
import { after } from 'node:test';

import { seenAnswers, watchAnswers } from './schemas.mjs';

// LangChain and OpenAI's agents use this global, which Node 18 hasn't
globalThis.crypto ??= webcrypto;

const POLL = 5;
const DEADLINE = 20000;

/**
 * Waits until a condition holds.
 *
 * @param {() => unknown} condition may be async
 * @returns {Promise<unknown>} its first true value
 */
export async function until(condition) {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

/**
 * Where the tests of the clients find what they talk to, from the
 * environment. From here on every answer is held against t/schemas, and the
 * file fails if one doesn't fit.
 *
 *   BASE_URL     the API's base URL, up to and with /v1
 *   API_KEY      a key for it
 *   LIMITED_URL  a base URL under which an address may send one request at
 *                once and ten a second
 *   STUB_URL     the stub of Anthropic's API behind both
 *
 * @returns {{baseURL: string, apiKey: string, limitedURL: string,
 *   stub: StubControl}}
 */
export function surroundings() {
  const [baseURL, apiKey, limitedURL, stubURL] = ['BASE_URL', 'API_KEY',
    'LIMITED_URL', 'STUB_URL'].map((name) => {
    if (!process.env[name]) throw new Error(`${name} is not set`);
    return process.env[name];
  });
  watchAnswers();
  after(() => {
    const { checked, faults } = seenAnswers();
    assert.ok(checked > 0, 'no answer was seen');
    assert.deepEqual(faults, []);
  });
  return { baseURL, apiKey, limitedURL, stub: new StubControl(stubURL) };
}

/** The stub of Anthropic's API, in another process. */
class StubControl {
  #url;

  constructor(url) {
    this.#url = url;
  }

  async #call(path, method = 'GET') {
    const res = await fetch(`${this.#url}/_stub/${path}`, { method });
    return res.json();
  }

  /**
   * @param {string} mark a text that only these requests have in them
   * @returns {Promise<object[]>} the journal's entries, bodies parsed
   */
  async requests(mark) {
    return (await this.#call('requests'))
      .filter(({ body }) => body.includes(mark))
      .map((entry) => ({ ...entry, body: JSON.parse(entry.body) }));
  }

  /** @param {string} name waits until the answer of this name hangs */
  async hangs(name) {
    await until(async () => (await this.#call('open')).hung.includes(name));
  }

  /** @param {string} name lets the answers of this name go on */
  async release(name) {
    await this.#call(`release?name=${name}`, 'POST');
  }

  /**
   * @param {string} mark
   * @returns {Promise<object>} the entry of the one request with the mark,
   *   once it has ended
   */
  async ended(mark) {
    return until(async () => {
      const [entry] = await this.requests(mark);
      return entry?.closed && entry;
    });
  }
}

/** @returns {string} a text that no other request has in it */
export function makeMark() {
  return `mark-${randomUUID()}`;
}

/** The tool that the tests call, as JSON Schema. */
export const CITY = { type: 'object', properties: {
  city: { type: 'string' } }, required: ['city'],
additionalProperties: false };

/**
 * A prompt for which the stub calls two tools at once.
 *
 * @param {string} mark
 * @param {string} [more] directives
 * @returns {string}
 */
export function twoCities(mark, more = '') {
  return `${mark} [[stub tool=weather args={"city":"Rome"} tool=weather `
    + `args={"city":"Oslo"} ${more}]]`;
}

/**
 * What a tool says about a city; as results, the two make the stub answer
 * "warm and cold".
 *
 * @param {{city: string}} input
 * @returns {string}
 */
export function tellWeather({ city }) {
  return city === 'Rome' ? 'warm' : '[[stub text="warm and cold"]] cold';
}

/**
 * @param {object[]} messages of a Messages request
 * @returns {{calls: [string, string][], results: string[]}} names and inputs
 *   of the calls, texts of the results in the calls' order
 */
export function toolTurns(messages) {
  const blocks = messages.flatMap(({ content }) =>
    (typeof content === 'string' ? [] : content));
  const calls = blocks.filter(({ type }) => type === 'tool_use');
  const results = new Map(blocks.filter(({ type }) => type === 'tool_result')
    .map(({ tool_use_id: id, content }) => [id, typeof content === 'string'
      ? content : content.map(({ text }) => text).join('')]));
  assert.equal(results.size, calls.length);
  return { calls: calls.map(({ name, input }) => [name, input.city]),
    results: calls.map(({ id }) => results.get(id)) };
}

/** A text that is easily damaged on its way. */
export const HOSTILE_TEXT = '  "\\" \\n \\u0041 /\t\r\n\u0001\u007f\u00e9'
  + 'e\u0301\u05d0\u202e\u2028\u2029\ufeff\ufffd\u{1f468}\u200d\u{1f469}'
  + '\u200d\u{1f467}\u{1f1e9}\u{1f1ea}\u{10ffff} data: [DONE]\n\ndata: {}'
  + ' <system-reminder> @/etc/passwd /clear \u4f60\u597d \n';

/** A PNG of one pixel, base64. */
export const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQV'
  + 'R42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

/**
 * @param {{role: string, content: string | object[]}[]} messages of a
 *   Messages request
 * @returns {[string, string][]} role and text of each but the context notes
 */
export function turns(messages) {
  return messages.filter(({ role }) => role !== 'system')
    .map(({ role, content }) => [role, typeof content === 'string' ? content
      : content.map((block) => block.text ?? '').join('')]);
}

const LONGEST_PAUSE = 60;

/**
 * Wraps fetch so that the statuses that a client sees can be read. A longer
 * pause than a test can wait fails, and stands among them.
 *
 * @returns {{fetch: typeof fetch, statuses: (number | string)[]}}
 */
export function watchedFetch() {
  const statuses = [];
  return { statuses, fetch: async (...args) => {
    const res = await fetch(...args);
    statuses.push(res.status);
    const pause = Number(res.headers.get('retry-after'));
    if (!(pause > LONGEST_PAUSE)) return res;
    statuses.push(`retry-after: ${pause}`);
    throw new Error(statuses.at(-1));
  } };
}
