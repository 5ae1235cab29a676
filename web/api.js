// The API, asked with the cookie of this page's session. Whoever calls gets JSON or an ApiError.
import {Signal} from './dom.js';

// This file is …/monitor/api.js; the API lies beside /monitor, maybe below a prefix of a proxy's.
const ROOT = new URL('..', import.meta.url);
const PATIENCE = 15_000;

/** Told whether it was by hand. */
export const signedOut = new Signal();
let account = null;

/** {name, scope, csrf, expires_at} of who is signed in, or null. */
export function who() {
  return account;
}

export function mayAct() {
  return account !== null && account.scope !== 'viewer';
}

export class ApiError extends Error {
  /** `status`: HTTP's; 0: nobody answered. */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export function urlOf(path, query = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

function optionsOf(method, body) {
  const options = {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    headers: {Accept: 'application/json'},
    signal: AbortSignal.timeout(PATIENCE),
  };
  if (method !== 'GET' && account !== null) options.headers['X-CSRF-Token'] = account.csrf;
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  return options;
}

async function answerOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

async function ask(method, path, {query, body} = {}) {
  let response;
  try {
    response = await fetch(urlOf(path, query), optionsOf(method, body));
  } catch (error) {
    throw new ApiError(0, error.message);
  }
  const answer = await answerOf(response);
  if (!response.ok) throw new ApiError(response.status, answer.error ?? response.statusText);
  return answer;
}

/** As ask(), but a session that has ended sends to the login. */
async function askSignedIn(method, path, options) {
  try {
    return await ask(method, path, options);
  } catch (error) {
    if (error.status === 401) leave();
    throw error;
  }
}

export const get = (path, query) => askSignedIn('GET', path, {query});
export const post = (path, body) => askSignedIn('POST', path, {body});
export const remove = (path, body) => askSignedIn('DELETE', path, {body});

/** The session there is, or null. Fails only where nobody answers. */
export async function resume() {
  try {
    account = await ask('GET', 'monitor/session');
  } catch (error) {
    if (error.status !== 401 && error.status !== 403) throw error;
    leave();
  }
  return account;
}

/** The key was right, but the cookie did not come back: not allowed, or one of HTTPS of the same host stands in its way. */
export class CookieError extends Error {}

export async function login(key) {
  await ask('POST', 'monitor/login', {body: {key}});
  try {
    account = await ask('GET', 'monitor/session');
  } catch (error) {
    throw error.status === 401 ? new CookieError() : error;
  }
  return account;
}

export async function logout() {
  await ask('POST', 'monitor/logout', {body: {}}).catch(() => {});
  leave(true);
}

/** Nobody is signed in any more. */
export function leave(byHand = false) {
  if (account === null) return;
  account = null;
  signedOut.tell(byHand);
}
