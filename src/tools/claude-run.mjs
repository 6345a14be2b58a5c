#!/usr/bin/env node
/**
 * What "make run" runs when all is installed and built: keeps its state under
 * STATE_DIR, starts bridge and nginx, says how to call them, and ends what it
 * started. A credential in the environment stays in this process.
 */

import { adminPassword } from './claude-run/admin.mjs';
import { Ended, fail, Failure, say } from './claude-run/say.mjs';
import { startAll } from './claude-run/services.mjs';
import { readSettings } from './claude-run/settings.mjs';
import { prepareState } from './claude-run/state.mjs';
import { developerKey } from './claude-run/key.mjs';
import { Supervisor } from './claude-run/supervisor.mjs';
import { findUsers } from './claude-run/users.mjs';
import { prepareRuntime } from './claude-run/runtime.mjs';

async function main(supervisor) {
  // what is secret has a mode of its own; the rest, others must reach
  process.umask(0o022);
  const settings = await readSettings(process.env);
  const users = findUsers();
  const state = prepareState(settings, users);
  supervisor.cleanup(state.release);
  const key = developerKey(settings, state, users);
  const admin = adminPassword(settings, state);
  const runtime = prepareRuntime(settings, users);
  supervisor.cleanup(runtime.remove);
  await startAll(supervisor, { settings, users, state, key, runtime });
  tell(settings, key, admin);
  return supervisor.ended;
}

function tell(settings, { key, demo, notes }, admin) {
  const base = `http://localhost:${settings.httpPort}/v1`;
  const body = JSON.stringify({
    model: 'sonnet',
    messages: [{ role: 'user', content: 'Say hello in five words.' }],
  });
  for (const note of notes) say(note);
  if (demo) {
    say(settings.apiBase === null
      ? 'Demo model: no credential was given, so a stub on this machine '
        + 'answers in place of Anthropic\'s API, through the real SDK. For '
        + 'Claude, set CLAUDE_CODE_OAUTH_TOKEN or ANTHROPIC_API_KEY.'
      : 'No credential was given: a placeholder goes to '
        + `${settings.apiBase}.`);
  }
  console.log(`
API key: ${key}
API: ${base}

curl ${base}/chat/completions -H 'Authorization: Bearer ${key}' \
-H 'Content-Type: application/json' -d '${body}'

HTTPS: https://localhost:${settings.httpsPort}/v1 (self-signed)
Admin: https://localhost:${settings.httpsPort}/admin/
${passwordLine(admin)}
Logs: ${settings.stateDir}/logs
Ctrl-C ends it.`);
}

function passwordLine({ password, given }) {
  if (password !== null) {
    return `Admin password: ${password} (shown this once)`;
  }
  return given ? 'Admin password: that of ADMIN_PASSWORD'
    : 'Admin password: as before; ADMIN_PASSWORD=… sets another';
}

const supervisor = new Supervisor();
try {
  await main(supervisor);
} catch (error) {
  if (!(error instanceof Ended)) {
    fail(error instanceof Failure ? error.message : error.stack);
  }
} finally {
  await supervisor.stop();
}
