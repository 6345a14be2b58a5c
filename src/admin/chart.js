/** Use by day as bars; the same numbers stand in a table beside it. */

import { s } from './dom.js';
import { day } from './format.js';

const HEIGHT = 220;
const EDGE = { top: 12, right: 4, bottom: 26 };
const LETTER = 7.2;             // px that a digit of the axis takes at most

/**
 * @param {number} width in px
 * @param {Array<{day: string, value: number}>} days
 * @param {object} options
 * @param {(n: number) => string} options.format
 * @param {boolean} options.counts whole things, not parts of them
 * @param {string} options.label the chart in one sentence
 * @param {(index: number|null) => void} options.point where the pointer is
 */
export function chart(width, days, { format, counts, label, point }) {
  const top = ceiling(Math.max(...days.map((one) => one.value), 0), counts);
  const marks = [0, 0.5, 1].map((part) => ({ value: top * part,
    text: format(top * part) }));
  const left = 14 + LETTER * Math.max(...marks.map(({ text }) => text.length));
  const inner = { width: Math.max(width - left - EDGE.right, 1),
    height: HEIGHT - EDGE.top - EDGE.bottom };
  const step = inner.width / days.length;
  const y = (value) => EDGE.top + inner.height * (1 - value / top);

  const svg = s('svg', { class: 'chart', role: 'img', 'aria-label': label,
    width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}` },
  marks.map(({ value, text }) => [
    s('line', { class: value === 0 ? 'axis' : 'grid', x1: left,
      x2: width - EDGE.right, y1: y(value), y2: y(value) }),
    s('text', { class: 'tick', x: left - 10, y: y(value) + 4,
      'text-anchor': 'end' }, text),
  ]),
  days.map((one, i) => bar(left + step * i, step, y(one.value), y(0),
    one.value)),
  ticks(days, width, left, step));

  if (point) watch(svg, days.length, left, step, point);
  return svg;
}

function bar(x, step, top, base, value) {
  const gap = Math.min(step * 0.28, 6);
  const tall = value > 0 ? Math.max(base - top, 2) : 0;
  const wide = Math.max(step - gap, 1);
  const round = Math.min(wide / 2, 3, tall);
  const left = x + gap / 2;
  return s('g', { class: 'day' },
    s('rect', { class: 'hit', x, y: EDGE.top, width: step,
      height: base - EDGE.top }),
    tall > 0 && s('path', { class: 'bar-shape', d:
      `M${left} ${base}V${base - tall + round}`
      + `q0 ${-round} ${round} ${-round}h${wide - 2 * round}`
      + `q${round} 0 ${round} ${round}V${base}z` }));
}

/** A date under every so manieth bar, the last one always. */
function ticks(days, width, left, step) {
  const every = Math.max(1, Math.ceil(64 / step));
  return days.map((one, i) => {
    const back = days.length - 1 - i;
    if (back % every !== 0) return null;
    const x = left + step * (i + 0.5);
    const end = x > width - 24;
    if (x < left + 10) return null;
    return s('text', { class: 'tick', x: end ? width - EDGE.right : x,
      y: HEIGHT - 6, 'text-anchor': end ? 'end' : 'middle' }, day(one.day));
  });
}

function watch(svg, n, left, step, point) {
  let last = null;
  const mark = (index) => {
    if (index === last) return;
    const bars = svg.querySelectorAll('.day');
    bars[last]?.classList.remove('on');
    bars[index]?.classList.add('on');
    last = index;
    point(index);
  };
  svg.addEventListener('pointermove', (event) => {
    const x = event.clientX - svg.getBoundingClientRect().left - left;
    const index = Math.floor(x / step);
    mark(index >= 0 && index < n ? index : null);
  });
  svg.addEventListener('pointerleave', () => mark(null));
}

/** The next round number above the largest value, even where it counts. */
function ceiling(max, counts) {
  if (max <= 0) return counts ? 2 : 1;
  const size = 10 ** Math.floor(Math.log10(max));
  return [1, 1.6, 2, 3, 4, 6, 8, 10, 20].map((n) => n * size)
    .find((n) => n >= max && (!counts || n % 2 === 0));
}
