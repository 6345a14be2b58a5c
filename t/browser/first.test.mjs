/** A gateway without keys, by keyboard alone. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { PASSWORD, secret, token, visit } from './support.mjs';

/** Presses Tab until the focus is on what has this name. */
async function tabTo(page, name) {
  const seen = [];
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab');
    const here = await focused(page);
    if (here === name) return;
    seen.push(here);
  }
  assert.fail(`Tab does not get to ${name}: ${seen.join(', ')}`);
}

function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    return element.getAttribute('aria-label')
      ?? element.labels?.[0]?.textContent ?? element.textContent;
  });
}

test('who is not signed in sees the way in and nothing else', () =>
  visit({ signedIn: false }, async (page) => {
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.getByRole('navigation').count(), 0);
    assert.equal(await focused(page), 'Password');

    await page.keyboard.press('Enter');
    await page.getByText('Enter your password.').waitFor();
    await page.keyboard.type('not the password');
    await page.keyboard.press('Enter');
    await page.getByText('The name or the password is wrong.').waitFor();
    assert.equal(await focused(page), 'Password');
  }));

test('where several people sign in, each says who they are', () =>
  visit({ signedIn: false, url: process.env.SEVERAL_URL }, async (page) => {
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.keyboard.press('Enter');
    await page.getByText('More than one person').waitFor();
    assert.equal(await focused(page), 'Name');
    await page.keyboard.type('bob');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.getByText('bob', { exact: true }).waitFor();
  }));

test('the first key is made by keyboard alone', () =>
  visit({ signedIn: false }, async (page) => {
    const { keyboard } = page;
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await keyboard.type(PASSWORD);
    await keyboard.press('Enter');
    await page.getByText('No keys yet').waitFor();
    assert.equal(await focused(page), 'API keys', 'focus is on the heading');

    await tabTo(page, 'Create key');
    await keyboard.press('Enter');
    assert.equal(await focused(page), 'Name');
    await keyboard.press('Escape');
    assert.equal(await focused(page), 'Create key', 'focus goes back');

    await keyboard.press('Enter');
    await keyboard.type('First of all');
    await tabTo(page, 'Claude token');
    await keyboard.type(token());
    await tabTo(page, 'Show claude token');
    await keyboard.press('Space');
    await keyboard.press('Shift+Tab');
    assert.equal(await page.evaluate(() => document.activeElement.type),
      'text', 'the token can be looked at');
    await keyboard.press('Enter');

    const dialog = page.getByRole('dialog', { name: 'Save this key now' });
    await dialog.waitFor();
    assert.equal(await focused(page), 'Copy the key');
    await keyboard.press('Escape');
    await keyboard.press('Escape');
    assert.ok(await dialog.isVisible(), 'no Escape loses the key');
    await keyboard.press('Enter');
    await dialog.getByRole('status').getByText('The key is copied.')
      .waitFor();
    const key = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(secret(key), /^sk-[A-Za-z0-9]{48}$/);
    await tabTo(page, 'I have saved it');
    await keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await focused(page), 'Create key');

    await tabTo(page, 'First of all');
    await keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'First of all' })
      .waitFor();
    await tabTo(page, 'Delete key');
    await keyboard.press('Enter');
    assert.equal(await focused(page), 'Cancel', 'nothing is deleted by two '
      + 'strokes of Enter');
    await tabTo(page, 'Delete key');
    await keyboard.press('Enter');
    await page.getByText('No keys yet').waitFor();

    await page.evaluate(() => document.activeElement.blur());
    await tabTo(page, 'Sign out');
    await keyboard.press('Enter');
    await page.getByText('You are signed out.').waitFor();
  }));
