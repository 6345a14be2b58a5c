// Claude Code, Codex and opencode do a job: they think, read two files by
// calls at once, answer, and go on in the same session. The stub says what
// to call, and the second file what to answer.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const { GATEWAY_URL: root, STUB_URL: stubURL, API_KEY: key, PATH }
  = process.env;
const here = path.dirname(fileURLToPath(import.meta.url));
const model = 'claude-sonnet-5-5';
const ANSWER = 'Both are read: alpha, beta.';
const LONGEST = 300000;

let dir;
before(async () => { dir = await mkdtemp(path.join(tmpdir(), 'tools-')); });
after(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));

/** Makes a home and a place to work in, with the two files. */
async function makePlace(name) {
  const [home, work] = ['home', 'work'].map((d) => path.join(dir, name, d));
  for (const d of [home, work]) await mkdir(d, { recursive: true });
  await writeFile(path.join(work, 'one.txt'), 'alpha\n');
  await writeFile(path.join(work, 'two.txt'),
    `beta [[stub text="${ANSWER}"]]\n`);
  return { home, work };
}

/** @returns {Promise<string>} standard output of a tool that went well */
function run({ home, work }, env, [file, ...args], input) {
  const child = spawn(file, args, { cwd: work, timeout: LONGEST,
    env: { PATH, HOME: home, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const out = ['', ''];
  [child.stdout, child.stderr].forEach((stream, i) => stream
    .setEncoding('utf8').on('data', (text) => { out[i] += text; }));
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => (code === 0 ? resolve(out[0])
      : reject(new Error(`${file}: ${code ?? signal}: ${out.join('\n')}`))));
  });
}

const call = ({ tool, args }) => `tool=${tool} args=${JSON.stringify(args)}`;

/**
 * Lets a tool do the job, and looks at what reached the API.
 *
 * @param {string} name
 * @param {object} tool `reads(file)`: the call that reads a file;
 *   `ask(place, prompt, again)`: its answer, `again` in the same session;
 *   `thinks`: whether it sends its thoughts back
 */
function job(name, { reads, ask, prepare, thinks = true }) {
  test(name, { timeout: 2 * LONGEST }, async () => {
    const place = await makePlace(name.replace(/\W+/g, '-'));
    await prepare?.(place);
    const mark = `mark-${process.pid}-${Date.now()}`;
    const files = ['one.txt', 'two.txt'].map((f) => path.join(place.work, f));
    const first = await ask(place, `${mark} Read both. [[stub `
      + `thinking="Two files." ${files.map((f) => call(reads(f))).join(' ')}]]`,
    false);
    assert.ok(first.includes(ANSWER), first);
    const second = await ask(place, 'Go on. [[stub text="Gone on."]]', true);
    assert.ok(second.includes('Gone on.'), second);

    const res = await fetch(`${stubURL}/_stub/requests`);
    const bodies = (await res.json()).filter(({ body, status }) =>
      status === 200 && body.includes(mark)).map(({ body }) =>
      JSON.parse(body)).filter(({ tools }) => tools?.length);
    const last = bodies.at(-1).messages.filter(({ role }) =>
      role !== 'system');
    const blocks = last.flatMap(({ content }) => content);
    const of = (type) => blocks.filter((block) => block.type === type);
    const [one, two] = of('tool_use').map(({ id }) =>
      of('tool_result').find(({ tool_use_id: its }) => its === id));
    assert.match(JSON.stringify(one.content), /alpha/);
    assert.match(JSON.stringify(two.content), /beta/);
    const together = last.find(({ content }) => Array.isArray(content)
      && content.filter(({ type }) => type === 'tool_use').length === 2);
    assert.ok(together, 'the calls are in one message');
    const texts = of('text').map(({ text }) => text).join('\n');
    assert.ok(texts.includes(ANSWER) && texts.includes('Go on.'));
    if (thinks) {
      assert.deepEqual(of('thinking').map(({ thinking, signature }) =>
        [thinking, signature]),
      [['Two files.', Buffer.from('stub:10').toString('base64')]]);
    }
  });
}

const sdk = createRequire(path.join(here, '../../src/sdk/package.json'));
const claude = path.join(path.dirname(sdk.resolve(
  `@anthropic-ai/claude-agent-sdk-linux-${process.arch}/package.json`)),
'claude');

for (const [how, credential] of [['x-api-key', 'ANTHROPIC_API_KEY'],
  ['bearer', 'ANTHROPIC_AUTH_TOKEN']]) {
  job(`Claude Code, ${how}`, {
    reads: (file) => ({ tool: 'Read', args: { file_path: file } }),
    ask: (place, prompt, again) => run(place, { ANTHROPIC_BASE_URL: root,
      [credential]: key, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1' },
    [claude, '-p', '--model', 'sonnet', ...again ? ['--continue'] : []],
    prompt),
  });
}

const CODEX = {
  custom: `model_provider = "gateway"

[model_providers.gateway]
name = "gateway"
base_url = "${root}/v1"
env_key = "GATEWAY_KEY"
wire_api = "responses"
`,
  'built-in': `openai_base_url = "${root}/v1"\n`,
};

for (const [provider, config] of Object.entries(CODEX)) {
  job(`Codex, its ${provider} provider`, {
    prepare: async ({ home }) => {
      await mkdir(path.join(home, '.codex'));
      await writeFile(path.join(home, '.codex/config.toml'),
        `model = "${model}"\n${config}`);
    },
    reads: (file) => ({ tool: 'exec_command', args: { cmd: `cat ${file}` } }),
    ask: (place, prompt, again) => run(place,
      { GATEWAY_KEY: key, CODEX_API_KEY: key },
      [path.join(here, 'node_modules/.bin/codex'), 'exec',
        ...again ? ['resume', '--last'] : [], '--skip-git-repo-check',
        '--dangerously-bypass-approvals-and-sandbox', '-'], prompt),
  });
}

// its package for all machines names some that registries may not have,
// without which npm ci refuses
const opencode = path.join(here,
  'node_modules/opencode-linux-x64/bin/opencode');
const OPENCODE = { chat: '@ai-sdk/openai-compatible',
  responses: '@ai-sdk/openai', messages: '@ai-sdk/anthropic' };

for (const [dialect, npm] of Object.entries(OPENCODE)) {
  job(`opencode, ${dialect}`, {
    prepare: async ({ home }) => {
      const config = path.join(home, '.config/opencode');
      await mkdir(config, { recursive: true });
      await writeFile(path.join(config, 'opencode.json'), JSON.stringify({
        autoupdate: false, share: 'disabled', provider: { gateway: { npm,
          name: 'gateway', models: { [model]: { name: model } },
          options: { baseURL: `${root}/v1`, apiKey: '{env:GATEWAY_KEY}' } } },
        // the stub would call tools here too, where there are none
        agent: { title: { disable: true } } }));
    },
    reads: (file) => ({ tool: 'read', args: { filePath: file } }),
    ask: (place, prompt, again) => run(place, { GATEWAY_KEY: key,
      OPENCODE_DISABLE_MODELS_FETCH: '1', OPENCODE_DISABLE_AUTOUPDATE: '1' },
    [opencode, 'run', '-m',
      `gateway/${model}`, ...again ? ['--continue'] : []], prompt),
    thinks: dialect === 'messages',
  });
}
