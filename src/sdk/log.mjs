/** One JSON line an event. Callers pass names, counts and ids, no content. */

export const LEVELS = ['error', 'warn', 'info', 'debug'];

/**
 * @param {string} level the most detailed level that is written
 * @param {{write(line: string): unknown}} [out]
 * @returns {Record<'error'|'warn'|'info'|'debug',
 *   (event: string, fields?: object) => void>}
 */
export function createLog(level, out = process.stderr) {
  const most = LEVELS.indexOf(level);
  const log = {};
  LEVELS.forEach((name, rank) => {
    log[name] = rank > most ? () => {} : (event, fields) => {
      const time = new Date().toISOString();
      out.write(JSON.stringify({ time, level: name, event, ...fields })
        + '\n');
    };
  });
  return log;
}
