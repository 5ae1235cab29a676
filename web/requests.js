// Requests: those that were denied and why, replays, keys, the latest ones; and the gate walked for any request.
import * as f from './format.js';
import {get} from './api.js';
import {h, setText, show, shown} from './dom.js';
import {t} from './i18n.js';
import {listCard} from './lists.js';
import {badge, card, choice} from './pieces.js';
import {param, setParams} from './place.js';
import {poll} from './poll.js';
import {actionColumn, twoLines} from './table.js';
import {askWhy, kindOf, reasonOf, showWhy} from './why.js';

/** moved: a total of the feed that grows when the log does. */
const LOGS = {
  denied: {path: 'api/access-logs/denied', moved: (totals) => totals.denied},
  recent: {path: 'api/access-logs/recent', moved: (totals) => totals.recent},
  replays: {path: 'api/replay-logs', moved: (totals) => totals.replays},
  keys: {path: 'api/key-access-logs', moved: (totals) => totals.keys},
};
const EVERY = 1_500;

function verdictColumn() {
  return {
    id: 'verdict',
    label: t('requests.verdict'),
    wide: true,
    sort: (row) => row.outcome,
    make: () => {
      const sign = badge();
      const reason = h('div', {class: 'sub'});
      return {
        nodes: [sign.element, reason],
        fill(row) {
          sign.set(kindOf(row), `${row.status} ${row.outcome}`);
          setText(reason, reasonOf(row));
        },
      };
    },
  };
}

function columns() {
  const number = (id, text, sort) => ({id, label: t(`requests.${id}`), numeric: true, hide: 'narrow', text, sort});
  return [
    {
      id: 'time',
      label: t('requests.time'),
      sort: (row) => row.time,
      make: twoLines(
        (row) => f.clock(new Date(row.time)),
        () => '',
        (row) => f.dateTime(new Date(row.time)),
      ),
    },
    verdictColumn(),
    {
      id: 'path',
      label: t('requests.path'),
      wide: true,
      sort: (row) => row.path,
      make: twoLines(
        (row) => shown(row.path),
        (row) => `${row.method} · ${t(`class.${row.class}`)}`,
        (row) => shown(row.path, 2048),
      ),
    },
    {
      id: 'uid',
      label: t('uid'),
      sort: (row) => row.uid,
      make: twoLines(
        (row) => shown(row.uid, 40) || t('unknown'),
        () => '',
        (row) => shown(row.uid, 200),
      ),
    },
    {
      id: 'client',
      label: t('requests.client'),
      sort: (row) => row.client_ip,
      make: twoLines(
        (row) => row.client_ip,
        (row) => shown(row.user_agent, 48),
        (row) => shown(row.user_agent, 1024),
      ),
    },
    number(
      'bytes',
      (row) => f.bytes(row.bytes),
      (row) => row.bytes,
    ),
    number(
      'took',
      (row) => f.milliseconds(row.duration_ms),
      (row) => row.duration_ms,
    ),
    actionColumn('act', t('action'), t('why'), showWhy, {
      labelOf: (row) => t('why.label', {path: shown(row.path, 60)}),
    }),
  ];
}

function textOf(row) {
  return [row.path, row.uid, row.client_ip, row.user_agent, row.outcome, row.reason, row.class, row.status].join('\n');
}

/** How many ended how, since the start, and what they were refused for. */
function summaryCard() {
  const frame = card(t('summary'), {note: t('summary.note')});
  const figures = Object.entries({served: 'good', denied: 'bad', refused: 'warn', failed: 'bad'}).map(([id, kind]) => {
    const number = h('dd', {}, f.DASH);
    return [id, number, h('div', {class: `sum ${kind}`, 'data-sum': id}, h('dt', {}, t(`result.${id}`)), number)];
  });
  const reasons = h('ol', {class: 'reasons'});
  frame.body.append(
    h(
      'dl',
      {class: 'sums'},
      figures.map(([, , node]) => node),
    ),
    h('h3', {}, t('summary.reasons')),
    reasons,
  );
  frame.element.dataset.card = 'summary';
  return {
    element: frame.element,
    update(summary) {
      for (const [id, number] of figures) setText(number, f.count(summary.results[id]));
      reasons.replaceChildren(
        ...summary.top_reasons.map((row) =>
          h(
            'li',
            {},
            h('span', {class: 'reason-count'}, f.count(row.count)),
            h('span', {}, h('code', {}, row.outcome), ' ', h('span', {class: 'sub'}, reasonOf(row))),
          ),
        ),
      );
      if (summary.top_reasons.length === 0) reasons.append(h('li', {class: 'sub'}, t('summary.none')));
    },
  };
}

function askCard() {
  const frame = card(t('ask'), {note: t('ask.note')});
  frame.body.append(askWhy());
  frame.element.dataset.card = 'ask';
  return frame.element;
}

/** A choice that is on or off, and that the URL keeps. */
function switchOf(name, label, onChange) {
  const input = h('input', {
    type: 'checkbox',
    name,
    checked: param(name) === '1',
    onchange() {
      setParams({[name]: input.checked ? '1' : ''});
      onChange();
    },
  });
  return {element: h('label', {class: 'check-box'}, input, h('span', {}, label)), isOn: () => input.checked};
}

/** The logs: one is open at a time. */
function logsCard() {
  let which = param('log') in LOGS ? param('log') : 'denied';
  let rows = null;
  let asking = null;
  const list = listCard({
    title: t('logs'),
    caption: t('requests'),
    class: 'clickable',
    columns: columns(),
    key: (row) => [row.time, row.client_ip, row.method, row.path, row.outcome, row.uid].join('\n'),
    sort: {by: 'time', order: 'desc'},
    onRow: showWhy,
    filterLabel: t('requests.filter'),
    textOf,
    empty: () => ({
      sign: which === 'recent' ? 'none' : 'good',
      title: t(`log.${which}.none`),
      text: t(`log.${which}.none.text`),
    }),
    sum: () => t(`log.${which}.note`),
  });
  const withApi = switchOf('api', t('requests.api'), () => draw());
  const tabs = choice(
    t('logs'),
    Object.keys(LOGS).map((id) => [id, t(`log.${id}`)]),
    which,
    (id) => {
      which = id;
      setParams({log: id === 'denied' ? '' : id});
      open();
    },
  );
  list.aside.prepend(withApi.element, tabs.element);

  function draw() {
    if (rows === null) return;
    list.show(which !== 'recent' || withApi.isOn() ? rows : rows.filter((row) => row.class !== 'api'));
  }

  function open() {
    asking?.stop();
    rows = null;
    list.show([]);
    list.table.resort();
    list.table.loading();
    show(withApi.element, which === 'recent');
    asking = poll({
      load: () => get(LOGS[which].path),
      every: EVERY,
      ifMoved: ({totals}) => LOGS[which].moved(totals),
      failed: (error) => list.table.fail(error, () => asking.again()),
      done(answer) {
        rows = answer.logs;
        draw();
      },
    });
  }

  open();
  return {element: list.element, destroy: () => asking.stop()};
}

export function requests(root) {
  const logs = logsCard();
  const summary = summaryCard();
  root.append(logs.element, h('div', {class: 'cards'}, askCard(), summary.element));
  const asking = poll({
    load: () => get('api/access-logs/summary'),
    every: EVERY * 2,
    ifMoved: ({totals}) => totals.recent,
    failed: () => {},
    done: summary.update,
  });
  return {
    destroy() {
      logs.destroy();
      asking.stop();
    },
  };
}
