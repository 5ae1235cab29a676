// Where on the page one is: view and filters, in the URL's hash ("#/access?tab=grants&q=u1"), so that a reload and a
// link come back to it. No secret ever stands there.
import {Signal} from './dom.js';

export const VIEWS = ['overview', 'transfers', 'audience', 'access', 'requests'];
export const moved = new Signal();

function parse() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  return {view: VIEWS.includes(path) ? path : VIEWS[0], params: new URLSearchParams(query)};
}

export function view() {
  return parse().view;
}

export function param(name, otherwise = '') {
  return parse().params.get(name) ?? otherwise;
}

export function hrefOf(name, params = {}) {
  const query = new URLSearchParams(params).toString();
  return `#/${name}${query ? `?${query}` : ''}`;
}

/** In place, without a step in the browser's history; '' takes it out. */
export function setParams(changes) {
  const {view: name, params} = parse();
  for (const [key, value] of Object.entries(changes)) {
    if (value === '' || value === null) params.delete(key);
    else params.set(key, value);
  }
  history.replaceState(null, '', hrefOf(name, params));
}

addEventListener('hashchange', () => moved.tell(view()));
