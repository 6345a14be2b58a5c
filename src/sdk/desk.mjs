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

  /** @returns {string[]} ids of the calls that wait, in their order */
  get open() {
    return [...this.#open.keys()];
  }

  /**
   * Answers a call. The process reads the answers one after another, in the
   * order of the calls, and asks the API when it has them all.
   *
   * @param {string} id the tool_use block's
   * @param {{content: object[], isError?: boolean}} result of MCP
   */
  settle(id, result) {
    const call = this.#open.get(id);
    this.#open.delete(id);
    this.#send({ id: call, result });
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
        break;
      case 'ping':
        this.#send({ id, result: {} });
        break;
      default:
        this.#send({ id, error: { code: NO_METHOD, message: 'no method' } });
    }
  }

  #send(message) {
    this.#transport?.send({ jsonrpc: '2.0', ...message })?.catch?.(() => {});
  }
}

function standIn(i) {
  return `${SERVER}${i}`;
}
