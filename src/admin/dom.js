/** Elements. What comes from outside only ever becomes text. */

const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {string} tag
 * @param {object} [props] attributes; `onclick` and the like are listeners;
 *   `value`, `checked` and the like are properties; null and false are none
 * @param {...(Node|string|number|null|false|Array)} children
 */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same in SVG. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

const PROPERTIES = new Set(['value', 'checked', 'indeterminate']);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) {
      element.addEventListener(name.slice(2), value);
    } else if (PROPERTIES.has(name)) {
      element[name] = value;
    } else {
      element.setAttribute(name, value === true ? '' : String(value));
    }
  }
  append(element, children);
  return element;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** Puts these in place of all that element holds. */
export function put(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

let last = 0;

/** An id that no other element has. */
export function unique(prefix) {
  return `${prefix}-${++last}`;
}

/**
 * A name that people gave, kept apart from the text around it: one with a
 * right-to-left override must not turn what follows it around.
 */
export function named(text, className) {
  return h('bdi', { class: className ?? 'name' }, text);
}

const ICONS = {
  search: ['M11 11l3.5 3.5', 'M7 2.5a4.5 4.5 0 100 9 4.5 4.5 0 000-9z'],
  plus: ['M8 3v10M3 8h10'],
  back: ['M9.5 3.5L5 8l4.5 4.5'],
  next: ['M6.5 3.5L11 8l-4.5 4.5'],
  copy: ['M5.5 5.5h8v8h-8z', 'M10.5 5.5v-3h-8v8h3'],
  done: ['M3 8.5l3.5 3.5L13 4.5'],
  close: ['M4 4l8 8M12 4l-8 8'],
  eye: ['M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z',
    'M8 6a2 2 0 100 4 2 2 0 000-4z'],
  up: ['M8 12.5v-9M4.5 7L8 3.5 11.5 7'],
  down: ['M8 3.5v9M4.5 9L8 12.5 11.5 9'],
  warn: ['M8 2.5l6 11H2z', 'M8 6.5v3.2M8 11.6v.2'],
  info: ['M8 2a6 6 0 100 12A6 6 0 008 2z', 'M8 7.5v3.5M8 5v.2'],
  key: ['M5.5 5a3 3 0 100 6 3 3 0 000-6z', 'M8.5 8h6M11.5 8v2.5M14.5 8v2'],
  pause: ['M5.5 3.5v9M10.5 3.5v9'],
  play: ['M5 3.5l7 4.5-7 4.5z'],
};

/** A small picture beside a word; it says nothing that the word doesn't. */
export function icon(name) {
  return s('svg', { class: 'icon', viewBox: '0 0 16 16',
    'aria-hidden': 'true' }, ICONS[name].map((d) => s('path', { d })));
}
