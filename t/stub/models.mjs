// The models the stub knows, and the documents of GET /v1/models.

const MILLION = 1000000;

function model(id, name, created, output, input = 200000) {
  return { id, name, created, output, input };
}

const MODELS = [
  model('claude-fable-5-2', 'Claude Fable 5.2', '2026-09-01', 128000, MILLION),
  model('claude-opus-5-5', 'Claude Opus 5.5', '2026-08-01', 128000, MILLION),
  model('claude-sonnet-5-5', 'Claude Sonnet 5.5', '2026-07-01', 128000,
    MILLION),
  model('claude-haiku-5-5', 'Claude Haiku 5.5', '2026-06-01', 128000, MILLION),
  model('claude-haiku-4-5-20251001', 'Claude Haiku 4.5', '2025-10-01', 64000),
  model('claude-sonnet-4-5-20250929', 'Claude Sonnet 4.5', '2025-09-29',
    64000),
  model('claude-opus-4-1-20250805', 'Claude Opus 4.1', '2025-08-05', 32000),
  model('claude-3-5-sonnet-20241022', 'Claude Sonnet 3.5', '2024-10-22', 8192),
  model('claude-3-haiku-20240307', 'Claude Haiku 3', '2024-03-07', 4096),
];

const BY_ID = new Map();
for (const m of MODELS) {
  BY_ID.set(m.id, m);
  BY_ID.set(m.id.replace(/-20\d{6}$/, ''), m);
}

/**
 * @param {string} id an id, with or without its date
 * @returns {{id: string, output: number, input: number} | undefined} the
 *   model with its limits in tokens
 */
export function findModel(id) {
  return BY_ID.get(id);
}

function toDocument({ id, name, created, output, input }) {
  return {
    type: 'model', id, display_name: name,
    created_at: `${created}T00:00:00Z`,
    max_input_tokens: input, max_tokens: output,
  };
}

/**
 * @param {string} id
 * @returns {object | undefined} the document of GET /v1/models/{id}
 */
export function modelDocument(id) {
  const found = findModel(id);
  return found && toDocument(found);
}

/**
 * @param {URLSearchParams} query `limit`, `after_id` and `before_id`
 * @returns {object} the document of GET /v1/models
 */
export function modelList(query) {
  const limit = Math.max(1, Number(query.get('limit')) || 20);
  const at = (key) => MODELS.findIndex((m) => m.id === query.get(key));
  const end = query.has('before_id') ? at('before_id') : MODELS.length;
  const start = query.has('before_id')
    ? Math.max(0, end - limit) : at('after_id') + 1;
  const page = MODELS.slice(start, Math.min(end, start + limit));
  return {
    data: page.map(toDocument),
    has_more: start + page.length < end,
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
  };
}
