/**
 * What lives only as long as the run, in a temporary directory that
 * STATE_DIR/runtime points to: the socket's directory, the bridge's
 * own, and, where the bridge's user can't read the checkout (it lies in /root,
 * say), a copy of the programs that it runs.
 */

import { spawnSync } from 'node:child_process';
import {
  chmodSync, chownSync, mkdirSync, mkdtempSync, readlinkSync, rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { attempt, Failure, say } from './say.mjs';
import { runAs } from './users.mjs';

const PROGRAMS = ['src/sdk', 't/stub'];
const PREFIX = 'claude-run-';

/**
 * @param {object} settings
 * @param {object} users
 * @returns {{socket: string, dir: string, node: string, root: string,
 *   remove: () => void}} `root` holds the programs, `dir` is the bridge's
 */
export function prepareRuntime(settings, users) {
  const link = path.join(settings.stateDir, 'runtime');
  const remove = () => removeRuntime(link);
  return attempt('make a directory', () => {
    remove();
    const base = mkdtempSync(path.join(users.root ? '/var/tmp' : tmpdir(),
      PREFIX));
    symlinkSync(base, link);
    try {
      return { ...directories(base, users),
        ...programs(settings, users, base), remove };
    } catch (error) {
      remove();
      throw error;
    }
  });
}

/** Also that of a run which was killed. */
function removeRuntime(link) {
  try {
    const base = readlinkSync(link);
    if (path.basename(base).startsWith(PREFIX)) {
      rmSync(base, { recursive: true, force: true, maxRetries: 5 });
    }
    rmSync(link);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function directories(base, { root, worker, bridge }) {
  const socketDir = path.join(base, 'socket');
  const dir = path.join(base, 'bridge');
  mkdirSync(socketDir, { mode: 0o700 });
  mkdirSync(dir, { mode: 0o700 });
  if (root) {
    chmodSync(base, 0o711);
    chownSync(dir, bridge.uid, bridge.gid);
    chownSync(socketDir, bridge.uid, worker.gid);
    // set-group-id: the socket gets the workers' group, its mode is 0660
    chmodSync(socketDir, 0o2710);
  }
  return { socket: path.join(socketDir, 'sdk.sock'), dir };
}

function programs(settings, { bridge }, base) {
  const found = { root: settings.root, node: process.execPath };
  if (bridge === null) return found;

  const sources = PROGRAMS.map((name) => path.join(settings.root, name));
  if (!readable(bridge, ...sources)) {
    say(`Copying the bridge: ${bridge.name} can't read ${settings.root}`);
    found.root = path.join(base, 'programs');
    for (const name of PROGRAMS) {
      copy(path.join(settings.root, name), path.join(found.root, name));
    }
  }
  if (!readable(bridge, found.node)) {
    found.node = path.join(base, 'node');
    copy(process.execPath, found.node);
  }
  return found;
}

/** Whether the user can read all that lies there. */
function readable(user, ...paths) {
  const [command, ...args] = runAs(user,
    ['find', ...paths, '!', '-readable', '-print', '-quit']);
  const { status, stdout } = spawnSync(command, args,
    { encoding: 'utf8', cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
  return status === 0 && stdout === '';
}

/** Hard links where the file system allows: the SDK has 400 MB. */
function copy(from, to) {
  mkdirSync(path.dirname(to), { recursive: true });
  const script = 'cp -RLl "$1" "$2" 2>/dev/null'
    + ' || { rm -rf "$2"; cp -RL "$1" "$2"; }; chmod -R go+rX "$2"';
  const { status, stderr } = spawnSync('sh', ['-ec', script, 'sh', from, to],
    { encoding: 'utf8' });
  if (status !== 0) throw new Failure(`can't copy ${from}: ${stderr}`);
}
