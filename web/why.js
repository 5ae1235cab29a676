// Why: each check of the gate with its inputs and its verdict, for a request of a log, or for any that one asks about.
import * as f from './format.js';
import {get} from './api.js';
import {checksList} from './checks.js';
import {h, setText, show, shown} from './dom.js';
import {field, modal} from './dialogs.js';
import {t, tOr} from './i18n.js';
import {badge, facts} from './pieces.js';

/** By status: what was answered, refused, or could not be. */
export function kindOf({status}) {
  if (status < 400) return 'good';
  if (status === 401 || status === 403) return 'bad';
  return status < 500 && status !== 499 ? 'warn' : 'bad';
}

export function reasonOf({outcome, reason}) {
  return tOr(`outcome.${outcome}`, reason);
}

/** The verdict above, the checks below. */
function verdict({outcome, status, reason, checks}) {
  const sign = badge(kindOf({status}), `${status} ${outcome}`);
  const text = reasonOf({outcome, reason});
  return h(
    'div',
    {class: 'verdict'},
    h('div', {class: 'verdict-head'}, sign.element, h('p', {class: 'verdict-reason'}, text)),
    checks.length > 0 ? checksList(checks, text) : h('p', {class: 'note'}, t('why.no_checks')),
  );
}

/** A form that walks the gate for any URL, address and User-Agent; nothing is spent by asking. */
export function askWhy({url = '', ip = '', ua = ''} = {}) {
  const fields = [
    field(
      t('ask.url'),
      'url',
      {required: true, value: url, placeholder: '/video/2026-11-22/movie1/index.m3u8?uid=…'},
      t('ask.url.hint'),
    ),
    field(t('ask.ip'), 'ip', {required: true, value: ip, placeholder: '203.0.113.7'}),
    field(t('ask.ua'), 'ua', {value: ua}),
  ];
  const [urlField, ipField, uaField] = fields.map((each) => each.input);
  const error = h('p', {class: 'form-error', role: 'alert', hidden: true});
  const answer = h('div', {class: 'ask-answer', 'aria-live': 'polite'});
  const go = h('button', {type: 'submit', class: 'button primary'}, h('span', {}, t('ask.go')));
  const form = h(
    'form',
    {class: 'ask'},
    h(
      'div',
      {class: 'ask-fields'},
      fields.map((each) => each.element),
    ),
    error,
    h('div', {class: 'buttons'}, go),
    answer,
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    go.disabled = true;
    show(error, false);
    try {
      const query = {url: urlField.value.trim(), ip: ipField.value.trim(), ...(uaField.value && {ua: uaField.value})};
      const said = await get('debug/explain', query);
      answer.replaceChildren(verdict(said));
    } catch (failure) {
      setText(error, failure.status === 0 ? t('error.nobody') : failure.message);
      show(error, true);
    } finally {
      go.disabled = false;
    }
  });
  return form;
}

const FACTS = ['time', 'path', 'client_ip', 'user_agent', 'uid', 'class', 'bytes', 'took'];

/** The drawer of one request of a log. */
export function showWhy(row) {
  const {body} = modal(t('why.title'), 'drawer');
  const list = facts(FACTS.map((id) => [id, t(`fact.${id}`)]));
  const values = {
    time: f.dateTime(new Date(row.time)),
    path: `${row.method} ${shown(row.path, 2048)}`,
    client_ip: row.client_ip,
    user_agent: shown(row.user_agent, 1024) || f.DASH,
    uid: shown(row.uid) || t('unknown'),
    class: t(`class.${row.class}`),
    bytes: f.bytes(row.bytes),
    took: f.milliseconds(row.duration_ms),
  };
  for (const id of FACTS) list.set(id, values[id]);
  const again = h(
    'details',
    {class: 'again'},
    h('summary', {}, t('why.again')),
    h('p', {class: 'note'}, t('why.again.note')),
    askWhy({url: row.path, ip: row.client_ip, ua: row.user_agent}),
  );
  body.append(verdict(row), h('h3', {}, t('why.request')), list.element, again);
}
