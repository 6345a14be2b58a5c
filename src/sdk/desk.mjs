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

function standIn(i) {
  return `${SERVER}${i}`;
}
