/** What answers cost: the SDK's account of it, or a guess from earlier ones. */

/** What tokens cost beside an input token, near enough for a guess. */
const WEIGHTS = {
  input_tokens: 1,
  cache_read_input_tokens: 0.1,
  cache_creation_input_tokens: 1.25,
  output_tokens: 5,
};
const MOST_MODELS = 1000;
const DIGITS = 6;

/** The price of an input token by model, in US dollars. */
export class Prices {
  #prices = new Map();

  /**
   * @param {string} model
   * @param {object} usage as the API counts it
   * @param {number} cost of it, in US dollars
   */
  learn(model, usage, cost) {
    const weight = weigh(usage);
    if (weight === 0 || !(cost > 0)) return;
    if (this.#prices.size >= MOST_MODELS) this.#prices.clear();
    this.#prices.set(model, cost / weight);
  }

  /** @returns {number|undefined} US dollars, where anything is known */
  guess(model, usage) {
    const price = this.#prices.get(model);
    return price === undefined ? undefined : price * weigh(usage);
  }
}

/**
 * @param {number} cost in US dollars
 * @returns {object} an event that clients of the Messages API skip
 */
export function costEvent(cost) {
  return { type: 'claude_cost', cost_usd: Number(cost.toFixed(DIGITS)) };
}

function weigh(usage) {
  let sum = 0;
  for (const [name, weight] of Object.entries(WEIGHTS)) {
    const count = usage[name];
    if (Number.isSafeInteger(count) && count > 0) sum += count * weight;
  }
  return sum;
}
