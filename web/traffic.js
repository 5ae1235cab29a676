// Metering: what each user was delivered and is not reported yet, and how the reports go.
import * as f from './format.js';
import {get} from './api.js';
import {h, setText, show, shown} from './dom.js';
import {t} from './i18n.js';
import {listCard} from './lists.js';
import {badge, card, facts} from './pieces.js';
import {poll} from './poll.js';
import {twoLines} from './table.js';

const CLASSES = ['segment', 'playlist', 'key', 'static', 'other'];
const EVERY = 5_000;

/** A bar of the classes' parts; in words, beside it. */
function classesColumn() {
  return {
    id: 'classes',
    label: t('traffic.classes'),
    wide: true,
    make: () => {
      const fills = CLASSES.map((name) => h('span', {class: `part class-${name}`}));
      const text = h('div', {class: 'sub'});
      return {
        nodes: [h('div', {class: 'parts', 'aria-hidden': 'true'}, fills), text],
        fill(row) {
          CLASSES.forEach((name, at) => {
            fills[at].style.flexGrow = String(row.bytes[name] ?? 0);
            show(fills[at], row.bytes[name] > 0);
          });
          setText(
            text,
            CLASSES.filter((name) => row.bytes[name] > 0)
              .map((name) => `${t(`class.${name}`)} ${f.bytes(row.bytes[name])}`)
              .join(' · '),
          );
        },
      };
    },
  };
}

/** Past a limit, distinct ones are estimated. */
function about(n, isEstimated) {
  return `${isEstimated ? '≈ ' : ''}${f.count(n)}`;
}

function columns() {
  const number = (id, text, sort) => ({id, label: t(`traffic.${id}`), numeric: true, text, sort});
  return [
    {
      id: 'uid',
      label: t('uid'),
      sort: (row) => row.uid,
      make: twoLines(
        (row) => shown(row.uid, 60) || t('unknown'),
        (row) => t('traffic.since', {time: f.ago(row.start_time)}),
      ),
    },
    number(
      'total',
      (row) => f.bytes(row.total_bytes),
      (row) => row.total_bytes,
    ),
    classesColumn(),
    number(
      'requests',
      (row) => f.count(row.request_count),
      (row) => row.request_count,
    ),
    number(
      'ips',
      (row) => about(row.unique_ips, row.unique_ips_estimated),
      (row) => row.unique_ips,
    ),
    number(
      'sessions',
      (row) => about(row.unique_sessions, row.unique_sessions_estimated),
      (row) => row.unique_sessions,
    ),
    number(
      'last',
      (row) => f.ago(row.last_activity),
      (row) => row.last_activity,
    ),
  ];
}

/** How the sending of reports goes: [kind, word]. */
function reportsState(reports) {
  if (!reports.is_sending) return ['quiet', t('reports.off')];
  if (reports.is_held) return ['bad', t('reports.held')];
  if (reports.last_error !== '') return ['bad', t('reports.failing')];
  return reports.is_leader ? ['good', t('reports.leading')] : ['good', t('reports.other')];
}

function reportsCard() {
  const frame = card(t('reports'), {note: t('reports.note')});
  const state = badge();
  const list = facts(
    ['waiting', 'acknowledged', 'sent', 'failed', 'last_sent', 'last_failed', 'last_error'].map((id) => [
      id,
      t(`reports.${id}`),
    ]),
  );
  list.element.classList.add('many');
  frame.aside.append(state.element);
  frame.body.append(list.element);
  frame.element.dataset.card = 'reports';
  return {
    element: frame.element,
    update(reports) {
      state.set(...reportsState(reports));
      for (const id of ['waiting', 'acknowledged']) if (id in reports) list.set(id, f.count(reports[id]));
      for (const id of ['sent', 'failed']) list.set(id, f.count(reports[id]));
      for (const id of ['last_sent', 'last_failed']) list.set(id, f.ago(reports[id]));
      list.set('last_error', shown(reports.last_error, 300));
      list.show('last_error', reports.last_error !== '');
    },
  };
}

export function traffic() {
  let answer = null;
  const reports = reportsCard();
  const list = listCard({
    title: t('traffic'),
    caption: t('traffic'),
    columns: columns(),
    key: (row) => row.uid,
    sort: {by: 'total', order: 'desc'},
    filterLabel: t('traffic.filter'),
    textOf: (row) => row.uid,
    empty: () => ({title: t('traffic.none'), text: t('traffic.none.text')}),
    sum() {
      const {uids, total_bytes: total, total_requests: requests, is_partial: isPartial} = answer;
      const figures = {n: uids, users: f.count(uids), bytes: f.bytes(total), requests: f.count(requests)};
      return t('traffic.sum', figures) + (isPartial ? ` ${t('traffic.partial')}` : '');
    },
  });
  list.element.dataset.card = 'traffic';
  const asking = poll({
    load: () => get('traffic', {limit: 1000}),
    every: EVERY,
    failed: (error) => list.table.fail(error, () => asking.again()),
    done(next) {
      answer = next;
      list.show(answer.top);
      reports.update(answer.reports);
    },
  });
  return {
    element: h(
      'section',
      {'aria-label': t('metering')},
      h('div', {class: 'section-head'}, h('h2', {}, t('metering'))),
      reports.element,
      list.element,
    ),
    update(snapshot) {
      if (answer !== null && snapshot.reports) reports.update({...answer.reports, ...snapshot.reports});
    },
    destroy: () => asking.stop(),
  };
}
