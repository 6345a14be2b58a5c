/** What the developer is told, and what ends the run. */

/** Something that the developer can mend; the message says what. */
export class Failure extends Error {}

/** The run was told to end before all had started. */
export class Ended extends Error {}

/** @param {string} text progress, on standard error */
export function say(text) {
  console.error(text);
}

/** @param {string} text why the run ends with a failure */
export function fail(text) {
  process.exitCode = 1;
  console.error(`error: ${text}`);
}

/**
 * @param {string} what was tried
 * @param {() => T} action
 * @returns {T}
 * @template T
 * @throws {Failure} naming the path when the file system refuses
 */
export function attempt(what, action) {
  try {
    return action();
  } catch (error) {
    if (error.syscall === undefined) throw error;
    const { path = '', code } = error;
    throw new Failure(`can't ${what}: ${path} (${REASONS[code] ?? code})`);
  }
}

const REASONS = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left',
  EEXIST: 'something else is there',
  ENOTDIR: 'not a directory',
};
