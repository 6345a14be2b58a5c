/** Names that somebody chose to do harm with. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { create, openKey, visit } from './support.mjs';

const NAMES = {
  'of markup': '</script><img src=x onerror=alert(1)>"\'`${1}',
  'from right to left': 'שלום abc עולם 123',
  'without an end': 'W'.repeat(128),
};

for (const [what, name] of Object.entries(NAMES)) {
  test(`a name ${what} is nothing but text`, () =>
    visit({}, async (page) => {
      await create(page, name);
      await page.getByRole('status').getByText(name).waitFor();
      await openKey(page, name);
      assert.equal(await page.locator('h1').textContent(), name);
      await page.getByRole('button', { name: 'Delete key' }).click();
      const dialog = page.getByRole('dialog', { name: 'Delete key?' });
      assert.equal(await dialog.locator('bdi').textContent(), name);
      assert.equal(await dialog.locator('bdi').evaluate(
        (it) => getComputedStyle(it).unicodeBidi), 'isolate');
      assert.equal(await page.locator('script').count(), 1);
      assert.equal(await page.locator('img').count(), 1, 'that of the bar');
      await dialog.getByRole('button', { name: 'Delete key' }).click();
      await page.getByRole('heading', { name: 'API keys' }).waitFor();
    }));
}

test('a name that turns text around stays inside itself', () =>
  visit({}, async (page) => {
    // the API takes none, a store from elsewhere may hold one
    await page.route('**/api/keys?*', async (route) => {
      const response = await route.fetch();
      const list = await response.json();
      list.data[0].keyName = 'safe \u202Egnp.exe';
      await route.fulfill({ response, json: list });
    });
    await page.reload();
    const cell = page.locator('tbody tr').first().locator('bdi');
    assert.equal(await cell.textContent(), 'safe \u202Egnp.exe');
    assert.equal(await cell.evaluate(
      (it) => getComputedStyle(it).unicodeBidi), 'isolate');
  }));

test('what the policy forbids is not done', () =>
  visit({}, async (page) => {
    const response = await page.request.get(page.url());
    const policy = response.headers()['content-security-policy'];
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    for (const part of ["default-src 'none'", "script-src 'self'",
      "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]) {
      assert.ok(policy.split('; ').includes(part), part);
    }
    assert.doesNotMatch(await response.text(),
      /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|https?:/);
    const names = (await page.evaluate(() => performance
      .getEntriesByType('resource').map(({ name }) => name)))
      .filter((name) => /\.(?:js|css)$/.test(name));
    assert.ok(names.length > 10);
    for (const name of names) {
      const file = await page.request.get(name);
      assert.equal(file.headers()['cache-control'], 'no-store');
      assert.equal(file.headers()['x-content-type-options'], 'nosniff');
      assert.doesNotMatch(await file.text(),
        /innerHTML|outerHTML|insertAdjacentHTML|\beval\(|localStorage/);
    }
  }));
