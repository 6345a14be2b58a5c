/** Which processes belong together, out of /proc. */

import { readdirSync, readFileSync } from 'node:fs';

/**
 * @param {number} leader of a session
 * @returns {Map<number, string>} the living processes of its session, what
 *   descends from them, and the sessions that these lead: the id, and when it
 *   started, which tells it from a later process with the same id
 */
export function family(leader) {
  const all = new Map();
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? read(Number(name)) : null;
    if (found !== null) all.set(Number(name), found);
  }
  const members = new Map();
  const add = (pid) => {
    if (members.has(pid)) return;
    members.set(pid, all.get(pid).started);
    for (const [other, { parent, session }] of all) {
      if (parent === pid || session === pid) add(other);
    }
  };
  for (const [pid, { session }] of all) if (session === leader) add(pid);
  return members;
}

/**
 * @param {number} pid
 * @param {string} started as family() gave it
 * @returns {boolean} a zombie is not alive
 */
export function isAlive(pid, started) {
  return read(pid)?.started === started;
}

/**
 * @param {number} pid
 * @returns {{name?: string, caught?: string}} the process's name, and the mask
 *   of signals that it has a handler for; neither when it is gone
 */
export function signalsOf(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    return {
      name: /^Name:\s*(\S+)/m.exec(text)[1],
      caught: /^SigCgt:\s*(\w+)/m.exec(text)[1],
    };
  } catch {
    return {};
  }
}

/** See proc(5), /proc/pid/stat: the name in parentheses may hold anything. */
function read(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z') return null;
    return {
      parent: Number(fields[1]),
      session: Number(fields[3]),
      started: fields[19],
    };
  } catch {
    return null;
  }
}
