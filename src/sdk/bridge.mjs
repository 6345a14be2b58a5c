#!/usr/bin/env node
/** The bridge's entry: settings, parts, signals. docs/bridge.md is its doc. */

import { createLog } from './log.mjs';
import { Pool } from './pool.mjs';
import { createBridge } from './server.mjs';
import { readSettings, SettingsError } from './settings.mjs';
import { listen } from './socket.mjs';

const MISUSED = 2;
/** ms after which a connection that fell idle is closed on the way out. */
const LOOK_AGAIN = 50;

async function main() {
  const settings = readSettings(process.env);
  const log = createLog(settings.log);
  guard(log);
  forgetEnvironment();
  const { Launcher } = await import('./launch.mjs');
  const launcher = new Launcher(settings, log);
  const pool = new Pool(launcher, settings, log);
  const server = createBridge({ pool, settings, log });
  const stopped = signalled();
  await listen(server, settings.socket);
  await launcher.prepare();
  pool.fill();
  log.info('listening', { socket: settings.socket, pid: process.pid });
  const signal = await stopped;
  log.info('stopping', { signal });
  await drain(server, pool, settings.shutdownTimeout);
  await pool.stop();
  server.closeAllConnections();
  await launcher.remove();
  log.info('stopped');
}

/**
 * The SDK looks for credentials and for debug switches, which would have it
 * write prompts, in this process's environment: it finds none.
 */
function forgetEnvironment() {
  for (const name of Object.keys(process.env)) {
    if (name !== 'PATH') delete process.env[name];
  }
}

function signalled() {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.on(name, resolve);
  });
}

/** Takes no more, and waits for what runs, but not for ever. */
async function drain(server, pool, timeout) {
  pool.drain();
  const idle = setInterval(() => server.closeIdleConnections(), LOOK_AGAIN);
  let deadline;
  await new Promise((resolve) => {
    server.close(resolve);
    deadline = setTimeout(resolve, timeout);
  });
  clearInterval(idle);
  clearTimeout(deadline);
}

/** An error's text might quote a request: only its kind is logged. */
function guard(log) {
  process.stderr.on('error', () => {});
  process.on('unhandledRejection', (error) => {
    log.error('unhandled_rejection', { error: error?.name });
  });
  process.on('uncaughtException', (error) => {
    log.error('uncaught_exception', { error: error?.name });
    process.exit(1);
  });
}

try {
  await main();
  process.exit(0);
} catch (error) {
  const problem = error instanceof SettingsError ? 'settings' : 'start';
  createLog('error').error(problem, { error: error.message });
  process.exit(error instanceof SettingsError ? MISUSED : 1);
}
