/** Who descends from whom, out of /proc. */

import { readdirSync, readFileSync } from 'node:fs';

/**
 * @param {number} root a process
 * @returns {Map<number, string>} it and its living descendants: the id and
 *   when it started, which tells it from a later one with the same id
 */
export function descendants(root) {
  const children = new Map();
  const started = new Map();
  for (const name of readdirSync('/proc')) {
    const found = /^\d+$/.test(name) ? read(Number(name)) : null;
    if (found === null) continue;
    started.set(Number(name), found.started);
    children.set(found.parent,
      [...children.get(found.parent) ?? [], Number(name)]);
  }
  const all = new Map();
  const look = (pid) => {
    if (!started.has(pid)) return;
    all.set(pid, started.get(pid));
    for (const child of children.get(pid) ?? []) look(child);
  };
  look(root);
  return all;
}

/**
 * @param {number} pid
 * @param {string} started as descendants() gave it
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
    return { parent: Number(fields[1]), started: fields[19] };
  } catch {
    return null;
  }
}
