/**
 * Turns a conversation into the lines that a process reads, true roles kept.
 *
 * Two ways for an earlier user message. Waiting: `shouldQuery: false`, then
 * the process's empty result before anything else is sent; documented, works
 * for every block, costs a round trip. Burst: as the record of a local
 * command, which the process appends at once as the user's; internal to the
 * pinned SDK version and for a single text only.
 *
 * The CLI drops thinking of any model but the one that is asked, so a message
 * with thinking has to name it. The process says which that is, aliases
 * resolved, when it has read the first message.
 *
 * A process that may be rewound is given the first message the waiting way
 * too, since the record of a command can't be named.
 */

import { randomUUID } from 'node:crypto';

const THOUGHTS = ['thinking', 'redacted_thinking'];

/**
 * @typedef {object} Step
 * @property {object} line what the SDK is given
 * @property {boolean} wait an empty result comes before the next line
 * @property {boolean} named the line's message has to name the model
 */

/**
 * @param {Message[]} messages alternating roles, the user's last
 * @param {object} how
 * @param {boolean} how.burst whether text may go the burst way
 * @param {boolean} [how.marked] whether the process may be rewound
 * @returns {Step[]} the last one asks for the answer
 */
export function planHistory(messages, { burst, marked = false }) {
  const steps = [];
  const thinks = messages.some(isThinking);
  for (const message of messages.slice(0, -1)) {
    const { role, content } = message;
    const first = steps.length === 0;
    if (role === 'assistant') {
      steps.push(step(assistant(content), { named: isThinking(message) }));
    } else if (burst && isOneText(content) && !(first && thinks)) {
      const [{ text }] = content;
      steps.push(first && marked
        ? step({ ...user(text), shouldQuery: false }, { wait: true })
        : step(record(text)));
    } else {
      steps.push(step({ ...user(content), shouldQuery: false },
        { wait: true }));
    }
  }
  steps.push(step(user(messages.at(-1).content)));
  if (marked) {
    for (const { line } of steps) {
      if (line.type === 'user') line.uuid = randomUUID();
    }
  }
  return steps;
}

function step(line, { wait = false, named = false } = {}) {
  return { line, wait, named };
}

function isThinking({ role, content }) {
  return role === 'assistant'
    && content.some(({ type }) => THOUGHTS.includes(type));
}

function isOneText(content) {
  return content.length === 1 && content[0].type === 'text';
}

function user(content) {
  return {
    type: 'user',
    message: { role: 'user', content },
    parent_tool_use_id: null,
  };
}

function assistant(content) {
  return {
    type: 'assistant',
    message: { role: 'assistant', content },
    parent_tool_use_id: null,
  };
}

function record(text) {
  return { ...assistant([]), local_command_source: text };
}
