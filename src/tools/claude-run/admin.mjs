/**
 * The password of the admin, who signs in as "admin". STATE_DIR keeps no more
 * than its bcrypt hash: one that was made here is shown once.
 */

import { randomBytes } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';

import { attempt } from './say.mjs';
import { claudeKeys } from './state.mjs';

const NAME = 'admin';

/**
 * Writes the password file: of ADMIN_PASSWORD where that is given, of a
 * password of its own where there is none yet.
 *
 * @param {object} settings
 * @param {object} state
 * @returns {{password: string|null, given: boolean}} the password that was
 *   made, or null
 * @throws {Failure} when claude-keys refuses the one given
 */
export function adminPassword({ adminPassword: given }, state) {
  if (given === null && existsSync(state.passwords)) {
    return { password: null, given: false };
  }
  const made = given === null ? randomBytes(18).toString('base64url') : null;
  const line = claudeKeys(state, ['password', NAME], given ?? made);
  attempt('write', () => {
    const fresh = `${state.passwords}.new`;
    rmSync(fresh, { force: true });
    writeFileSync(fresh, line, { mode: 0o600, flag: 'wx' });
    renameSync(fresh, state.passwords);
  });
  return { password: made, given: given !== null };
}
