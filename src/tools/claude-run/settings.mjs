/** The environment that "make run" is told things by. */

import { createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { Failure } from './say.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** How the bridge's processes reach an API that is elsewhere. */
const NETWORK = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY',
  'NODE_EXTRA_CA_CERTS'];
const NO_IPV6 = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/**
 * @param {Record<string, string|undefined>} env
 * @returns {Promise<object>} paths absolute; `listen` has the addresses of
 *   loopback that this machine has
 * @throws {Failure} naming the variable, or the port that is taken
 */
export async function readSettings(env) {
  const settings = {
    root: path.resolve(ROOT),
    stateDir: path.resolve(env.STATE_DIR || '.run'),
    build: path.resolve(ROOT, env.BUILD || 'build'),
    httpPort: port(env, 'HTTP_PORT', 8000),
    httpsPort: port(env, 'HTTPS_PORT', 8443),
    token: env.CLAUDE_CODE_OAUTH_TOKEN || env.ANTHROPIC_API_KEY || null,
    adminPassword: env.ADMIN_PASSWORD || null,
    apiBase: env.ANTHROPIC_BASE_URL || null,
    bridge: Object.fromEntries(Object.entries(env)
      .filter(([name]) => name.startsWith('CLAUDE_BRIDGE_'))),
    network: Object.fromEntries(Object.entries(env)
      .filter(([name]) => NETWORK.includes(name))),
  };
  if (settings.httpPort === settings.httpsPort) {
    throw new Failure('HTTP_PORT and HTTPS_PORT are the same');
  }
  settings.listen = await loopback(settings);
  return Object.freeze(settings);
}

function port(env, name, standard) {
  const value = env[name] || String(standard);
  const number = /^\d{1,5}$/.test(value) ? Number(value) : 0;
  if (number < 1 || number > 65535) {
    throw new Failure(`${name} is not a port: ${value}`);
  }
  return number;
}

async function loopback({ httpPort, httpsPort }) {
  const addresses = [];
  for (const host of ['127.0.0.1', '::1']) {
    const codes = [
      await tryPort(host, httpPort, 'HTTP_PORT'),
      await tryPort(host, httpsPort, 'HTTPS_PORT'),
    ];
    if (!codes.some((code) => NO_IPV6.includes(code))) {
      addresses.push(host.includes(':') ? `[${host}]` : host);
    }
  }
  return addresses;
}

/** @returns {Promise<string|null>} the error's code when there's no host */
async function tryPort(host, number, name) {
  const server = createServer();
  const code = await new Promise((resolve) => {
    server.once('error', (error) => resolve(error.code));
    server.listen(number, host, () => server.close(() => resolve(null)));
  });
  if (code === 'EADDRINUSE') {
    throw new Failure(`port ${number} is taken on ${host}: choose another `
      + `with make run ${name}=NUMBER`);
  }
  if (code !== null && (host !== '::1' || !NO_IPV6.includes(code))) {
    throw new Failure(`can't listen on ${host} port ${number} (${code}): `
      + `choose another with make run ${name}=NUMBER`);
  }
  return code;
}
