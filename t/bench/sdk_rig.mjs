// nginx, the bridge and real SDK processes before the stub of Anthropic's API.

import { chownSync, mkdirSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { Rig, root } from './rig.mjs';

/** Directives to the stub API stand in the text of messages. */
export const stub = (what) => `[[stub ${what}]]`;

export const KEPT = { CLAUDE_BRIDGE_KEEP: '4' };
export const FRESH = { CLAUDE_BRIDGE_KEEP: '0' };

export class SdkRig extends Rig {
  /** env: of the bridge */
  async sdk(env) {
    const api = await this.start('node',
      [join(root, 't/stub/anthropic.mjs'), '--no-journal'],
      /listening on http\S+\n/);
    this.socket = this.path('sdk.sock');
    mkdirSync(this.path('bridge'), { mode: 0o700 });
    process.umask(0o007);
    const { child } = await this.start('node',
      [join(root, 'src/sdk/bridge.mjs')], /"event":"listening"/, {
        ANTHROPIC_BASE_URL: /http\S+/.exec(api.seen)[0],
        CLAUDE_BRIDGE_SOCKET: this.socket,
        CLAUDE_BRIDGE_DIR: this.path('bridge'), ...env });
    process.umask(0o022);
    this.bridge = child.pid;
    if (this.asRoot) chownSync(this.socket, this.uid, this.uid);
    await this.nginx(this.socket);
    this.parks = Number(env.CLAUDE_BRIDGE_POOL ?? 1) > 0;
    await this.settled();
    return this;
  }

  async health() {
    const request = http.get({ socketPath: this.socket, path: '/health' });
    const [response] = await once(request, 'response');
    let text = '';
    for await (const data of response) text += data;
    return JSON.parse(text);
  }

  /** Waits until no process starts, and one is parked where that is asked. */
  async settled() {
    for (;;) {
      const { parked, starting = 0 } = await this.health();
      if (!starting && (parked > 0 || !this.parks)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A chat, and whether a kept process served it. */
  async ask(messages, more = {}) {
    const before = (await this.health()).continued ?? 0;
    const got = await this.chat({ messages, ...more });
    const after = (await this.health()).continued ?? 0;
    return { ...got, kept: after > before };
  }
}

/** Runs with a rig of this environment and stops it. */
export async function withSdk(env, body) {
  const rig = new SdkRig();
  try {
    return await body(await rig.sdk(env));
  } finally {
    await rig.stop();
  }
}
