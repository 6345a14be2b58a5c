/**
 * Stands in for the client's tools in a process that waits for their results:
 * an MCP server of the SDK, whose tools have names of its own, since a tool
 * that is called as one of Claude Code's, such as Bash, changes what the CLI
 * says to the model. Aliases lead to them from the names that the API knows.
 *
 * A process with a desk must have no budget: a spent one ends the turn while
 * the calls wait, and now and then before the answer's end is told.
 */

/** Of `allowedTools`, so the same for every process. */
export const SERVER = 'c';

const NO_METHOD = -32601;
/** Characters of a result that the CLI is to leave as it is. */
const MOST_RESULT = 500_000;
const LONGEST_RESULT = 400_000;
const LONGEST_ERROR = 2000;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Names that the stand-ins have. */
const OWN = new RegExp(`^${SERVER}\\d+$`);

/**
 * @param {string[]} names of the client's tools
 * @returns {boolean} whether a desk can stand in for them
 */
export function isFree(names) {
  return !names.some((name) => OWN.test(name));
}

/** The tools of one process, and their calls that wait. */
export class ToolDesk {
  #names;
  #transport = null;
  #open = new Map();
  #results = new Map();

  /** @param {string[]} names of the client's tools */
  constructor(names) {
    this.#names = names;
  }

  /** @returns {object} options of the SDK; they don't change its argv */
  get options() {
    if (this.#names.length === 0) return {};
    return {
      mcpServers: { [SERVER]: { type: 'sdk', name: SERVER, instance: this } },
      toolAliases: Object.fromEntries(
        this.#names.map((name, i) => [name, standIn(i)])),
    };
  }

  /**
   * @param {object[]} calls tool_use blocks
   * @returns {boolean} whether they would all wait
   */
  knows(calls) {
    return calls.every(({ name }) => this.#names.includes(name));
  }

  /** @returns {string[]} ids of the calls that wait: the first, if any does */
  get open() {
    return [...this.#open.keys()];
  }

  /**
   * Answers a call, also one that is still to come: the process makes one
   * after the other, in their order in the answer, and asks the API when it
   * has all results.
   *
   * @param {string} id the tool_use block's
   * @param {{content: object[], isError?: boolean}} result of MCP
   */
  give(id, result) {
    this.#results.set(id, result);
    this.#match(id);
  }

  /** Forgets what was called: another conversation begins. */
  clear() {
    this.#open.clear();
    this.#results.clear();
  }

  /** What the SDK calls, as it would an MCP SDK's server. */
  async connect(transport) {
    this.#transport = transport;
    transport.onmessage = (message) => this.#receive(message);
    await transport.start();
  }

  async close() {
    this.#transport = null;
  }

  #receive({ id, method, params }) {
    if (id === undefined) return;
    switch (method) {
      case 'initialize':
        this.#send({ id, result: {
          protocolVersion: params.protocolVersion,
          capabilities: { tools: {} },
          serverInfo: { name: SERVER, version: '1' },
        } });
        break;
      case 'tools/list':
        this.#send({ id, result: { tools: this.#names.map((_, i) => ({
          name: standIn(i), description: '', inputSchema: { type: 'object' },
          _meta: { 'anthropic/maxResultSizeChars': MOST_RESULT },
        })) } });
        break;
      case 'tools/call':
        this.#open.set(params._meta?.['claudecode/toolUseId'], id);
        this.#match(params._meta?.['claudecode/toolUseId']);
        break;
      case 'ping':
        this.#send({ id, result: {} });
        break;
      default:
        this.#send({ id, error: { code: NO_METHOD, message: 'no method' } });
    }
  }

  #match(id) {
    if (!this.#open.has(id) || !this.#results.has(id)) return;
    this.#send({ id: this.#open.get(id), result: this.#results.get(id) });
    this.#open.delete(id);
    this.#results.delete(id);
  }

  #send(message) {
    this.#transport?.send({ jsonrpc: '2.0', ...message })?.catch?.(() => {});
  }
}

/**
 * @param {object[]} calls tool_use blocks that wait
 * @param {object[]} content of the user's message
 * @returns {{id: string, result: object}[]|null} their results for MCP; null
 *   where something else is said, or the CLI would not pass it on as it is
 */
export function resultsOf(calls, content) {
  if (content.length !== calls.length) return null;
  const results = content.map((block, i) => (
    block.type === 'tool_result' && block.tool_use_id === calls[i].id
      ? readResult(block) : null));
  return results.includes(null) ? null : results;
}

function readResult({ tool_use_id: id, content, is_error: isError }) {
  const blocks = typeof content === 'string'
    ? [{ type: 'text', text: content }] : content ?? [];
  const isPlain = blocks.length > 0 && blocks.every(({ type, text }) =>
    type === 'text' && text.trim() !== '' && !LONE_SURROGATE.test(text));
  if (!isPlain) return null;
  const length = blocks.reduce((sum, { text }) => sum + text.length, 0);
  if (!isError) {
    return length > LONGEST_RESULT ? null
      : { id, result: { content: blocks } };
  }
  // of a failure the CLI makes one string, trimmed and cut
  const [{ text }, ...more] = blocks;
  return more.length > 0 || length > LONGEST_ERROR || text !== text.trim()
    ? null : { id, result: { content: blocks, isError: true } };
}

function standIn(i) {
  return `${SERVER}${i}`;
}
