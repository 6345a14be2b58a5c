// Holds every answer that a client gets against t/schemas.

import { readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true,
  strict: false });
for (const name of ['chat', 'messages', 'openai', 'responses']) {
  ajv.addSchema(JSON.parse(readFileSync(
    new URL(`../schemas/${name}.json`, import.meta.url), 'utf8')));
}

/**
 * Which schema an answer or event of a path has, by the path's end; models
 * are told Anthropic's clients in another form.
 */
const PATHS = [
  [/\/chat\/completions$/, 'chat', 'openai'],
  [/\/responses$/, 'responses', 'openai'],
  [/\/messages$/, 'messages', 'messages'],
  [/\/messages\/count_tokens$/, 'messages', 'messages', 'tokens'],
  [/\/models$/, 'openai', 'openai', 'models'],
  [/\/models\/[^/ ]+$/, 'openai', 'openai', 'model'],
  [/\/models anthropic$/, 'messages', 'messages', 'models'],
  [/\/models\/[^/]+ anthropic$/, 'messages', 'messages', 'model'],
];
const MOST_SHOWN = 400;

const faults = [];
const pending = new Set();
let checked = 0;

/**
 * @param {string} file of t/schemas
 * @param {string} name of its definitions
 * @param {unknown} value
 * @param {string} what it is, for the report
 */
export function fits(file, name, value, what) {
  const test = ajv.getSchema(`${file}.json#/$defs/${name}`);
  checked++;
  if (test(value)) return;
  const deep = Math.max(...test.errors.map((e) => e.instancePath.length));
  const told = test.errors.filter((e) => e.instancePath.length === deep)
    .map((e) => `${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
  faults.push(`${what}: ${told.slice(0, 3).join('; ')}: `
    + JSON.stringify(value).slice(0, MOST_SHOWN));
}

function parse(text, what) {
  try {
    return JSON.parse(text);
  } catch {
    faults.push(`${what}: no JSON: ${text.slice(0, MOST_SHOWN)}`);
    return undefined;
  }
}

/** Whole events only: a client may have left in the middle of one. */
function checkStream(text, file, errors, path) {
  let number = 0;
  const calls = new Set();
  for (const event of text.split('\n\n').slice(0, -1)) {
    const lines = event.split('\n').filter((line) => !/^(:|$)/.test(line));
    const [type, data] = ['event: ', 'data: '].map((field) => lines
      .find((line) => line.startsWith(field))?.slice(field.length));
    if (!lines.length || data === '[DONE]') continue;
    const value = parse(data, path);
    if (value === undefined) continue;
    if (type !== undefined && value.type !== type) {
      faults.push(`${path}: event ${type} is of type ${value.type}`);
    }
    if ('error' in value && value.type !== 'response.failed') {
      fits(errors, 'error', value, path);
      continue;
    }
    fits(file, 'event', value, `${path} ${type ?? ''}`);
    if (file === 'responses' && value.sequence_number !== number++) {
      faults.push(`${path}: event ${number - 1} is ${value.sequence_number}`);
    }
    for (const { index } of value.choices?.[0]?.delta.tool_calls ?? []) {
      calls.add(index);
      if (index >= calls.size) faults.push(`${path}: call ${index} too early`);
    }
  }
}

function check(pathname, res, text) {
  const [, file, errors, name = 'whole'] = PATHS
    .find(([pattern]) => pattern.test(pathname)) ?? [];
  if (!file) return;
  const what = `${pathname} ${res.status}`;
  const type = res.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    checkStream(text, file, errors, what);
  } else if (!type.startsWith('application/json')) {
    faults.push(`${what}: its type is ${type}`);
  } else {
    const value = parse(text, what);
    if (value === undefined) return;
    fits(res.ok ? file : errors, res.ok ? name : 'error', value, what);
  }
}

function watch(path, res) {
  if (!res.body) return res;
  const chunks = [];
  const isStream = /event-stream/.test(res.headers.get('content-type'));
  let finish;
  const done = new Promise((resolve) => { finish = resolve; });
  pending.add(done);
  done.then(() => pending.delete(done));
  const end = (whole) => {
    const text = Buffer.concat(chunks).toString();
    if (whole || isStream) check(path, res, text);
    finish();
  };
  const reader = res.body.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done: last, value } = await reader.read();
        if (last) {
          end(true);
          controller.close();
        } else {
          chunks.push(value);
          controller.enqueue(value);
        }
      } catch (e) {
        end(false);
        controller.error(e);
      }
    },
    cancel(reason) {
      end(false);
      return reader.cancel(reason);
    },
  });
  const { status, statusText, headers } = res;
  return new Response(body, { status, statusText, headers });
}

const plain = globalThis.fetch;

/** From here on fetch checks what answers it gets. */
export function watchAnswers() {
  globalThis.fetch = async (...args) => {
    const [input, init] = args;
    const { url, headers } = new Request(input.url ?? String(input),
      { headers: init?.headers ?? input.headers });
    const { pathname } = new URL(url);
    const form = /\/models/.test(pathname) && headers.has('anthropic-version')
      ? ' anthropic' : '';
    return watch(pathname + form, await plain(...args));
  };
}

/** @returns {{checked: number, faults: string[]}} what was seen so far */
export function seenAnswers() {
  return { checked, faults: [...new Set(faults)] };
}
