/**
 * Turns a JSON Schema into one that the API can bind an answer to. It takes a
 * part of the language only, as Anthropic's SDKs know, after whose rules this
 * is made: objects are closed; of strings the common formats, of arrays
 * minItems 0 and 1; no bounds, patterns or recursion. What is left out goes
 * into the description, for the model to read, and is checked afterwards.
 */

const FORMATS = ['date-time', 'time', 'date', 'duration', 'email', 'hostname',
  'uri', 'ipv4', 'ipv6', 'uuid'];
const KEPT = ['title', 'description', 'default'];
const SILENT = ['$schema', '$id', '$comment'];
const SCALARS = ['string', 'number', 'integer', 'boolean', 'null'];
const DEFINITIONS = ['$defs', 'definitions'];

class Unbindable extends Error {}

/**
 * @param {object} schema nested not too deep
 * @returns {object|null} the schema itself where the API takes it as it is;
 *   null if it can't be bound to anything like it
 */
export function narrow(schema) {
  const state = { root: schema, changed: false };
  try {
    refuseRecursion(schema, schema, new Set(), new Set());
    const narrowed = convert(schema, state);
    return state.changed ? narrowed : schema;
  } catch (error) {
    if (error instanceof Unbindable) return null;
    throw error;
  }
}

/** References lead somewhere in the schema, and not back. */
function refuseRecursion(schema, root, open, sound) {
  if (typeof schema !== 'object' || schema === null || sound.has(schema)) {
    return;
  }
  if (open.has(schema)) throw new Unbindable();
  open.add(schema);
  for (const [name, inner] of Object.entries(schema)) {
    if (name === 'enum' || name === 'const' || name === 'default') continue;
    refuseRecursion(inner, root, open, sound);
  }
  if (typeof schema.$ref === 'string') {
    const target = resolve(schema.$ref, root);
    if (target === undefined) throw new Unbindable();
    refuseRecursion(target, root, open, sound);
  }
  open.delete(schema);
  sound.add(schema);
}

/**
 * @param {string} ref such as `#/$defs/name`
 * @param {object} root
 * @returns {unknown} undefined when there is no such place
 */
export function resolve(ref, root) {
  if (!ref.startsWith('#')) return undefined;
  let place = root;
  for (const part of ref.slice(1).split('/').slice(1)) {
    const name = unescape(part);
    if (typeof place !== 'object' || place === null
        || !Object.hasOwn(place, name)) return undefined;
    place = place[name];
  }
  return place;
}

function unescape(part) {
  let name = part;
  try {
    name = decodeURIComponent(part);
  } catch {
    // it is no URI's then
  }
  return name.replaceAll('~1', '/').replaceAll('~0', '~');
}

function convert(schema, state) {
  if (typeof schema !== 'object' || schema === null) throw new Unbindable();
  const own = {};
  const left = { ...schema };
  take(left, own, KEPT);
  for (const name of DEFINITIONS) {
    if (left[name] !== undefined) own[name] = each(left[name], state);
    delete left[name];
  }
  if (typeof schema.$ref === 'string') {
    own.$ref = schema.$ref;
    delete left.$ref;
  } else if (!literals(left, own)) {
    shape(left, own, state);
  }
  return describe(left, own, state);
}

function take(left, own, names) {
  for (const name of names) {
    if (left[name] === undefined) continue;
    own[name] = left[name];
    delete left[name];
  }
}

function each(schemas, state) {
  return Object.fromEntries(Object.entries(schemas ?? {})
    .map(([name, schema]) => [name, convert(schema, state)]));
}

function literals(left, own) {
  const isPlain = (value) => value === null || typeof value !== 'object';
  if ('const' in left) {
    if (!isPlain(left.const)) throw new Unbindable();
    take(left, own, ['const', 'type']);
    return true;
  }
  if (!Array.isArray(left.enum)) return false;
  if (left.enum.length === 0 || !left.enum.every(isPlain)) {
    throw new Unbindable();
  }
  take(left, own, ['enum', 'type']);
  return true;
}

function shape(left, own, state) {
  const choices = ['anyOf', 'oneOf'].find((name) => Array.isArray(left[name]));
  const { type } = left;
  if (type === undefined && choices !== undefined) {
    own.anyOf = left[choices].map((choice) => convert(choice, state));
    if (choices === 'anyOf') delete left.anyOf;
    return;
  }
  if (type === undefined && left.allOf?.length === 1) {
    own.allOf = [convert(left.allOf[0], state)];
    delete left.allOf;
    return;
  }
  if (Array.isArray(type) && !type.every((t) => SCALARS.includes(t))) {
    state.changed = true;
    own.anyOf = type.map((one) => convert(
      { ...(SCALARS.includes(one) ? {} : left), type: one }, state));
    for (const name of Object.keys(left)) delete left[name];
    return;
  }
  take(left, own, ['type']);
  if (type === 'object') object(left, own, state);
  else if (type === 'array') array(left, own, state);
  else if (type === 'string' && FORMATS.includes(left.format)) {
    take(left, own, ['format']);
  } else if (!Array.isArray(type) && !SCALARS.includes(type)) {
    throw new Unbindable();
  }
}

function object(left, own, state) {
  const { properties = {}, additionalProperties: others } = left;
  const isMap = typeof others === 'object' || left.patternProperties;
  const isFree = others !== false && Object.keys(properties).length === 0;
  if (isMap || isFree) throw new Unbindable();
  if (others !== false) state.changed = true;
  own.properties = each(properties, state);
  own.additionalProperties = false;
  take(left, own, ['required']);
  delete left.properties;
  delete left.additionalProperties;
}

function array(left, own, state) {
  if (left.items !== undefined) own.items = convert(left.items, state);
  delete left.items;
  if (left.minItems === 0 || left.minItems === 1) {
    take(left, own, ['minItems']);
  }
}

function describe(left, own, state) {
  for (const name of SILENT) {
    if (left[name] !== undefined) state.changed = true;
    delete left[name];
  }
  const rest = Object.entries(left).map(([name, value]) =>
    `${name}: ${JSON.stringify(value)}`).join(', ');
  if (rest === '') return own;
  state.changed = true;
  const said = typeof own.description === 'string'
    ? `${own.description}\n\n` : '';
  return { ...own, description: `${said}{${rest}}` };
}
