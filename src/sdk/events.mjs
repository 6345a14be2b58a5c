/** SDK messages → Messages events, an error, or nothing. */

import { ApiError, fromSdk } from './errors.mjs';

/** Stop reasons after which the CLI has nothing more to ask. */
const ENDS = ['end_turn', 'stop_sequence'];

/** Reads the SDK's messages of one answer, in order. */
export class EventReader {
  #failure = {};
  #begun = false;
  #broken = false;
  #refused = false;
  #blank = true;
  #stop = null;

  /** What the API counted so far. */
  usage = {};
  /** US dollars, by the SDK's list of prices; undefined until it says so. */
  cost = undefined;

  /** @returns {boolean} whether the CLI takes the answer for its last */
  get settled() {
    return !this.#blank && ENDS.includes(this.#stop);
  }

  /**
   * @param {object} message of the SDK
   * @returns {object|null} a Messages event to pass on; a `message_delta`
   *   completes the answer, `message_stop` is left to the caller
   * @throws {ApiError} when the answer failed
   */
  read(message) {
    switch (message.type) {
      case 'stream_event':
        return message.parent_tool_use_id ? null : this.#event(message.event);
      case 'assistant':
        this.#note(message);
        return null;
      case 'rate_limit_event':
        this.#failure.resetsAt = resetOf(message.rate_limit_info);
        return null;
      case 'system':
        if (message.subtype === 'api_retry') throw this.#retried(message);
        this.#refused ||= message.subtype === 'model_refusal_no_fallback';
        return null;
      case 'result':
        this.cost = message.total_cost_usd;
        if (this.#refused && this.#broken) return refusal(message);
        throw this.#ended(message);
      default:
        return null;
    }
  }

  /**
   * A stream that broke ends with a `message_delta` of the CLI's own making,
   * whose stop reason is null. The reason comes later, with the result. The
   * same stands in the place of a refusal's end, once the budget is spent.
   */
  #event(event) {
    if (this.#broken) return null;
    if (event.type === 'message_start') {
      if (this.#begun) throw new ApiError(502, 'the API was asked twice');
      this.#begun = true;
      Object.assign(this.usage, event.message?.usage);
    } else if (event.type === 'content_block_delta') {
      if (event.delta?.text?.trim()) this.#blank = false;
    } else if (event.type === 'message_delta') {
      this.#stop = event.delta?.stop_reason;
      this.#broken = typeof this.#stop !== 'string';
      if (this.#broken) return null;
      Object.assign(this.usage, event.usage);
    }
    return event.type === 'message_stop' ? null : event;
  }

  /** A synthetic assistant message is the CLI's account of an error. */
  #note({ error, message }) {
    if (error === undefined && message.model !== '<synthetic>') return;
    const text = message.content?.find?.(({ type }) => type === 'text')?.text;
    this.#failure.code = error;
    this.#failure.text = text;
  }

  /** Only a refused credential is tried again whatever the settings say. */
  #retried({ error_status: status, error: code }) {
    return fromSdk({ ...this.#failure, status, code });
  }

  #ended({ api_error_status: status, result }) {
    const { text = typeof result === 'string' ? result : '' } = this.#failure;
    return fromSdk({ ...this.#failure, status, text });
  }
}

/**
 * When the subscription may go on, epoch seconds. The CLI calls every 429
 * "rejected" and names a reset, a passing burst limit too: where it tells the
 * windows apart, only one that is spent has to be waited for.
 */
function resetOf({ resetsAt, unifiedWindows = {} } = {}) {
  const windows = Object.values(unifiedWindows);
  const spent = windows.length === 0
    || windows.some(({ status }) => status === 'rejected');
  return spent ? resetsAt : undefined;
}

/** The end of an answer that the model refused; the result has the counts. */
function refusal({ modelUsage = {} }) {
  const sum = (name) => Object.values(modelUsage)
    .reduce((total, usage) => total + (usage[name] ?? 0), 0);
  return {
    type: 'message_delta',
    delta: { stop_reason: 'refusal', stop_sequence: null },
    usage: {
      input_tokens: sum('inputTokens'),
      cache_creation_input_tokens: sum('cacheCreationInputTokens'),
      cache_read_input_tokens: sum('cacheReadInputTokens'),
      output_tokens: sum('outputTokens'),
    },
  };
}

/** Puts the events of an answer together to one Message. */
export class MessageBuilder {
  #message = null;
  #json = new Map();

  /** @param {object} event a Messages event */
  add(event) {
    const { index, delta } = event;
    switch (event.type) {
      case 'message_start':
        this.#message = { ...event.message, content: [] };
        break;
      case 'content_block_start':
        this.#message.content[index] = { ...event.content_block };
        break;
      case 'content_block_delta':
        this.#extend(index, delta);
        break;
      case 'content_block_stop':
        this.#close(index);
        break;
      case 'message_delta':
        Object.assign(this.#message, delta);
        Object.assign(this.#message.usage, event.usage);
        break;
      default:
    }
  }

  /** @returns {object} the Message */
  get message() {
    return this.#message;
  }

  #extend(index, delta) {
    const block = this.#message.content[index];
    switch (delta.type) {
      case 'text_delta':
        block.text += delta.text;
        break;
      case 'thinking_delta':
        block.thinking += delta.thinking;
        break;
      case 'signature_delta':
        block.signature = delta.signature;
        break;
      case 'citations_delta':
        (block.citations ??= []).push(delta.citation);
        break;
      case 'input_json_delta':
        this.#json.set(index,
          (this.#json.get(index) ?? '') + delta.partial_json);
        break;
      default:
    }
  }

  #close(index) {
    const json = this.#json.get(index);
    if (json) this.#message.content[index].input = JSON.parse(json);
  }
}
