// Makes a value that a JSON Schema allows, for answers that have to fit one.

const DEEPEST = 8;
const FORMATS = {
  'date-time': '2026-01-01T00:00:00Z', date: '2026-01-01', time: '00:00:00Z',
  email: 'stub@example.com', uri: 'https://example.com/', ipv4: '127.0.0.1',
  uuid: '00000000-0000-4000-8000-000000000000', hostname: 'example.com',
};

/**
 * Knows const, enum, $ref, anyOf, oneOf, allOf, types, required, and the
 * least that bounds ask for; not pattern.
 *
 * @param {unknown} schema
 * @returns {unknown} always the same for one schema
 */
export function sample(schema) {
  return make(schema, { root: schema, depth: 0 });
}

function make(schema, at) {
  if (typeof schema !== 'object' || schema === null) return null;
  const { root, depth } = at;
  if (depth > DEEPEST) return null;
  const inner = { root, depth: depth + 1 };
  if ('const' in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if (typeof schema.$ref === 'string') {
    return make(resolve(schema.$ref, root), inner);
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return make(easiest(choices, depth), inner);
  if (Array.isArray(schema.allOf)) {
    return make(Object.assign({}, ...schema.allOf), inner);
  }
  return makers[typeOf(schema)]?.(schema, inner) ?? null;
}

const makers = {
  object: makeObject,
  array: ({ items, minItems = 1 }, at) => Array.from(
    { length: at.depth > DEEPEST / 2 ? Math.min(minItems, 1) : minItems },
    () => make(items ?? {}, at)),
  string: ({ format, minLength = 0, maxLength = Infinity }) => (
    FORMATS[format] ?? 'stub').padEnd(minLength, '.').slice(0, maxLength),
  integer: (bounds) => Math.ceil(least(bounds)),
  number: least,
  boolean: () => true,
  null: () => null,
};

function makeObject({ properties = {}, required = [] }, at) {
  const names = Object.keys(properties)
    .filter((name) => at.depth <= DEEPEST / 2 || required.includes(name));
  return Object.fromEntries(
    names.map((name) => [name, make(properties[name], at)]));
}

function least({ minimum, exclusiveMinimum, maximum = Infinity,
  multipleOf = 1 }) {
  if (exclusiveMinimum !== undefined) return exclusiveMinimum + multipleOf;
  return minimum ?? Math.min(multipleOf, maximum);
}

function typeOf({ type, properties, items }) {
  if (Array.isArray(type)) return type[0];
  return type ?? (properties ? 'object' : items ? 'array' : 'string');
}

/** In the depth the choice that ends there. */
function easiest(choices, depth) {
  if (depth <= DEEPEST / 2) return choices[0];
  return choices.find(({ type }) => type === 'null') ?? choices[0];
}

function resolve(ref, root) {
  return ref.replace(/^#\/?/, '').split('/').filter(Boolean)
    .map((part) => decodeURIComponent(part)
      .replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((value, part) => value?.[part], root);
}
