/** The life of a key on the page, among ten thousand others. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { create, openKey, saved, shell, token, until, visit }
  from './support.mjs';

const dialogOf = (page, name) => page.getByRole('dialog', { name });
const pick = (page, name) =>
  page.getByRole('radio', { name, exact: true }).check();
const button = (at, name) => at.getByRole('button', { name, exact: true });

test('the list is paged, searched, filtered and sorted by the server', () =>
  visit({}, async (page) => {
    const rows = page.locator('tbody tr');
    const found = page.locator('.foot [role=status]');
    const says = (text) => found.getByText(text).waitFor();

    await says(/^1–50 of 10,\d{3}$/);
    assert.equal(await rows.count(), 50);
    await button(page, 'Next').click();
    await says(/^51–100 of/);
    const focus = () => page.evaluate(() =>
      document.activeElement.textContent);
    assert.equal(await focus(), 'Next', 'focus stays');
    await button(page, 'Previous').click();
    await says(/^1–50 of/);
    assert.equal(await focus(), 'Next', 'and goes on from a button that ended');

    await button(page, 'Name').click();
    await page.locator('th[aria-sort=ascending]').getByText('Name').waitFor();
    const first = await rows.first().textContent();
    await button(page, 'Name').click();
    await page.locator('th[aria-sort=descending]').getByText('Name')
      .waitFor();
    await until('other order', async () =>
      await rows.first().textContent() !== first);

    await pick(page, 'Disabled');
    await page.getByText('No key matches').waitFor();
    await button(page, 'Clear search').click();
    await says(/^1–50 of/);

    // somebody pastes a key to see whose it is: it isn't sent
    const { key } = await create(page, 'Found by its key');
    const asked = page.waitForRequest(/\bq=sk-/);
    await page.getByRole('searchbox').fill(key);
    const { searchParams } = new URL((await asked).url());
    assert.equal(searchParams.get('q'), key.slice(0, 7));
    await says(/^1–1 of 1$/);
    const short = await page.locator('tbody .mono').textContent();
    await page.getByRole('searchbox').fill('nothing like it');
    await page.getByText('No key matches').waitFor();
    await page.getByRole('searchbox').fill(short);
    await says(/^1–1 of 1$/);
    await page.getByRole('link', { name: 'Found by its key' }).waitFor();
  }));

test('what is wrong in the form is said at its field', () =>
  visit({}, async (page) => {
    await button(page, 'Create key').click();
    const dialog = dialogOf(page, 'Create a key');
    const send = () => button(dialog, 'Create key').click();
    const wrong = async (label, text) => {
      const field = dialog.getByLabel(label, { exact: true });
      await until(`error at ${label}`, async () =>
        await field.getAttribute('aria-invalid') === 'true');
      const ids = await field.getAttribute('aria-describedby');
      assert.match(await page.locator(`#${ids.split(' ')[0]}`).textContent(),
        text);
      assert.ok(await field.evaluate((it) => it === document.activeElement));
      return field;
    };

    await send();
    await (await wrong('Name', /Give the key a name/)).fill('Refused');
    await send();
    const field = await wrong('Claude token', /Paste the token/);
    assert.equal(await field.getAttribute('autocomplete'), 'off');
    assert.equal(await field.getAttribute('type'), 'password');
    await field.fill('sk-something');
    await send();
    await (await wrong('Claude token', /no Claude token/)).fill(token());
    await dialog.getByText('Limits').click();
    await dialog.getByLabel('Requests', { exact: true }).fill('0');
    await send();
    await (await wrong('Requests', /more than 0/)).fill('1,000');
    await dialog.getByLabel('Budget a day').fill('1.5.1');
    await send();
    await (await wrong('Budget a day', /12\.50/)).fill('$12.50');
    await dialog.getByLabel('Expires').fill('2020-01-01T00:00');
    await send();
    await (await wrong('Expires', /still to come/)).fill('');

    // what only the server knows
    await dialog.getByLabel('Addresses').fill('192.0.2.0/24\nnowhere');
    await send();
    await (await wrong('Addresses', /./)).fill('');
    await dialog.getByLabel('Name').fill('turned \u202Earound');
    await send();
    await wrong('Name', /./);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('searchbox').fill('Refused');
    await page.getByText('No key matches').waitFor();
  }));

test('a key is made, copied, used, and seen to be used', () =>
  visit({}, async (page) => {
    await button(page, 'Create key').click();
    const form = dialogOf(page, 'Create a key');
    await form.getByLabel('Name').fill('Life of a key');
    await form.getByLabel('Claude token', { exact: true }).fill(token());
    await form.getByText('Limits').click();
    await form.getByLabel('Tokens a day').fill('1,000');
    await form.getByLabel('Models').fill('sonnet\nhaiku');
    await button(form, 'Create key').click();

    const dialog = dialogOf(page, 'Save this key now');
    await button(dialog, 'Copy the command').click();
    await dialog.getByText('The command is copied.').waitFor();
    const line = await page.evaluate(() => navigator.clipboard.readText());
    await button(dialog, 'Copy the key').click();
    await dialog.getByText('The key is copied.').waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    const { key, curl } = await saved(page);
    assert.equal(copied, key);
    assert.equal(line, curl);
    assert.ok(!(await page.content()).includes(key), 'then it is gone');
    assert.ok(await page.evaluate((text) => ![...document.querySelectorAll(
      'input, textarea')].some((it) => it.value.includes(text)), key));

    const { status, body } = await shell(curl);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.object, 'chat.completion');

    await until('use in the list', async () => {
      await page.getByRole('searchbox').fill('Life of a ');
      await page.getByRole('searchbox').fill('Life of a key');
      await page.getByText('1–1 of 1').waitFor();
      return await page.locator('.col-lastUsed').getByText('just now')
        .count() > 0 && Number(await page.getByRole('meter')
        .getAttribute('aria-valuenow')) > 0;
    });
    assert.equal(await page.getByRole('meter').getAttribute('aria-valuemax'),
      '1000');
  }));

test('its page draws its use and tells its limits', () =>
  visit({}, async (page) => {
    await openKey(page, 'Life of a key');
    await page.getByRole('region', { name: 'Today' })
      .getByText('1 request').waitFor();
    assert.equal(await page.locator('.chart .day').count(), 30);
    await pick(page, '90 days');
    await until('90 days', async () =>
      await page.locator('.chart .day').count() === 90);
    await pick(page, 'Requests');
    const told = page.getByRole('img', { name: /^Requests by day, .*in all/ });
    await told.waitFor();

    await until('use of the day', async () => {
      await pick(page, '30 days');
      await pick(page, '90 days');
      await page.locator('.total').waitFor();
      return await page.locator('.chart .bar-shape').count() === 1;
    });
    await page.getByRole('img', { name: /: 1 in all/ }).waitFor();
    await page.getByText('Numbers by day').click();
    assert.equal(await page.locator('.plain tbody tr').count(), 1);
    await page.locator('.split').getByText('100%').waitFor();

    const file = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download as CSV' }).click();
    assert.equal((await file).suggestedFilename(), 'usage.csv');

    const limits = page.getByRole('region', { name: 'Limits' });
    await limits.getByText('1,000').waitFor();
    assert.deepEqual(await limits.getByRole('listitem').allTextContents(),
      ['sonnet', 'haiku']);
  }));

test('it is edited, disabled, enabled, and its token replaced', () =>
  visit({}, async (page) => {
    const { curl } = await create(page, 'Changing');
    await openKey(page, 'Changing');

    await button(page, 'Edit limits').click();
    const form = dialogOf(page, 'Edit key');
    await form.getByLabel('Name').fill('Changed');
    await form.getByLabel('Requests at once').fill('3');
    await form.getByLabel('Budget a month').fill('20.5');
    await button(form, 'Save changes').click();
    await page.getByRole('heading', { level: 1, name: 'Changed' }).waitFor();
    const limits = page.getByRole('region', { name: 'Limits' });
    await limits.getByText('$20.50').waitFor();
    assert.equal(await page.evaluate(() =>
      document.activeElement.textContent), 'Edit limits', 'focus goes back');

    // only what changed is sent
    await button(page, 'Edit limits').click();
    await form.getByLabel('Requests at once').fill('');
    const sent = page.waitForRequest((one) => one.method() === 'PATCH');
    await button(form, 'Save changes').click();
    assert.deepEqual((await sent).postDataJSON(),
      { concurrentRequests: null });
    await limits.getByText('Requests at once').waitFor({ state: 'detached' });

    await button(page, 'Disable').click();
    await button(dialogOf(page, 'Disable key?'), 'Disable key').click();
    await page.getByText('This key is disabled').waitFor();
    assert.equal((await shell(curl)).status, 401);
    await button(page, 'Enable').click();
    await button(page, 'Disable').waitFor();
    assert.equal((await shell(curl)).status, 200);

    await button(page, 'Replace token').click();
    const replace = dialogOf(page, 'Replace the Claude token');
    const other = token();
    await replace.getByLabel('Claude token', { exact: true }).fill(other);
    await button(replace, 'Replace token').click();
    await page.getByRole('region', { name: 'Details' })
      .getByText(other.slice(-4)).waitFor();
    assert.equal((await shell(curl)).status, 200);

    await button(page, 'Verify token').click();
    await page.getByText('The token works').waitFor();
  }));

test('it is rotated with and without grace, and deleted', () =>
  visit({}, async (page) => {
    const first = await create(page, 'Turning');
    await openKey(page, 'Turning');
    const rotate = async (grace) => {
      await button(page, 'Rotate').click();
      const dialog = dialogOf(page, 'Rotate key');
      await dialog.getByLabel('The old key').selectOption(grace);
      await button(dialog, 'Make a new key').click();
      return saved(page);
    };

    const second = await rotate('3600');
    assert.notEqual(second.key, first.key);
    await page.getByText('The old key works until').waitFor();
    assert.equal((await shell(first.curl)).status, 200);
    assert.equal((await shell(second.curl)).status, 200);

    const third = await rotate('0');
    await page.getByText('The old key works until')
      .waitFor({ state: 'detached' });
    assert.equal((await shell(second.curl)).status, 401);
    assert.equal((await shell(third.curl)).status, 200);

    const address = page.url();
    await button(page, 'Delete key').click();
    await button(dialogOf(page, 'Delete key?'), 'Delete key').click();
    await page.getByRole('heading', { name: 'API keys' }).waitFor();
    await page.getByText('Turning deleted').waitFor();
    assert.equal((await shell(third.curl)).status, 401);
    await page.goto(address);
    await page.getByText('This key is gone').waitFor();
  }));
