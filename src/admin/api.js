/** The admin API, as docs/admin-api.md has it. */

/** What the API, or the way to it, refused. */
export class ApiError extends Error {
  constructor(status, { message, code, param } = {}, retryAfter = 0) {
    super(message ?? 'The gateway gave an answer that makes no sense.');
    this.status = status;
    this.code = code ?? null;
    this.param = param ?? null;
    this.retryAfter = retryAfter;
  }
}

let signInAgain = async () => false;

/** @param {() => Promise<boolean>} ask gets the person a new session */
export function onSessionEnd(ask) {
  signInAgain = ask;
}

/**
 * One call. What only reads is repeated by itself when the session had ended
 * and the person has signed in again; a change never is: the person sends it
 * once more.
 *
 * @returns {Promise<object|null>} the document; null where there is none
 * @throws {ApiError}
 */
export async function call(method, path, body) {
  for (;;) {
    try {
      return await once(method, path, body);
    } catch (error) {
      if (error.code !== 'not_signed_in') throw error;
      const signedIn = await signInAgain();
      if (signedIn && method === 'GET') continue;
      error.message = signedIn
        ? 'You are signed in again and nothing is lost. Send it once more.'
        : 'Your session has ended. Sign in to go on.';
      throw error;
    }
  }
}

/** The same without a person to ask. */
export async function once(method, path, body = {}) {
  // what changes something is JSON, even where there is nothing to say
  const change = method !== 'GET';
  let response;
  try {
    response = await fetch(`api/${path}`, {
      method,
      headers: change ? { 'Content-Type': 'application/json' } : {},
      body: change ? JSON.stringify(body) : undefined,
      credentials: 'same-origin',
      cache: 'no-store',
      redirect: 'error',
    });
  } catch {
    throw new ApiError(0, { message: 'The gateway can’t be reached. '
      + 'Check your connection and try again.' });
  }
  const document = await read(response);
  if (response.ok) return document;
  throw new ApiError(response.status,
    explain(response, document?.error, change && !HARMLESS.test(path)),
    Number(response.headers.get('Retry-After')) || 0);
}

async function read(response) {
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch {
    return null;
  }
}

const PLAIN = {
  key_not_found: 'This key is gone. Somebody may have deleted it.',
  session_not_found: 'That session has already ended.',
  https_required: 'The admin works over HTTPS only.',
};

/** What changes no key and no other session, whatever becomes of it. */
const HARMLESS = /^log(?:in|out)$|\/verify$/;
/** What the gateway says where it has changed nothing. */
const UNTOUCHED = ['store_unavailable', 'keystore_full', 'server_busy'];

function explain(response, error, change) {
  if (error && PLAIN[error.code]) {
    return { ...error, message: PLAIN[error.code] };
  }
  const message = error?.message
    ?? `The gateway answered with status ${response.status}.`;
  if (response.status < 500 || !change) return { ...error, message };
  return { ...error, message: `${message} ${UNTOUCHED.includes(error?.code)
    ? 'Nothing was changed.'
    : 'It may have been changed all the same: look before you send it again.'
  }` };
}

/** A path with a query, of what is not empty. */
export function query(path, params) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== '' && value !== null && value !== undefined) {
      search.set(name, value);
    }
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}
