/**
 * The developer's key. The store keeps no key readable, so that a second run
 * can still print one, this one lies in STATE_DIR/api-key.json (0600) too.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { attempt } from './say.mjs';
import { claudeKeys } from './state.mjs';

/** Has the form of a credential; only the stub takes it. */
const PLACEHOLDER = 'sk-ant-oat01-demo-model-no-credential';

/**
 * @param {object} settings
 * @param {object} state
 * @returns {{key: string, demo: boolean, notes: string[]}}
 * @throws {Failure} when claude-keys refuses the credential
 */
export function developerKey({ token }, state) {
  const saved = readSaved(state);
  const known = saved !== null && isUsable(state, saved);
  if (known && (token === null || saved.credential === hash(token))) {
    return { key: saved.key, demo: saved.demo, notes: [] };
  }
  const made = addKey(state, token);
  const notes = [];
  if (known && saved.demo) {
    claudeKeys(state, ['delete', saved.id, ...files(state)]);
    notes.push('A key was made for the credential that you gave; the demo '
      + 'model\'s key is gone.');
  } else if (known) {
    notes.push('The credential is another than before: a key was made for '
      + 'it; the former key goes on with the former credential.');
  }
  return { key: made.key, demo: made.demo, notes };
}

function addKey(state, token) {
  const demo = token === null;
  const { id, key } = JSON.parse(claudeKeys(state, ['add', '--json',
    ...files(state), '--name', demo ? 'demo' : 'first', '--token-stdin'],
  `${token ?? PLACEHOLDER}\n`));
  const made = { id, key, demo, credential: demo ? null : hash(token) };
  attempt('write', () => writeFileSync(state.apiKey,
    `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 }));
  return made;
}

function readSaved({ apiKey }) {
  if (!existsSync(apiKey)) return null;
  try {
    return JSON.parse(attempt('read', () => readFileSync(apiKey, 'utf8')));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Somebody may have disabled or deleted it since. */
function isUsable(state, { id }) {
  const record = listed(state).find((each) => each.id === id);
  return record?.enabled === true
    && !(Date.parse(record.expiresAt) <= Date.now());
}

function listed(state) {
  if (!existsSync(state.store)) return [];
  return JSON.parse(claudeKeys(state, ['list', '--json', ...files(state)]));
}

function files({ store, masterKey }) {
  return ['--store', store, '--master-key', masterKey];
}

function hash(token) {
  return createHash('sha256').update(token).digest('hex');
}
