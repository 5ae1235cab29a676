// Languages: a dictionary each, with the same keys. The browser's choice, or the one made by hand.
import checksEn from './checks_en.js';
import checksZh from './checks_zh.js';
import en from './en.js';
import outcomes from './outcomes_zh.js';
import zh from './zh.js';

const DICTIONARIES = {en: {...en, ...checksEn}, zh: {...zh, ...checksZh, ...outcomes}};
const KEPT = 'hlsgate.language';
export const LANGUAGES = {en: 'English', zh: '中文'};

export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function keep(key, value) {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // No storage: it lasts as long as the page does.
  }
}

function preferred() {
  const byHand = kept(KEPT);
  if (byHand in DICTIONARIES) return byHand;
  for (const tag of navigator.languages) {
    const language = tag.toLowerCase().split('-')[0];
    if (language in DICTIONARIES) return language;
  }
  return 'en';
}

let current = preferred();
let plurals = new Intl.PluralRules(current);

export function language() {
  return current;
}

/** For Intl: the region's own habits where the browser names one of this language. */
export function locale() {
  return navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === current) ?? current;
}

export function setLanguage(next) {
  current = next;
  plurals = new Intl.PluralRules(next);
  keep(KEPT, next);
  document.documentElement.lang = next === 'zh' ? 'zh-Hans' : next;
}

/** The text of a key, with {names} filled in; a text of several forms is chosen by `n`. */
export function t(key, values = {}) {
  let text = DICTIONARIES[current][key];
  if (text === undefined) return key;
  if (typeof text === 'object') text = text[plurals.select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

/** Of a word that the server may know and this page may not, or `otherwise`. */
export function tOr(key, otherwise) {
  return DICTIONARIES[current][key] ?? otherwise;
}

document.documentElement.lang = current === 'zh' ? 'zh-Hans' : current;
