// What each check of the gate said: its name, its verdict in colour and word, and what it judged by.
import * as f from './format.js';
import {h, shown} from './dom.js';
import {t, tOr} from './i18n.js';

// What comes of a check that is none of these is neither good nor bad by itself.
const GOOD = ['ok', 'listed', 'matches', 'lives', 'begins', 'would_begin', 'allows', 'takes_own_place'];
const BAD = [
  ...['refused', 'failed', 'expired', 'malformed', 'bad_signature', 'out_of_scope', 'revoked', 'other_streams'],
  ...['too_fast', 'refuses', 'other_viewer', 'used_up', 'used_up_by_browser', 'no_answer', 'out_of_reach', 'timed_out'],
  ...['bad_answer', 'full', 'too_long', 'not_found', 'forbidden', 'too_large', 'broke_off', 'unknown', 'forged'],
];

/** Only what decided is bad for the request; the others had their say, and it went on. */
function kindOf({verdict, decisive}) {
  if (decisive) return 'bad';
  if (BAD.includes(verdict)) return 'warn';
  return GOOD.includes(verdict) ? 'good' : 'quiet';
}

const wordOf = (set) => (value) => tOr(`${set}.${value}`, shown(value));
const moment = (value) => `${f.dateTime(new Date(value * 1000))} · ${f.fromNow(value)}`;

const FORMATS = {
  class: wordOf('class'),
  checks: (list) => list.map(wordOf('check')).join(' · ') || t('why.asks_nothing'),
  expires: moment,
  ends_at: moment,
  streams: f.count,
  max_streams: f.count,
  use_count: f.count,
  kind: wordOf('word'),
  on_store_failure: wordOf('word'),
};

function inputsList(inputs) {
  return h(
    'dl',
    {class: 'inputs'},
    Object.entries(inputs).flatMap(([name, value]) => [
      h('dt', {}, tOr(`input.${name}`, name)),
      h('dd', {}, FORMATS[name]?.(value) ?? shown(String(value))),
    ]),
  );
}

/** The decisive one says how the request ended by it. */
function item(each, reason) {
  const kind = kindOf(each);
  return h(
    'li',
    {class: `check ${kind}`, 'data-check': each.check},
    h(
      'div',
      {class: 'check-head'},
      h('span', {class: 'check-name'}, tOr(`check.${each.check}`, each.check)),
      h('span', {class: `check-verdict ${kind}`}, tOr(`verdict.${each.verdict}`, each.verdict)),
      each.decisive && h('span', {class: 'check-flag'}, t('why.here')),
    ),
    each.decisive && h('p', {class: 'check-reason'}, reason),
    Object.keys(each.inputs).length > 0 && inputsList(each.inputs),
  );
}

export function checksList(checks, reason) {
  return h(
    'ol',
    {class: 'checks'},
    checks.map((each) => item(each, reason)),
  );
}
