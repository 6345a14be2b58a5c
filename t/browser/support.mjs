/**
 * A browser on the admin's page, and what every test asks of it at its end:
 * no error of a script, none in the console, none of the policy, nothing
 * asked of another host, and no secret in an address or in storage.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

export const ADMIN = process.env.ADMIN_URL;
export const PASSWORD = process.env.ADMIN_PASSWORD;
export const PATIENCE = Number(process.env.PATIENCE ?? 30000);
export const WIDE = { width: 1280, height: 860 };
export const NARROW = { width: 360, height: 740 };

const AXE = readFileSync(createRequire(import.meta.url)
  .resolve('axe-core/axe.min.js'), 'utf8');
const SECRET = /sk-[A-Za-z0-9]{20,}|sk-ant-\w+-[\w-]{8,}|__Host-/;
const ARGS = ['--headless', '--no-sandbox', '--disable-gpu',
  '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

const run = promisify(execFile);
let browser;
let tokens = 0;
/** Of a person who is signed in, for pages that don't have to do it anew. */
let storageState;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ARGS,
    timeout: 2 * PATIENCE,
  });
});

after(() => browser?.close());

/** A credential of the right form; the test's end looks for it in files. */
export function token() {
  return secret(`sk-ant-oat01-browser${process.pid}x${++tokens}AbCdEfGh`);
}

/** What no file of nginx's may hold. */
export function secret(text) {
  appendFileSync(process.env.SECRETS, `${text}\n`);
  return text;
}

/**
 * Gives test a page of its own, and looks at its flaws afterwards.
 *
 * @param {object} options of a browser's context; signedIn: false leaves the
 *   person outside, own: true makes a session for this page only, url names
 *   another page than ADMIN
 * @param {(page: object, context: object) => Promise<void>} test
 */
export async function visit(options, test) {
  const { signedIn = true, own = !signedIn, url = ADMIN, ...more } = options;
  const known = !own && storageState;
  const context = await browser.newContext({ viewport: WIDE,
    ignoreHTTPSErrors: true, colorScheme: 'light',
    ...known ? { storageState } : {}, ...more });
  context.setDefaultTimeout(PATIENCE);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  try {
    const page = await context.newPage();
    const flaws = watch(page, url);
    await page.goto(url);
    if (signedIn && !known) await signIn(page);
    if (signedIn && !own) storageState ??= await context.storageState();
    await test(page, context);
    flaws.push(...await stored(page, context));
    assert.deepEqual(flaws, []);
  } finally {
    await context.close();
  }
}

function watch(page, url) {
  const flaws = [];
  page.on('pageerror', (error) => flaws.push(error.stack));
  page.on('dialog', (dialog) => {
    flaws.push(`alert: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('console', (message) => {
    const text = message.text();
    // the browser itself notes each answer that is an error
    if (message.type() === 'error' && !/^Failed to load resource: the server/
      .test(text)) flaws.push(text);
    if (SECRET.test(text)) flaws.push('a secret in the console');
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) flaws.push(request.url());
    if (SECRET.test(request.url())) flaws.push('a secret in an address');
  });
  page.on('framenavigated', (frame) => {
    if (SECRET.test(frame.url())) flaws.push('a secret in the address');
  });
  void page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return flaws;
}

async function stored(page, context) {
  const state = await context.storageState();
  const left = await page.evaluate(() => [
    ...Object.values(localStorage), ...Object.values(sessionStorage),
    document.cookie].filter((text) => text !== ''));
  return left.concat(state.origins.map(({ origin }) => origin))
    .map((text) => `kept: ${text}`);
}

export async function signIn(page, password = PASSWORD) {
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

/** Fills the form of a new key and sends it. */
export async function create(page, name, fill = async () => {}) {
  await page.getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog', { name: 'Create a key' });
  await dialog.getByLabel('Name').fill(name);
  await dialog.getByLabel('Claude token', { exact: true }).fill(token());
  await fill(dialog);
  await dialog.getByRole('button', { name: 'Create key' }).click();
  return saved(page);
}

/** The key that is shown once, and the line beside it; then it is put away. */
export async function saved(page) {
  const dialog = page.getByRole('dialog', { name: 'Save this key now' });
  const key = secret(await dialog.getByLabel('API key').inputValue());
  const curl = await dialog.getByLabel('Try it').inputValue();
  await dialog.getByRole('button', { name: 'I have saved it' }).click();
  await dialog.waitFor({ state: 'detached' });
  return { key, curl };
}

/** Opens the page of a key by its name. */
export async function openKey(page, name) {
  await page.getByRole('link', { name: 'Keys', exact: true }).click();
  await page.getByRole('searchbox').fill(name);
  await page.getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1, name }).waitFor();
  await page.locator('.chart').waitFor();
}

/** Runs a line as a person would, on a certificate of our own. */
export async function shell(line) {
  const { stdout } = await run('sh', ['-c',
    line.replace(/^curl /, 'curl -sk -w "\\n%{http_code}" ')]);
  const [, body, status] = /^([^]*)\n(\d+)$/.exec(stdout);
  return { status: Number(status), body: JSON.parse(body) };
}

/** Waits until test() is true; a list that is old is asked for anew. */
export async function until(what, test) {
  const end = Date.now() + PATIENCE;
  while (!await test()) {
    assert.ok(Date.now() < end, `no ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** What axe finds on the page as it is, or in the dialog that lies over it. */
export async function axe(page) {
  if (!await page.evaluate(() => Boolean(window.axe))) {
    await page.evaluate(AXE);
  }
  const found = await page.evaluate(() => window.axe.run(
    document.querySelector('dialog[open]') ?? document));
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')}`));
}

/** Pixels by which the page is wider than the window. */
export function overflow(page) {
  return page.evaluate(() => Math.max(0,
    document.documentElement.scrollWidth - window.innerWidth));
}
