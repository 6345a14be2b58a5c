/** Sessions: ended underneath, ended elsewhere, ended by oneself. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { ADMIN, PASSWORD, openKey, saved, signIn, token, visit }
  from './support.mjs';

/** Ends the page's session as its owner would from somewhere else. */
async function endElsewhere(page) {
  const { id } = await page.evaluate(async () =>
    (await fetch('api/session')).json());
  await visit({ own: true }, async (other) => {
    await other.getByRole('link', { name: 'Sessions' }).click();
    const status = await other.evaluate(async (path) => (await fetch(path, {
      method: 'DELETE', headers: { 'Content-Type': 'application/json' },
      body: '{}' })).status, `api/sessions/${id}`);
    assert.equal(status, 204);
  });
}

test('nothing is lost when the session ends under a form', () =>
  visit({ own: true }, async (page) => {
    await page.getByRole('button', { name: 'Create key' }).click();
    const form = page.getByRole('dialog', { name: 'Create a key' });
    const send = form.getByRole('button', { name: 'Create key' });
    const credential = token();
    await form.getByLabel('Name').fill('Outlives its session');
    await form.getByLabel('Claude token', { exact: true }).fill(credential);
    await form.getByText('Limits').click();
    await form.getByLabel('Models').fill('sonnet');
    await endElsewhere(page);
    await send.click();

    const again = page.getByRole('dialog', { name: 'Sign in again' });
    await again.waitFor();
    await page.keyboard.press('Escape');
    await again.waitFor({ state: 'detached' });
    await form.getByText('Your session has ended.').waitFor();

    await send.click();
    await again.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.keyboard.press('Enter');
    await again.waitFor({ state: 'detached' });
    await form.getByText('nothing is lost').waitFor();
    assert.equal(await page.evaluate(() =>
      document.activeElement.textContent), 'Create key', 'focus goes back');
    assert.equal(await form.getByLabel('Name').inputValue(),
      'Outlives its session');
    assert.equal(await form.getByLabel('Claude token', { exact: true })
      .inputValue(), credential);
    assert.equal(await form.getByLabel('Models').inputValue(), 'sonnet');
    await page.keyboard.press('Enter');
    await saved(page);
    await page.getByRole('link', { name: 'Outlives its session' }).waitFor();
  }));

test('a view that had to wait for a new session goes on by itself', () =>
  visit({ own: true }, async (page) => {
    await endElsewhere(page);
    await page.getByRole('searchbox').fill('Outlives');
    const again = page.getByRole('dialog', { name: 'Sign in again' });
    await again.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.keyboard.press('Enter');
    await again.waitFor({ state: 'detached' });
    await page.getByText('1–1 of 1').waitFor();
    await openKey(page, 'Outlives its session');
  }));

test('sessions are listed, and another one can be ended', () =>
  visit({ own: true }, async (page) => {
    await visit({ own: true }, async (other) => {
      await page.getByRole('link', { name: 'Sessions' }).click();
      const list = page.getByRole('region', { name: 'Sessions' });
      await list.getByText('This browser').waitFor();
      // the newest is that of the other one
      const ends = list.getByRole('button', { name: /^End session/ });
      const before = await ends.count();
      for (let left = before; left > 0; left--) {
        await ends.first().click();
        await page.getByRole('dialog', { name: 'End session?' })
          .getByRole('button', { name: 'End session' }).click();
        await page.waitForFunction((n) => document.querySelectorAll(
          '.sessions li').length === n, left);
      }
      await other.getByRole('link', { name: 'Status' }).click();
      await other.getByRole('dialog', { name: 'Sign in again' }).waitFor();
    });
  }));

test('signing out ends the session on the server', () =>
  visit({ own: true }, async (page, context) => {
    const [cookie] = await context.cookies();
    assert.deepEqual({ ...cookie, value: '', expires: 0 }, { ...cookie,
      name: '__Host-claude_session', httpOnly: true, secure: true,
      sameSite: 'Strict', path: '/', value: '', expires: 0 });
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are signed out.').waitFor();
    assert.deepEqual(await context.cookies(), []);
    await context.addCookies([cookie]);
    await page.goto(`${ADMIN}#/status`);
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await context.clearCookies();
    await signIn(page);
    await page.getByRole('heading', { name: 'Status' }).waitFor();
  }));
