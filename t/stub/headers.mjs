// The response headers of the real API.

/** Limits such as a small organisation has; none is really applied. */
const LIMITS = { requests: 4000, tokens: 2400000, 'input-tokens': 2000000,
  'output-tokens': 400000 };
const FIVE_HOURS = 5 * 3600;
const SEVEN_DAYS = 7 * 86400;

/**
 * @param {string} requestId
 * @param {'oauth' | 'api_key'} kind of credential
 * @param {object} directive `unified`, `reset` (seconds), `retry-after`,
 *   `retry-after-ms` and `should-retry`
 * @returns {object} headers
 */
export function apiHeaders(requestId, kind, directive) {
  const now = Math.floor(Date.now() / 1000);
  const headers = { 'request-id': requestId,
    'anthropic-organization-id': '00000000-0000-4000-8000-000000000000' };
  if (kind === 'api_key') Object.assign(headers, plainLimits(now));
  const unified = directive.unified ?? (kind === 'oauth' ? 'allowed' : 'none');
  if (unified !== 'none') {
    Object.assign(headers, unifiedLimits(now, unified, directive));
  }
  for (const key of ['retry-after', 'retry-after-ms']) {
    if (directive[key] !== undefined) headers[key] = directive[key];
  }
  if (directive['should-retry'] !== undefined) {
    headers['x-should-retry'] = directive['should-retry'];
  }
  return headers;
}

function plainLimits(now) {
  const reset = new Date((now + 1) * 1000).toISOString().replace('.000', '');
  const headers = {};
  for (const [name, limit] of Object.entries(LIMITS)) {
    headers[`anthropic-ratelimit-${name}-limit`] = String(limit);
    headers[`anthropic-ratelimit-${name}-remaining`] = String(limit - 1);
    headers[`anthropic-ratelimit-${name}-reset`] = reset;
  }
  return headers;
}

function unifiedLimits(now, unified, { reset = FIVE_HOURS }) {
  const used = { allowed: '0.1', allowed_warning: '0.9' }[unified] ?? '1';
  const prefix = 'anthropic-ratelimit-unified';
  return {
    [`${prefix}-status`]: unified,
    [`${prefix}-reset`]: String(now + reset),
    [`${prefix}-representative-claim`]: 'five_hour',
    [`${prefix}-5h-status`]: unified,
    [`${prefix}-5h-reset`]: String(now + reset),
    [`${prefix}-5h-utilization`]: used,
    [`${prefix}-7d-status`]: 'allowed',
    [`${prefix}-7d-reset`]: String(now + SEVEN_DAYS),
    [`${prefix}-7d-utilization`]: '0.1',
    [`${prefix}-overage-status`]: 'rejected',
    [`${prefix}-fallback-percentage`]: '0.5',
  };
}
