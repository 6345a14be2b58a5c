/**
 * Every view and dialog, in both schemes, wide and narrow: axe finds nothing,
 * and nothing is wider than the window.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { NARROW, WIDE, axe, create, openKey, overflow, token, visit }
  from './support.mjs';

async function look(page, what) {
  // colours that are under way to others would be taken for others; one that
  // is called off ends too
  await page.evaluate(() => Promise.allSettled(document.getAnimations()
    .filter((one) => one.effect.getTiming().iterations !== Infinity)
    .map((one) => one.finished)));
  assert.deepEqual(await axe(page), [], what);
  assert.equal(await overflow(page), 0, `${what} fits`);
}

async function close(page) {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
}

for (const [scheme, viewport] of [['light', WIDE], ['dark', NARROW]]) {
  const how = { colorScheme: scheme, viewport };
  const where = `${scheme}, ${viewport.width} px`;
  const open = (page, name) =>
    page.getByRole('button', { name, exact: true }).click();

  test(`signing in: ${where}`, () =>
    visit({ ...how, signedIn: false }, async (page) => {
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.keyboard.press('Enter');
      await page.getByText('Enter your password.').waitFor();
      await look(page, 'sign in');
    }));

  test(`the list and its dialogs: ${where}`, () =>
    visit(how, async (page) => {
      await page.locator('.table').waitFor();
      await look(page, 'list');
      await open(page, 'Create key');
      const form = page.getByRole('dialog');
      await form.getByText('Limits').click();
      await form.getByRole('button', { name: 'Create key' }).click();
      await form.getByText('Give the key a name.').waitFor();
      await look(page, 'form with an error');
      await form.getByLabel('Name').fill(`Looks ${'long '.repeat(20)}`);
      await form.getByLabel('Claude token', { exact: true }).fill(token());
      await form.getByRole('button', { name: 'Create key' }).click();
      await page.getByRole('dialog', { name: 'Save this key now' }).waitFor();
      await look(page, 'new key');
      await open(page, 'I have saved it');
      await page.getByRole('searchbox').fill('nothing has this name');
      await page.getByText('No key matches').waitFor();
      await look(page, 'empty list');
    }));

  test(`a key and its dialogs: ${where}`, () =>
    visit(how, async (page) => {
      const name = `Looked at ${scheme}`;
      await create(page, name, async (form) => {
        await form.getByText('Limits').click();
        await form.getByLabel('Budget a day').fill('5');
        await form.getByLabel('Addresses').fill('2001:db8::/32');
      });
      await openKey(page, name);
      await page.getByText('Numbers by day').click();
      await look(page, 'key');
      for (const [label, what] of [['Edit', 'Edit key'],
        ['Rotate', 'Rotate key'], ['Disable', 'Disable key?'],
        ['Replace token', 'Replace the Claude token'],
        ['Delete key', 'Delete key?']]) {
        await open(page, label);
        await page.getByRole('dialog', { name: what }).waitFor();
        await look(page, what);
        await close(page);
      }
      await page.goto(`${page.url().replace(/#.*/, '')}#/keys/key_none`);
      await page.getByText('This key is gone').waitFor();
      await look(page, 'no key');
    }));

  test(`events, status, sessions: ${where}`, () =>
    visit(how, async (page) => {
      const go = (name) => page.getByRole('link', { name, exact: true })
        .click();
      await go('Events');
      await page.locator('.events').waitFor();
      await page.getByText('Key created').first().waitFor();
      await look(page, 'events');
      await open(page, 'Pause');
      await page.getByRole('button', { name: 'Go on' }).waitFor();
      await go('Status');
      await page.getByRole('region', { name: 'Key store' }).waitFor();
      await page.getByRole('meter').first().waitFor();
      await page.getByRole('region', { name: 'Claude bridge' })
        .getByText('Well').waitFor();
      await look(page, 'status');
      await go('Sessions');
      await page.getByText('This browser').waitFor();
      await look(page, 'sessions');
    }));
}

test('what a change came to is said as far as it is known', () =>
  visit({}, async (page) => {
    const answers = [
      [503, 'store_unavailable', /Nothing was changed\./],
      [507, 'keystore_full', /Nothing was changed\./],
      [500, 'internal_error', /look before you send it again\./],
      [502, null, /status 502\. It may have been changed all the same/],
      [409, 'odd', /The server said 409\.$/],
    ];
    await page.getByRole('button', { name: 'Create key' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Name').fill('Not made');
    await dialog.getByLabel('Claude token', { exact: true }).fill(token());
    for (const [status, code, text] of answers) {
      await page.route('**/api/keys', (route) => route.fulfill(code
        ? { status, json: { error: { message: `The server said ${status}.`,
          type: 'api_error', param: null, code } } }
        : { status, body: '<html>' }));
      await dialog.getByRole('button', { name: 'Create key' }).click();
      await dialog.getByRole('alert').getByText(text).waitFor();
      await page.unroute('**/api/keys');
    }
  }));

test('what fails says so, and can be tried again', () =>
  visit({}, async (page) => {
    await page.locator('.table').waitFor();
    await page.route('**/api/keys?*', (route) => route.fulfill({ status: 503,
      json: { error: { message: 'The store is busy.', type: 'api_error',
        param: null, code: 'service_unavailable' } } }));
    await page.getByRole('searchbox').fill('anything');
    await page.getByRole('alert').getByText('The store is busy.').waitFor();
    await look(page, 'failure');
    await page.unroute('**/api/keys?*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('No key matches').waitFor();
  }));
