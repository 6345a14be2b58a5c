// Reads [[stub key=value ...]] directives out of a text. The keys and what
// they do are listed in anthropic.mjs.

const OPEN = '[[stub';
const NUMBERS = ['after', 'bytes', 'cache-creation', 'cache-read', 'chunk',
  'cut', 'delay', 'deltas', 'first', 'garbage', 'input', 'output', 'reset',
  'size', 'status', 'times', 'truncate', 'wait'];
const WORDS = ['ascii', 'crlf', 'echo', 'error', 'message', 'name',
  'redacted', 'retry-after', 'retry-after-ms', 'should-retry', 'skip', 'stop',
  'text', 'thinking', 'type'];
const CHOICES = {
  body: ['empty', 'html'],
  hang: ['headers', 'start', 'stream'],
  kind: ['json', 'event', 'utf8', 'line'],
  unified: ['allowed', 'allowed_warning', 'rejected', 'none'],
};
const NOT_NUMBERS = { cut: 'headers' };

/**
 * The directives of a text, merged into one, and the text without them.
 * A value is a bare word, a JSON string, or a JSON object or array. `tool`
 * and `header` may stand several times; `args` and `id` go with the `tool`
 * before them.
 *
 * @param {string} text
 * @returns {{directive: object, rest: string}} `directive.tools` and
 *   `directive.headers` are always arrays
 * @throws {SyntaxError} when a directive can't be read
 */
export function parseDirectives(text) {
  const directive = { tools: [], headers: [] };
  let rest = '';
  let pos = 0;
  for (;;) {
    const start = text.indexOf(OPEN, pos);
    if (start < 0) break;
    rest += text.slice(pos, start);
    pos = parseOne(text, start + OPEN.length, directive);
  }
  return { directive, rest: rest + text.slice(pos) };
}

function parseOne(text, pos, directive) {
  const key = /\s*(?:(\]\])|([a-z][a-z0-9-]*)(=)?)/y;
  for (;;) {
    key.lastIndex = pos;
    const found = key.exec(text);
    if (!found) throw new SyntaxError('stub directive: expected key=value');
    pos = key.lastIndex;
    if (found[1]) return pos;
    let value = '1';
    if (found[3]) ({ value, pos } = parseValue(text, pos));
    assign(directive, found[2], value);
  }
}

function assign(directive, key, value) {
  const tool = directive.tools.at(-1);
  if (key === 'tool') directive.tools.push({ name: value });
  else if (key === 'header') directive.headers.push(value);
  else if ((key === 'args' || key === 'id') && tool) tool[key] = value;
  else if (NUMBERS.includes(key)) directive[key] = toNumber(key, value);
  else if (WORDS.includes(key)) directive[key] = String(value);
  else if (CHOICES[key]?.includes(value)) directive[key] = value;
  else throw new SyntaxError(`stub directive: unknown ${key}=${value}`);
}

function toNumber(key, value) {
  if (value === NOT_NUMBERS[key]) return value;
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new SyntaxError(`stub directive: ${key} must be a whole number`);
}

function parseValue(text, pos) {
  const first = text[pos];
  if (first === '"' || first === '{' || first === '[') {
    const end = endOfJson(text, pos);
    const value = JSON.parse(text.slice(pos, end));
    return { value, pos: end };
  }
  const bare = /(?:(?!\]\])\S)*/y;
  bare.lastIndex = pos;
  const value = bare.exec(text)[0];
  return { value, pos: pos + value.length };
}

function endOfJson(text, pos) {
  let depth = 0;
  let inString = false;
  for (; pos < text.length; pos++) {
    const c = text[pos];
    if (inString) {
      if (c === '\\') pos++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') depth--;
    if (depth === 0 && !inString) return pos + 1;
  }
  throw new SyntaxError('stub directive: value without an end');
}
