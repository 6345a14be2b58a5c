/** Too many wrong passwords; after this nobody signs in from here. */

import assert from 'node:assert/strict';
import test from 'node:test';

import { visit } from './support.mjs';

test('who guesses passwords is told how long to wait', () =>
  visit({ own: true }, async (inside) => {
    await visit({ signedIn: false }, async (page) => {
      const field = page.getByLabel('Password', { exact: true });
      const problem = page.getByRole('alert').filter({ hasText: /./ });
      for (let i = 0; ; i++) {
        assert.ok(i < 6, 'the fifth wrong password is one too many');
        const answer = page.waitForResponse(/api\/login$/);
        await field.fill(`guess ${i}`);
        await page.keyboard.press('Enter');
        await problem.waitFor();
        if ((await answer).status() === 429) break;
      }
      await page.getByText(/Too many wrong tries\. Wait \d+ minutes/)
        .waitFor();
    });
    await inside.getByRole('link', { name: 'Events' }).click();
    await inside.getByText('Too many wrong passwords').first().waitFor();
  }));
