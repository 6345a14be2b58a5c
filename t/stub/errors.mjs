// Anthropic's error documents.

const TYPES = new Map([
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error'],
]);

/** An answer of the API that is an error. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status
   * @param {string} message
   * @param {string} [type] Anthropic's name, by default the status's own
   */
  constructor(status, message, type = errorType(status)) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

/**
 * @param {number} status
 * @returns {string} the error type that the API gives with this status
 */
export function errorType(status) {
  return TYPES.get(status)
    ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/**
 * @param {string} type
 * @returns {number} the status that the API gives with this error type
 */
export function errorStatus(type) {
  for (const [status, name] of TYPES) if (name === type) return status;
  return 500;
}

/**
 * @param {string} type
 * @param {string} message
 * @param {string} requestId
 * @returns {object} the error document
 */
export function errorDocument(type, message, requestId) {
  return { type: 'error', error: { type, message }, request_id: requestId };
}
