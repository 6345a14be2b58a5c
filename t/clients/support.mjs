// What the tests share.

const POLL = 5;
const DEADLINE = 20000;

/**
 * Waits until a condition holds.
 *
 * @param {() => unknown} condition may be async
 * @returns {Promise<unknown>} its first true value
 */
export async function until(condition) {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`not in time: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}
