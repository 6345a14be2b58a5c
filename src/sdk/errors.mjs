/** Errors in Anthropic's shape, and how the SDK's failures map to them. */

const TYPES = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  501: 'not_supported_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

const MESSAGES = {
  401: 'the credential was refused by the API',
  402: 'the account of the credential has a billing problem',
  403: 'the credential has no permission for this request',
  404: 'the model was not found',
  413: 'the request is too large for the API',
  429: 'the rate limit of the credential is reached',
  500: 'the API had an internal error',
  504: 'the API did not answer in time',
  529: 'the API is overloaded',
};

/** The SDK's error codes that come without an HTTP status. */
const CODES = {
  authentication_failed: 401,
  billing_error: 402,
  oauth_org_not_allowed: 403,
  account_on_hold: 403,
  verification_required: 403,
  model_not_found: 404,
  invalid_request: 400,
  rate_limit: 429,
  overloaded: 529,
};

const MOST_TEXT = 500;

/** A failure that a client sees: a status, or an SSE error event. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status
   * @param {string} message for the client; no secrets
   * @param {Record<string, string>} [headers] more response headers
   * @param {string} [type] where the status has not one of its own
   */
  constructor(status, message, headers = {}, type = TYPES[status]) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.type = type ?? 'api_error';
    this.headers = headers;
  }

  /**
   * @param {string} [requestId]
   * @returns {object} Anthropic's error document
   */
  toBody(requestId) {
    const body = {
      type: 'error',
      error: { type: this.type, message: this.message },
    };
    if (requestId !== undefined) body.request_id = requestId;
    return body;
  }
}

/**
 * @param {string} field the field's path in the body
 * @param {string} problem what is wrong with it
 * @returns {ApiError} a 400
 */
export function invalid(field, problem) {
  return new ApiError(400, `${field}: ${problem}`);
}

/**
 * @param {string} message
 * @param {number} [seconds] when to come again
 * @returns {ApiError} a 529 with Retry-After
 */
export function overloaded(message, seconds = 2) {
  const error = new ApiError(529, message, { 'retry-after': String(seconds) });
  error.isPools = true;
  return error;
}

/**
 * An error that the SDK reported.
 *
 * @param {object} failure
 * @param {number|null} [failure.status] the API's HTTP status
 * @param {string} [failure.code] the SDK's error code
 * @param {string} [failure.text] the SDK's text
 * @param {number} [failure.resetsAt] end of the rate limit, epoch seconds
 * @returns {ApiError}
 */
export function fromSdk({ status, code, text = '', resetsAt }) {
  const mapped = statusOf(status, code, text);
  const headers = {};
  let message = MESSAGES[mapped] ?? 'the API could not be reached or its '
    + 'answer broke off';
  if (mapped === 400) message = apiText(text);
  if (mapped === 429 && resetsAt > 0) {
    const wait = Math.ceil(resetsAt - Date.now() / 1000);
    headers['retry-after'] = String(Math.max(1, wait));
    headers['anthropic-ratelimit-unified-reset'] = String(resetsAt);
    message += `; it resets at ${new Date(resetsAt * 1000).toISOString()}`;
  }
  return new ApiError(mapped, message, headers);
}

function statusOf(status, code, text) {
  if (status in TYPES || status === 500) return status;
  if (status >= 400 && status < 500) return 400;
  if (status >= 500) return 502;
  if (code in CODES) return CODES[code];
  if (/^Prompt is too long/.test(text)) return 400;
  if (/timed out/i.test(text)) return 504;
  if (/run \/login/i.test(text)) return 401;
  return 502;
}

/** The API's own words in a text such as `API Error: 400 max_tokens: …`. */
function apiText(text) {
  const own = text.replace(/^.*?API Error: (?:4\d\d )?/s, '');
  const cut = redact(own).slice(0, MOST_TEXT);
  return cut || 'the API refused the request';
}

/**
 * @param {string} text
 * @returns {string} the text with everything that looks like a key blotted
 */
export function redact(text) {
  return text.replace(/sk-[\w-]{4,}/g, 'sk-…');
}
