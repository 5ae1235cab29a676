// The feed: one snapshot a second from /events. The browser reconnects by itself; here is only seen how old the figures are,
// and what to do where it has given up.
import {resume, urlOf} from './api.js';
import {Signal} from './dom.js';
import {setClock} from './format.js';

const OLD_AFTER = 4_000; // without a snapshot, the figures on the screen are called old
const DEAD_AFTER = 20_000; // a connection that is silent for so long is not one
const RETRY = 2_000;
const REST_AFTER = 5_000; // out of sight for so long, the feed is shut: see rest()

export const snapshots = new Signal();
/** 'waiting' (for the first one, or nobody looks), 'live' or 'lost'. */
export const states = new Signal();

let source = null;
let state = 'waiting';
let last = null;
let lastAt = 0;
let openedAt = 0;
let awaitedAt = 0; // since when somebody waits for figures
let watch = 0;
let isResting = false;
let restTimer = 0;

export function latest() {
  return last;
}

export function feedState() {
  return state;
}

/** When the figures on the screen came, ms. */
export function receivedAt() {
  return lastAt;
}

function become(next) {
  if (state === next) return;
  state = next;
  states.tell(next);
}

const NOTHING = {
  now: {},
  totals: {},
  warnings: [],
  origins: [],
  store: {},
  audience: null,
  reports: null,
  instances: null,
  transfers: {total: 0, bytes_per_second: 0, transfers: []},
};

/** With something in every place; what is not known yet is null within, which all formats show as a dash. */
function whole(snapshot) {
  const known = Object.entries(snapshot).filter(([, value]) => value !== null);
  return {...NOTHING, ...Object.fromEntries(known)};
}

function onSnapshot(event) {
  last = whole(JSON.parse(event.data));
  lastAt = Date.now();
  setClock(last.at);
  become('live');
  snapshots.tell(last);
}

/** Closed for good: an answer that was no stream. Is it the session, or something on the way? */
async function reopen() {
  close();
  try {
    if ((await resume()) === null) return;
  } catch {
    // Nobody answers; later, then.
  }
  if (source === null && watch !== 0) setTimeout(() => watch !== 0 && open(), RETRY);
}

/** Not lost yet: the feed ends with each reload of the configuration, and is there again two seconds later. */
function onError() {
  if (source !== null && source.readyState === EventSource.CLOSED) reopen();
}

function close() {
  if (source !== null) source.close();
  source = null;
}

function open() {
  close();
  if (isResting) return;
  openedAt = Date.now();
  source = new EventSource(urlOf('events'));
  source.addEventListener('snapshot', onSnapshot);
  source.addEventListener('error', onError);
}

/** Over HTTP/1.1 a browser has six connections to a server for all its windows together: six of this page would be the last. */
function rest() {
  isResting = true;
  close();
  if (state === 'live') become('waiting');
}

function onSight() {
  clearTimeout(restTimer);
  if (watch === 0) return;
  if (document.hidden) {
    restTimer = setTimeout(rest, REST_AFTER);
  } else if (isResting) {
    isResting = false;
    awaitedAt = Date.now();
    open();
  }
}

function look() {
  const now = Date.now();
  if (isResting) return;
  if (state !== 'lost' && now - Math.max(lastAt, awaitedAt) > OLD_AFTER) become('lost');
  if (source !== null && now - Math.max(lastAt, openedAt) > DEAD_AFTER) open();
}

export function startFeed() {
  stopFeed();
  watch = setInterval(look, 1_000);
  awaitedAt = Date.now();
  open();
  onSight();
}

export function stopFeed() {
  clearInterval(watch);
  clearTimeout(restTimer);
  watch = 0;
  isResting = false;
  close();
}

document.addEventListener('visibilitychange', onSight);
