// Reads what the stub needs out of a valid Messages request.

/** A context note that Claude Code puts in front of a user's text. */
const REMINDER = '<system-reminder>';

function blocksOf(content) {
  return typeof content === 'string'
    ? [{ type: 'text', text: content }] : content;
}

function textOf(block) {
  if (block.type === 'text') return block.text;
  if (block.type !== 'tool_result') return undefined;
  return blocksOf(block.content ?? [])
    .map(textOf).filter((t) => t !== undefined).join('\n');
}

/**
 * The text of the last user message: its text blocks and the texts of its
 * tool results, joined by newlines, without Claude Code's context notes.
 *
 * @param {object} body a valid Messages request
 * @returns {string}
 */
export function lastUserText(body) {
  const last = body.messages.filter((m) => m.role === 'user').at(-1);
  if (!last) return '';
  return blocksOf(last.content).map(textOf)
    .filter((t) => t !== undefined && !t.startsWith(REMINDER)).join('\n');
}

/**
 * The stub's rule for tokens: four bytes of UTF-8 each, rounded up.
 *
 * @param {string} text
 * @returns {number}
 */
export function tokens(text) {
  return Math.ceil(Buffer.byteLength(text) / 4);
}

/**
 * The input tokens of a request: those of the JSON of `system`, `messages`
 * and `tools`, each counted if present.
 *
 * @param {object} body
 * @returns {number}
 */
export function inputTokens(body) {
  return ['system', 'messages', 'tools']
    .filter((key) => body[key] !== undefined)
    .reduce((sum, key) => sum + tokens(JSON.stringify(body[key])), 0);
}
