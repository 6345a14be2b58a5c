/**
 * Who runs what. As root, nginx's workers and the bridge get two different
 * unprivileged users, so that neither can read the other's memory; any other
 * user runs both.
 */

import { spawnSync } from 'node:child_process';

import { Failure } from './say.mjs';

const WORKER = 'www-data';
const BRIDGE = 'nobody';

/**
 * @returns {{root: boolean, worker: object|null, bridge: object|null}}
 *   users as {name, uid, gid}; null: the one who runs this
 * @throws {Failure}
 */
export function findUsers() {
  const root = process.getuid() === 0;
  const who = (name) => (root ? lookUp(name) : null);
  return { root, worker: who(WORKER), bridge: who(BRIDGE) };
}

function lookUp(name) {
  const [uid, gid] = ['-u', '-g'].map((flag) => {
    const { status, stdout } = spawnSync('id', [flag, name],
      { encoding: 'utf8' });
    if (status !== 0) throw new Failure(`there is no user ${name} here`);
    return Number(stdout);
  });
  return { name, uid, gid };
}

/**
 * The command line that runs another as a user, and that ends it should this
 * process be killed.
 *
 * @param {object|null} user of findUsers
 * @param {string[]} command
 * @returns {string[]}
 */
export function runAs(user, command) {
  const become = user === null ? [] : ['--reuid', String(user.uid),
    '--regid', String(user.gid), '--clear-groups', '--no-new-privs'];
  return ['setpriv', '--pdeathsig', 'TERM', ...become, '--', ...command];
}
