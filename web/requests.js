// Requests: those that were denied and why, replays, keys, the latest ones; and the gate walked for any request.
import * as f from './format.js';
import {get} from './api.js';
import {h, setText, show, shown} from './dom.js';
import {t} from './i18n.js';
import {badge, card, choice, searchField} from './pieces.js';
import {param, setParams} from './place.js';
import {poll} from './poll.js';
import {Table, actionColumn, twoLines} from './table.js';
import {wordsOf} from './transfers.js';
import {askWhy, kindOf, reasonOf, showWhy} from './why.js';

/** moved: a total of the feed that grows when the log does. */
const LOGS = {
  denied: {path: 'api/access-logs/denied', moved: (totals) => totals.denied},
  recent: {path: 'api/access-logs/recent', moved: (totals) => totals.requests},
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

function matches(row, words) {
  const text =
    `${row.path}\n${row.uid}\n${row.client_ip}\n${row.user_agent}\n${row.outcome}\n${row.reason}\n${row.class}\n${row.status}`.toLowerCase();
  return words.every((word) => text.includes(word));
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

export function requests(root) {
  let filter = param('q');
  let which = param('log') in LOGS ? param('log') : 'denied';
  let withApi = param('api') === '1';
  let rows = null;
  let asking = null;
  const table = new Table({
    caption: t('requests'),
    class: 'clickable',
    columns: columns(),
    key: (row) => [row.time, row.client_ip, row.method, row.path, row.outcome, row.uid].join('\n'),
    sort: {by: 'time', order: 'desc'},
    onRow: showWhy,
    empty: () =>
      filter
        ? {sign: 'search', title: t('nothing.found'), text: t('nothing.found.text')}
        : {
            sign: which === 'recent' ? 'none' : 'good',
            title: t(`log.${which}.none`),
            text: t(`log.${which}.none.text`),
          },
  });
  const tabs = choice(
    t('logs'),
    Object.keys(LOGS).map((id) => [id, t(`log.${id}`)]),
    which,
    (id) => {
      which = id;
      rows = null;
      setParams({log: id === 'denied' ? '' : id});
      open();
    },
  );
  const search = searchField(t('requests.filter'), filter, (text) => {
    filter = text;
    setParams({q: text});
    draw(true);
  });
  const api = h('input', {
    type: 'checkbox',
    name: 'api',
    checked: withApi,
    onchange() {
      withApi = api.checked;
      setParams({api: withApi ? '1' : ''});
      draw(true);
    },
  });
  const apiBox = h('label', {class: 'check-box'}, api, h('span', {}, t('requests.api')));
  const frame = card(t('logs'), {wide: true});
  const note = h('p', {class: 'note'});
  frame.element.querySelector('.card-titles').append(note);
  frame.aside.append(apiBox, tabs.element, search.element);
  frame.body.append(table.element);
  const summary = summaryCard();
  root.append(frame.element, h('div', {class: 'cards'}, askCard(), summary.element));

  function draw(isNew = false) {
    if (rows === null) return;
    const words = wordsOf(filter);
    const isShown = (row) => (which !== 'recent' || withApi || row.class !== 'api') && matches(row, words);
    if (isNew) table.resort();
    table.update(rows.filter(isShown));
  }

  function open() {
    asking?.stop();
    table.update([]);
    table.loading();
    show(apiBox, which === 'recent');
    setText(note, t(`log.${which}.note`));
    asking = poll({
      load: () => get(LOGS[which].path),
      every: EVERY,
      ifMoved: ({totals}) => LOGS[which].moved(totals),
      failed: (error) => table.fail(error, () => asking.again()),
      done(answer) {
        const isFirst = rows === null;
        rows = answer.logs;
        draw(isFirst);
      },
    });
  }

  open();
  const sums = poll({
    load: () => get('api/access-logs/summary'),
    every: EVERY * 2,
    ifMoved: ({totals}) => totals.requests,
    failed: () => {},
    done: summary.update,
  });
  return {
    destroy() {
      asking.stop();
      sums.stop();
    },
  };
}
