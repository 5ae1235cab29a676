// Figures over time, in columns as /api/history gives them: the last five minutes always, with a point of each snapshot
// added, and the range that the charts show.
import {get} from './api.js';
import {Signal} from './dom.js';

export const RANGES = {'5m': 300, '1h': 3_600, '24h': 86_400};
export const CLASSES = ['segment', 'playlist', 'key', 'static', 'other', 'api'];
const MOST = 300;

export const changed = new Signal();

const PLAIN = [
  'viewers',
  'sessions',
  'bytes_per_second',
  'denied_per_second',
  'failed_per_second',
  'hit_ratio',
  'connections',
  'memory_bytes',
  'cpu_percent',
  'store_latency_ms',
];
const NESTED = {requests_per_second: CLASSES, first_byte_ms: ['p50', 'p95', 'p99']};
export const COLUMNS = [
  ...PLAIN,
  ...Object.entries(NESTED).flatMap(([name, of]) => of.map((each) => `${name}.${each}`)),
];

function emptyColumns() {
  return Object.fromEntries(['at', ...COLUMNS].map((name) => [name, []]));
}

const kept = {'5m': emptyColumns()};
let range = '5m';

function flattened(answer) {
  const columns = emptyColumns();
  columns.at = answer.at;
  for (const name of PLAIN) columns[name] = answer[name] ?? [];
  for (const [name, of] of Object.entries(NESTED)) {
    for (const each of of) columns[`${name}.${each}`] = answer[name]?.[each] ?? [];
  }
  return columns;
}

function pointOf(snapshot) {
  const {now, store} = snapshot;
  const point = {
    ...now,
    at: snapshot.at,
    connections: now.connections?.total ?? null,
    hit_ratio: now.cache?.hit_ratio ?? null,
    store_latency_ms: store?.latency_ms ?? null,
  };
  for (const [name, of] of Object.entries(NESTED)) {
    for (const each of of) point[`${name}.${each}`] = now[name]?.[each] ?? null;
  }
  return point;
}

function shift(columns) {
  for (const column of Object.values(columns)) column.shift();
}

/**
 * One more second. A gap (a lost connection) stays one: a point of nothing parts what was from what is. Where the clock of the
 * server was put back, what was drawn begins anew: the server tells all of it by the clock as it is now.
 */
export function append(snapshot) {
  const at = snapshot.at;
  if (at < (kept['5m'].at.at(-1) ?? 0) - 2) beginAnew();
  const columns = kept['5m'];
  const last = columns.at.at(-1) ?? 0;
  if (at - last < 0.5) return;
  if (last > 0 && at - last > 5) push(columns, {at: last + 1});
  push(columns, pointOf(snapshot));
  while (columns.at.length > MOST || columns.at[0] < at - RANGES['5m']) shift(columns);
  changed.tell('5m');
}

function beginAnew() {
  kept['5m'] = emptyColumns();
  load('5m').catch(() => {}); // then by the next asking
}

function push(columns, point) {
  for (const [name, column] of Object.entries(columns)) column.push(point[name] ?? null);
}

export async function load(which) {
  const answer = await get('api/history', {range: which});
  kept[which] = flattened(answer);
  changed.tell(which);
}

/** How long until a new point may be there, ms; the five minutes grow by themselves. */
export function loadEvery(which) {
  return {'5m': 60_000, '1h': 12_000, '24h': 60_000}[which];
}

export function columnsOf(which) {
  return kept[which] ?? null;
}

export function chosen() {
  return range;
}

export function choose(which) {
  range = which in RANGES ? which : '5m';
}

/** What viewers ask for, all classes together: without the API, which pages like this one ask many things at once. */
export function viewersRequests(columns) {
  return columns.at.map((_, at) => {
    const parts = CLASSES.filter((name) => name !== 'api').map((name) => columns[`requests_per_second.${name}`][at]).filter(
      (n) => n !== null && n !== undefined,
    );
    return parts.length === 0 ? null : parts.reduce((sum, n) => sum + n, 0);
  });
}
