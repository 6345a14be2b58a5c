// Remembers the requests that came, within bounds.

const MOST_ENTRIES = 1000;
const MOST_BYTES = 32 * 1024 * 1024;

/** The last requests; the oldest go when there are too many. */
export class Journal {
  #entries = [];
  #bytes = 0;
  #count = 0;

  /**
   * @param {import('node:http').IncomingMessage} req
   * @returns {object} the entry, to be filled on
   */
  add(req) {
    const entry = {
      n: ++this.#count, method: req.method, url: req.url,
      headers: { ...req.headers }, body: '', status: null, deltas: 0,
      startedAt: Date.now(), endedAt: null, closed: null,
    };
    this.#entries.push(entry);
    this.#trim();
    return entry;
  }

  /**
   * @param {object} entry
   * @param {Buffer} raw the request's body
   */
  setBody(entry, raw) {
    if (!this.#entries.includes(entry)) return;
    entry.body = raw.toString();
    this.#bytes += entry.body.length;
    this.#trim();
  }

  /** @returns {object[]} oldest first */
  entries() {
    return this.#entries;
  }

  /** Forgets everything; the count goes on. */
  clear() {
    this.#entries = [];
    this.#bytes = 0;
  }

  #trim() {
    while (this.#entries.length > MOST_ENTRIES || this.#bytes > MOST_BYTES) {
      this.#bytes -= this.#entries.shift().body.length;
    }
  }
}
