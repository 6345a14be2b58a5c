// Writes one answer, with the faults that a directive asks for.


const LONGEST_WAIT = 600000;
const LONGEST_HANG = 120000;
const LONGEST_LINE = 64 * 1024 * 1024;

/** The client went, or the stub closed the connection on purpose. */
export class Gone extends Error {}

/** One HTTP exchange; every wait ends when the connection does. */
export class Exchange {
  #res;
  #gone = new AbortController();
  #hung;

  /**
   * @param {import('node:http').ServerResponse} res
   * @param {Map<Function, string>} hung resolvers of waits to be released
   */
  constructor(res, hung) {
    this.#res = res;
    this.#hung = hung;
    res.on('close', () => this.#gone.abort());
    res.on('error', () => this.#gone.abort());
  }

  #wait(arm) {
    return new Promise((resolve, reject) => {
      const { signal } = this.#gone;
      if (signal.aborted) return reject(new Gone());
      const disarm = arm(() => {
        signal.removeEventListener('abort', leave);
        resolve();
      });
      const leave = () => {
        disarm();
        reject(new Gone());
      };
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  /** @param {number} ms */
  async sleep(ms) {
    if (!ms) return;
    await this.#wait((done) => {
      const timer = setTimeout(done, Math.min(ms, LONGEST_WAIT));
      return () => clearTimeout(timer);
    });
  }

  /** @param {string} name waits to be released by this name, or too long */
  async hang(name) {
    await this.#wait((done) => {
      const go = () => {
        forget();
        done();
      };
      const timer = setTimeout(go, LONGEST_HANG);
      const forget = () => {
        clearTimeout(timer);
        this.#hung.delete(go);
      };
      this.#hung.set(go, name);
      return forget;
    });
  }

  /**
   * @param {string | Buffer} data
   * @param {number} [size] bytes a write
   */
  async write(data, size) {
    if (!size) {
      await this.#push(data);
      return;
    }
    const bytes = Buffer.from(data);
    for (let i = 0; i < bytes.length; i += size) {
      await this.#push(bytes.subarray(i, i + size));
      await this.#wait((done) => {
        const next = setImmediate(done);
        return () => clearImmediate(next);
      });
    }
  }

  async #push(data) {
    if (this.#gone.signal.aborted) throw new Gone();
    if (this.#res.write(data)) return;
    await this.#wait((done) => {
      this.#res.once('drain', done);
      return () => this.#res.off('drain', done);
    });
  }

  /** Ends the connection at once, in the middle of whatever it is. */
  async cut() {
    this.#res.cutByStub = true;
    await new Promise((resolve) => setImmediate(resolve));
    this.#res.destroy();
    throw new Gone();
  }

  /** Ends the answer cleanly where it is. */
  truncate() {
    this.#res.end();
    throw new Gone();
  }
}

/**
 * @param {object} directive
 * @returns {(event: object) => string} writes an event as SSE
 */
function encoder({ crlf, ascii }) {
  const end = crlf === undefined ? '\n' : '\r\n';
  return (event) => {
    let json = JSON.stringify(event);
    if (ascii !== undefined) {
      json = json.replace(/[\u0080-\uffff]/g, (c) => '\\u'
        + c.charCodeAt(0).toString(16).padStart(4, '0'));
    }
    return `event: ${event.type}${end}data: ${json}${end}${end}`;
  };
}

function garbage({ kind = 'json', bytes = 65536 }) {
  const start = 'event: content_block_delta\ndata: '
    + '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta",';
  switch (kind) {
    case 'json': return `${start}"text":oops\n\n`;
    case 'event': return 'event: stub_news\ndata: {"type":"stub_news"}\n\n';
    case 'utf8': return Buffer.concat([Buffer.from(`${start}"text":"`),
      Buffer.from([0xc0, 0x80, 0xff]), Buffer.from('"}}\n\n')]);
    default: return Buffer.alloc(Math.min(bytes, LONGEST_LINE), 'x');
  }
}

/**
 * Strikes the faults that are due after `count` deltas, or at the latest
 * when `last`, after which no delta comes.
 */
async function strike(exchange, directive, { count, last, encode, error }) {
  const due = (at) => (last && count > 0 ? at > count
    : at === count || (last && at > 0));
  const after = due((directive.after ?? 0));
  const at = (key) => due(directive[key]);
  if (directive.hang === 'stream' && after) {
    await exchange.hang(directive.name ?? '');
  }
  if (at('garbage')) await exchange.write(garbage(directive));
  if (at('truncate')) exchange.truncate();
  if (directive.cut !== 'headers' && at('cut')) await exchange.cut();
  if (directive.error !== undefined && after) {
    await exchange.write(encode(error));
    exchange.truncate();
  }
}

/**
 * Streams the events, with the directive's faults and delays.
 *
 * @param {Exchange} exchange
 * @param {Iterable<object>} events
 * @param {object} directive
 * @param {{error: object, onDelta: Function}} how `error`: the document of
 *   an error in the middle; `onDelta(count)` is told of each delta written
 */
export async function stream(exchange, events, directive, { error, onDelta }) {
  const encode = encoder(directive);
  const size = directive.chunk;
  const delay = (directive.delay ?? 0);
  let count = 0;
  const faults = (last) => strike(exchange, directive,
    { count, last, encode, error });
  if (directive.hang === 'start') await exchange.hang(directive.name ?? '');
  await exchange.sleep((directive.wait ?? 0));
  for (const event of events) {
    const isDelta = event.type === 'content_block_delta';
    const isLast = event.type === 'message_delta';
    if ((isDelta && count === 0) || isLast) await faults(isLast);
    if (isDelta && count > 0) await exchange.sleep(delay);
    if (event.type === directive.skip) continue;
    await exchange.write(encode(event), size);
    if (!isDelta) continue;
    onDelta(++count);
    await faults(false);
  }
}
