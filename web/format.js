// Numbers, sizes and times as people of a language write them. A figure that nobody knows is a dash.
import {locale, t} from './i18n.js';

export const DASH = '–';
const formats = new Map();

function format(kind, options) {
  const id = locale() + kind + JSON.stringify(options);
  let made = formats.get(id);
  if (made === undefined) {
    made = new Intl[kind](locale(), options);
    formats.set(id, made);
  }
  return made;
}

function isKnown(value) {
  return value !== null && value !== undefined && Number.isFinite(value);
}

/** With so many digits behind the point, so that figures that change do not jump; on an axis without needless ones. */
function decimal(value, digits, isAxis = false) {
  return format('NumberFormat', {maximumFractionDigits: digits, minimumFractionDigits: isAxis ? 0 : digits}).format(
    value,
  );
}

/** For the marks of an axis. */
export function onAxis(formatOf) {
  return (value) => (value === 0 ? '0' : formatOf(value, true));
}

export function count(value) {
  return isKnown(value) ? format('NumberFormat', {maximumFractionDigits: 0}).format(value) : DASH;
}

/** "12.3K", for where there is little room. */
export function compact(value) {
  if (!isKnown(value)) return DASH;
  return format('NumberFormat', {notation: 'compact', maximumFractionDigits: 1}).format(value);
}

/** [number, unit]; three digits are enough to read. */
function scaled(value, step, units, isAxis = false) {
  let at = 0;
  while (Math.abs(value) >= step * 0.9995 && at < units.length - 1) {
    value /= step;
    at++;
  }
  const digits = at === 0 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return [decimal(value, digits, isAxis), units[at]];
}

const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
const BITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];

const RATES = DECIMAL.map((unit) => `${unit}/s`);

/** Pairs for where the unit is set smaller. */
export const parts = {
  rate: (value, isAxis) => (isKnown(value) ? scaled(value, 1000, RATES, isAxis) : [DASH, '']),
  memory: (value, isAxis) => (isKnown(value) ? scaled(value, 1024, BINARY, isAxis) : [DASH, '']),
  count: (value) => [value >= 100_000 ? compact(value) : count(value), ''],
  perSecond: (value, isAxis) => (isKnown(value) ? [decimal(value, value < 10 ? 1 : 0, isAxis), '/s'] : [DASH, '']),
  percent: (value, isAxis) => (isKnown(value) ? [decimal(value, value < 10 ? 1 : 0, isAxis), '%'] : [DASH, '']),
  ratio: (value, isAxis) =>
    isKnown(value) ? [decimal(value * 100, value >= 0.9995 || value === 0 ? 0 : 1, isAxis), '%'] : [DASH, ''],
  milliseconds: (value, isAxis) => {
    if (!isKnown(value)) return [DASH, ''];
    if (value > 0 && value < 0.01) return ['< 0.01', 'ms'];
    if (value >= 10_000) return [decimal(value / 1000, 1, isAxis), 's'];
    return [decimal(value, value < 1 ? 2 : value < 100 ? 1 : 0, isAxis), 'ms'];
  },
};

const joined =
  (of) =>
  (value, isAxis = false) =>
    of(value, isAxis).join(' ').replace(' %', '%').replace(' /s', '/s').trim();
export const bytes = (value) => (isKnown(value) ? scaled(value, 1000, DECIMAL).join(' ') : DASH);
export const bits = (bytesPerSecond) =>
  isKnown(bytesPerSecond) ? scaled(bytesPerSecond * 8, 1000, BITS).join(' ') : DASH;
export const rate = joined(parts.rate);
export const memory = joined(parts.memory);
export const perSecond = joined(parts.perSecond);
export const percent = joined(parts.percent);
export const ratio = joined(parts.ratio);
export const milliseconds = joined(parts.milliseconds);

function unit(value, name) {
  return format('NumberFormat', {style: 'unit', unit: name, unitDisplay: 'narrow'}).format(value);
}

const STEPS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

/** The two largest units: "3d 4h". */
export function duration(seconds) {
  if (!isKnown(seconds)) return DASH;
  let left = Math.max(0, Math.round(seconds));
  const at = Math.max(
    0,
    STEPS.findIndex(([, size]) => left >= size),
  );
  const words = [];
  for (const [name, size] of left === 0 ? STEPS.slice(-1) : STEPS.slice(at, at + 2)) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n > 0 || words.length === 0) words.push(unit(n, name));
  }
  return words.join(' ');
}

let ahead = 0;

/** What time it is at the server, which tells all times by its own clock; this machine's may be another. */
export function setClock(unixSeconds) {
  const next = unixSeconds - Date.now() / 1000;
  if (Math.abs(next - ahead) > 2) ahead = next; // what is less is the way here
}

/** Unix seconds, by the server's clock. */
export function now() {
  return Date.now() / 1000 + ahead;
}

/** Of a moment in Unix seconds; 0 and null: never. */
export function ago(unixSeconds) {
  if (!isKnown(unixSeconds) || unixSeconds === 0) return t('never');
  return t('ago', {time: duration(Math.max(0, now() - unixSeconds))});
}

/** Of a moment in Unix seconds: "in 5m 3s", or "2h 1m ago". */
export function fromNow(unixSeconds) {
  const left = unixSeconds - now();
  return left > 0 ? t('in', {time: duration(left)}) : ago(unixSeconds);
}

export function clock(moment) {
  return format('DateTimeFormat', {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'}).format(
    moment,
  );
}

export function clockShort(moment) {
  return format('DateTimeFormat', {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'}).format(moment);
}

export function dateTime(moment) {
  return format('DateTimeFormat', {dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23'}).format(moment);
}
