/**
 * Answers that have to fit a JSON Schema. Where the API can be bound to the
 * schema, or to a narrower one, it is; else the model is told. What the API
 * was not bound to is checked in the end, so an answer that doesn't fit never
 * looks like one that does.
 */

import { ApiError, invalid } from './errors.mjs';
import { fits } from './fits.mjs';
import { narrow } from './schema.mjs';
import { readJson } from './tools.mjs';

/** The same again would cost the same again. */
const BILLED = { 'x-should-retry': 'false' };
const MOST_TEXT = 32 * 1024 * 1024;
/** A type of the bridge's own: what was billed is not to be asked again. */
const MISFIT = 'invalid_answer_error';
const ENDED = ['end_turn', 'stop_sequence'];

/**
 * @typedef {object} Format
 * @property {object} schema the client's
 * @property {object} [bound] what the API is given
 * @property {string} [told] what the model is told where that can't be
 */

/**
 * @param {unknown} format of `output_config`
 * @returns {Format|undefined}
 * @throws {ApiError} a 400 that names the field
 */
export function readFormat(format) {
  if (format === undefined || format === null) return undefined;
  if (format.type !== 'json_schema') {
    throw invalid('output_config.format.type', 'must be json_schema');
  }
  const schema = readJson(format.schema, 'output_config.format.schema');
  const bound = narrow(schema);
  if (bound !== null) return { schema, bound };
  return { schema, told: 'Your whole answer must be one JSON value and '
    + 'nothing else: no words before or after it, no code fence. It must '
    + `fit this JSON Schema: ${JSON.stringify(schema)}` };
}

/**
 * @param {AsyncIterable<object>} events of an answer
 * @param {Format} format
 * @yields {object} the same, up to the end of an answer that doesn't fit
 * @throws {ApiError} a 502
 */
export async function* checked(events, { schema }) {
  let text = '';
  for await (const event of events) {
    if (event.delta?.type === 'text_delta') text += event.delta.text;
    if (text.length > MOST_TEXT) throw new ApiError(502, 'the answer is too '
      + 'large to be checked against its schema', BILLED);
    if (ENDED.includes(event.delta?.stop_reason) && !isFitting(text, schema)) {
      throw new ApiError(502, 'the model\'s answer does not fit the schema '
        + 'that was asked for', BILLED, MISFIT);
    }
    yield event;
  }
}

function isFitting(text, schema) {
  try {
    return fits(JSON.parse(text), schema);
  } catch {
    return false;
  }
}
