#!/usr/bin/env node
/** The bridge's entry: settings, parts, signals. docs/bridge.md is its doc. */

import { fileURLToPath } from 'node:url';

import { createLog } from './log.mjs';
import { createBridge } from './server.mjs';
import { readSettings, SettingsError } from './settings.mjs';
import { Place } from './socket.mjs';

const MISUSED = 2;
const NO_SDK = 3;
/** ms after which a connection that fell idle is closed on the way out. */
const LOOK_AGAIN = 50;
/** ms in which a bridge that is to take over must have a process parked. */
const READY = 60000;

async function main() {
  const settings = readSettings(process.env);
  const log = createLog(settings.log);
  guard(log);
  forgetEnvironment();
  // what imports the SDK, which may be missing
  const { Launcher } = await import('./launch.mjs');
  const { Pool } = await import('./pool.mjs');
  const launcher = new Launcher(settings, log);
  const pool = new Pool(launcher, settings, log);
  const server = createBridge({ pool, settings, log });
  const place = new Place(server, settings.socket);
  const stopped = signalled('SIGTERM', 'SIGINT');
  const relieved = signalled('SIGUSR2');
  if (settings.takeOver) await ready(launcher, pool, settings.pool, stopped);
  if (!stopped.signal) await place.listen(settings);
  if (!settings.takeOver) await launcher.prepare();
  pool.fill();
  log.info('listening', { socket: settings.socket, pid: process.pid });
  await Promise.race([stopped, relieved, place.replaced()]);
  if (!stopped.signal) {
    log.info('relieved');
    await Promise.race([stopped, relieve(server, place)]);
  }
  if (stopped.signal) {
    log.info('stopping', { signal: stopped.signal });
    await drain(server, pool, place, settings.shutdownTimeout);
  }
  await pool.stop();
  server.closeAllConnections();
  await launcher.remove();
  log.info('stopped');
}

/** What takes over must be able to answer at once. */
async function ready(launcher, pool, wanted, stopped) {
  await launcher.prepare();
  pool.fill();
  const end = Date.now() + READY;
  while (wanted > 0 && !pool.health().ready && !stopped.signal) {
    if (Date.now() > end) {
      await pool.stop();
      await launcher.remove();
      throw new Error('no process is ready: nothing is taken over');
    }
    await new Promise((resolve) => { setTimeout(resolve, LOOK_AGAIN); });
  }
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

/** @returns {Promise} with the signal that came as its `signal` */
function signalled(...names) {
  const came = new Promise((resolve) => {
    for (const name of names) {
      process.on(name, () => {
        came.signal ??= name;
        resolve();
      });
    }
  });
  return came;
}

/**
 * Another bridge has the socket. What is open here goes on to its end, and is
 * closed by the client: nginx may send the next request on an idle connection
 * at the moment that it is closed here, and can't tell then whether that came
 * in. So processes stay parked as long as there may be one more request.
 */
async function relieve(server, place) {
  const closed = new Promise((resolve) => { server.once('close', resolve); });
  await place.leave();
  await closed;
}

/** Takes no more, and waits for what runs, but not for ever. */
async function drain(server, pool, place, timeout) {
  pool.drain();
  const closed = new Promise((resolve) => { server.once('close', resolve); });
  await place.leave();
  const idle = setInterval(() => server.closeIdleConnections(), LOOK_AGAIN);
  let deadline;
  const late = new Promise((resolve) => {
    deadline = setTimeout(resolve, timeout);
  });
  await Promise.race([closed, late]);
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
  const misused = error instanceof SettingsError;
  const noSdk = error.code === 'ERR_MODULE_NOT_FOUND';
  createLog('error').error(misused ? 'settings' : 'start', {
    error: noSdk ? 'the Claude Agent SDK is not installed: run '
      + 'claude-bridge-install-sdk, or without the Debian package '
      + `npm ci --omit=dev in ${fileURLToPath(new URL('.', import.meta.url))}`
      : error.message,
  });
  process.exit(misused ? MISUSED : noSdk ? NO_SDK : 1);
}
