// make bench: everything that has a figure to reach, each row of the table
// from a file of its own under rows/, compared with what it says there.  Ends
// non-zero when a ratio falls short; the same goes to build/bench.json.
//
//   node bench.mjs [NAME ...]       those rows only

import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, root } from './rig.mjs';

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {string} value     the figures, for people
 * @property {string} [than]    what it is compared with
 * @property {number} [ratio]
 * @property {number} [atLeast] the target, of the ratio
 * @property {number} [atMost]
 */

function passes({ ratio, atLeast, atMost }) {
  if (atLeast === undefined && atMost === undefined) return undefined;
  return ratio >= (atLeast ?? -Infinity) && ratio <= (atMost ?? Infinity);
}

function print(row) {
  const target = row.atLeast !== undefined ? `>= ${row.atLeast}`
    : row.atMost !== undefined ? `<= ${row.atMost}` : '';
  const verdict = { true: 'pass', false: 'FAIL' }[passes(row)] ?? '';
  console.log([
    row.what.padEnd(44), (row.than ?? '').padEnd(38),
    (row.ratio?.toFixed(2) ?? '').padStart(6), target.padStart(8),
    verdict.padEnd(4), row.value].join('  ').trimEnd());
}

const known = readdirSync(join(root, 't/bench/rows'))
  .map((file) => file.replace(/\.mjs$/, '')).sort();
const names = process.argv.length > 2 ? process.argv.slice(2) : known;
const all = [];
let failed = 0;

for (const name of names) {
  if (!known.includes(name)) {
    console.error(`no rows "${name}"; there are: ${known.join(', ')}`);
    process.exit(2);
  }
}

for (const name of names) {
  let rows;
  try {
    rows = await (await import(`./rows/${name}.mjs`)).rows();
  } catch (error) {
    rows = [{ what: name, value: `not measured: ${error.message}` }];
    failed++;
  }

  for (const row of rows) {
    print(row);
    if (passes(row) === false) failed++;
    all.push({ name, ...row, pass: passes(row) });
  }
}

mkdirSync(build, { recursive: true });
writeFileSync(join(build, 'bench.json'), JSON.stringify(all, null, 2));
process.exitCode = failed ? 1 : 0;
