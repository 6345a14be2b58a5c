// Holds answers against an OpenAPI 3.1 document:
//
//   node openapi.mjs DOCUMENT SAMPLES
//
// SAMPLES is an array of {method, path, status, headers, body, sent}, where
// path is one of the document's, such as /api/keys/{id}, and body and sent are
// text.  Prints a line a fault, and last the answers of the document that no
// sample is of.

import { readFileSync } from 'node:fs';

import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

const [document, samples] = process.argv.slice(2, 4)
  .map((name) => JSON.parse(readFileSync(name, 'utf8')));
const { components } = document;

const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
formats.default(ajv);

/** Schemas refer to each other as the document's do. */
function local(schema) {
  return JSON.parse(JSON.stringify(schema)
    .replaceAll('"#/components/schemas/', '"#/$defs/'));
}

function check(schema, value) {
  const test = ajv.compile({ ...local(schema), $defs: local(
    components.schemas) });
  return test(value) ? [] : test.errors.map((e) =>
    `${e.instancePath || 'the body'} ${e.message} `
    + JSON.stringify(e.params));
}

function resolve(object) {
  if (!object?.$ref) return object;
  const found = object.$ref.slice(2).split('/')
    .reduce((o, name) => o?.[name], document);
  if (!found) throw new Error(`nothing at ${object.$ref}`);
  return resolve(found);
}

function checkContent(content, type, text, what) {
  const media = content?.[(type ?? '').split(';')[0]];
  if (!media) {
    return content || text ? [`${what} of type ${type}`] : [];
  }
  if (!/json/.test(type)) return check(media.schema, text);
  try {
    return check(media.schema, JSON.parse(text));
  } catch {
    return [`${what} that is no JSON`];
  }
}

function checkSample({ method, path, status, headers, body, sent }) {
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (!operation) return ['no such operation'];
  const response = resolve(operation.responses[status]);
  if (!response) return ['no such answer'];
  const faults = checkContent(response.content, headers['content-type'],
    body, 'a body');
  for (const [name, header] of Object.entries(response.headers ?? {})) {
    const { required, schema } = resolve(header);
    const value = headers[name.toLowerCase()];
    if (value !== undefined) {
      faults.push(...check(schema, value).map((e) => `${name}: ${e}`));
    } else if (required) {
      faults.push(`${name} is missing`);
    }
  }
  if (status < 300 && operation.requestBody && sent) {
    faults.push(...checkContent(operation.requestBody.content,
      'application/json', sent, 'taken: a body'));
  }
  return faults;
}

const seen = new Set();
for (const sample of samples) {
  const name = `${sample.method} ${sample.path} ${sample.status}`;
  seen.add(name);
  for (const fault of checkSample(sample)) console.log(`${name}: ${fault}`);
}

for (const [path, item] of Object.entries(document.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    for (const status of Object.keys(operation.responses ?? {})) {
      const name = `${method.toUpperCase()} ${path} ${status}`;
      if (!seen.has(name)) console.log(`unseen: ${name}`);
    }
  }
}
