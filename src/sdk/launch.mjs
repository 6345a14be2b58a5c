/**
 * How a `claude` process is started: command line learnt from the SDK,
 * environment replaced, working directories of its own.
 */

import { query } from '@anthropic-ai/claude-agent-sdk';
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { lstat, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { SERVER } from './desk.mjs';
import { Gate } from './gate.mjs';

/** No credential: it makes the CLI ask for OAuth's headers from the start. */
export const NO_TOKEN = 'none';
/** ms by which the CLI's own limits lie behind the bridge's. */
const AFTER_OURS = 5000;
const SETPRIV = ['setpriv', '--no-new-privs', '--pdeathsig', 'KILL', '--'];
const OTHERS_WRITE = 0o002;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Less than any request costs. The CLI would go on by itself after an answer
 * that was cut at max_tokens or empty; with its budget spent it doesn't. It
 * doesn't go on when it should, either: a lasting process has none, but a gate.
 */
const BUDGET = 0.000001;

/** The options that every query has; nothing here varies by request. */
const OPTIONS = Object.freeze({
  tools: [],
  settingSources: [],
  persistSession: false,
  includePartialMessages: true,
  verbatimPrompts: true,
  allowedTools: [`mcp__${SERVER}`],
});

/** Starts children and owns the directory that they work in. */
export class Launcher {
  #settings;
  #log;
  #count = 0;
  #wrapper = [];
  #command = null;
  #args = [];
  #env = {};
  #gate = null;

  /** Whether children may be started: there is a place for them. */
  prepared = false;

  /**
   * @param {object} settings of settings.mjs
   * @param {object} log of log.mjs
   */
  constructor(settings, log) {
    this.#settings = settings;
    this.#log = log;
    this.cwd = path.join(settings.dir, 'empty');
    this.root = path.join(settings.dir, `run-${process.pid}`);
  }

  /** Makes the directories, sweeps a crash's leftovers, learns the argv. */
  async prepare() {
    const { dir } = this.#settings;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const { uid, mode } = await lstat(dir);
    if (uid !== process.getuid() || mode & OTHERS_WRITE) {
      throw new Error('CLAUDE_BRIDGE_DIR: belongs to another user or is '
        + 'writable by others');
    }
    await mkdir(this.cwd, { recursive: true, mode: 0o700 });
    await this.#sweep();
    await mkdir(this.root, { mode: 0o700 });
    if (this.#settings.keep > 0) await this.#openGate();
    const probe = spawnSync(SETPRIV[0], [...SETPRIV.slice(1), 'true'],
      { stdio: 'ignore' });
    if (probe.status === 0) this.#wrapper = SETPRIV;
    else this.#log.warn('no_setpriv');
    this.prepared = true;
  }

  /** Removes what this bridge made, but not the directory itself. */
  async remove() {
    this.#gate?.close();
    await rm(this.root, { recursive: true, force: true, maxRetries: 5 });
  }

  /**
   * @returns {string|null} why no child can be started now
   */
  problem() {
    try {
      if (this.#command === null) this.#learn();
      accessSync(this.#command, constants.X_OK);
      if (!statSync(this.#command).isFile()) return 'is not a file';
      return null;
    } catch (error) {
      return error.code ?? 'the SDK has no binary for this machine';
    }
  }

  /** @returns {string|null} the path of the `claude` binary */
  get command() {
    return this.#command ?? this.#settings.claude;
  }

  /**
   * @returns {{child: ChildProcess, dir: string, pass: Pass|null,
   *   day: string}} a child in a process group of its own, with HOME and TMPDIR
   *   in `dir`; with a pass it is for several answers, and reaches the API by
   *   it only
   */
  spawn() {
    const dir = path.join(this.root, String(++this.#count));
    const pass = this.#gate?.admit() ?? null;
    const env = { ...this.#env, ...pass?.env, HOME: dir,
      TMPDIR: path.join(dir, 'tmp') };
    mkdirSync(env.TMPDIR, { recursive: true, mode: 0o700 });
    const [file, ...args] = [...this.#wrapper, this.#command, ...this.#args];
    const child = spawn(file, args,
      { cwd: this.cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    return { child, dir, pass, day: today() };
  }

  /**
   * Binds a started child to a conversation.
   *
   * @param {ChildProcess} child
   * @param {object} late options that leave the command line as it is:
   *   `systemPrompt`, and a ToolDesk's
   * @param {AsyncIterable<object>} prompt
   * @returns {Query} of the SDK
   */
  query(child, late, prompt) {
    const options = this.#options(late, () => child);
    return query({ prompt, options });
  }

  async #openGate() {
    try {
      const gate = new Gate(this.#settings);
      await gate.listen();
      this.#gate = gate;
    } catch (error) {
      // its text might quote a proxy's password
      this.#log.warn('no_gate', { error: error.code ?? error.name });
    }
  }

  #options(late, spawnClaudeCodeProcess) {
    const options = {
      ...OPTIONS,
      ...late,
      cwd: this.cwd,
      env: childEnvironment(this.#settings),
      spawnClaudeCodeProcess,
    };
    if (this.#gate === null) options.maxBudgetUsd = BUDGET;
    const { claude } = this.#settings;
    if (claude !== null) options.pathToClaudeCodeExecutable = claude;
    return options;
  }

  /** The SDK says what it would run; then the start is called off. */
  #learn() {
    const { command, args, env } = this.#ask();
    this.#args = args;
    this.#env = env;
    this.#command = command;
  }

  #ask() {
    const learnt = new Error('learnt');
    let launch;
    try {
      query({
        prompt: (async function* none() {})(),
        options: this.#options({ systemPrompt: '' }, (asked) => {
          launch = asked;
          throw learnt;
        }),
      });
    } catch (error) {
      if (error !== learnt) throw error;
    }
    return launch;
  }

  async #sweep() {
    for (const name of await readdir(this.#settings.dir)) {
      const pid = Number(/^run-(\d+)$/.exec(name)?.[1]);
      if (!pid || (pid !== process.pid && isAlive(pid))) continue;
      await rm(path.join(this.#settings.dir, name),
        { recursive: true, force: true });
      this.#log.info('swept', { of: pid });
    }
  }
}

/** @returns {string} the day, as a process tells it to the model */
export function today() {
  return new Date().toDateString();
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function childEnvironment(settings) {
  const limit = String(settings.idleTimeout + AFTER_OURS);
  const env = {
    PATH,
    ...settings.network,
    CLAUDE_CODE_OAUTH_TOKEN: NO_TOKEN,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    CLAUDE_CODE_MAX_RETRIES: '0',
    CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: '1',
    DISABLE_COMPACT: '1',
    CLAUDE_CODE_DISABLE_ATTACHMENTS: '1',
    CLAUDE_CODE_DISABLE_REFUSAL_FALLBACK: '1',
    CLAUDE_CODE_DISABLE_REFUSAL_RETRY: '1',
    ENABLE_TOOL_SEARCH: 'false',
    CLAUDE_AGENT_SDK_MCP_NO_PREFIX: '1',
    API_TIMEOUT_MS: limit,
    CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: limit,
  };
  if (settings.apiBase !== null) env.ANTHROPIC_BASE_URL = settings.apiBase;
  if (settings.mimalloc) {
    env.MIMALLOC_ALLOW_THP = '1';
    env.MIMALLOC_PURGE_DELAY = '-1';
  }
  return env;
}
