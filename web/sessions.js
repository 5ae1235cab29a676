// Sessions: who watches; one can be ended, or all of a user.
import * as f from './format.js';
import {mayAct, remove} from './api.js';
import {h, setText, shown} from './dom.js';
import {askHowFar, notice} from './dialogs.js';
import {t} from './i18n.js';
import {listed} from './lists.js';
import {card, searchField} from './pieces.js';
import {param, setParams} from './place.js';
import {poll} from './poll.js';
import {Table, actionColumn, twoLines} from './table.js';

const EVERY = 3_000;

function askToEnd(row, done) {
  const user = shown(row.uid, 60) || t('unknown');
  askHowFar({
    title: t('sessions.end.title'),
    lead: t('sessions.end.lead', {uid: user, stream: shown(row.stream_key, 60), ip: row.client_ip}),
    options: [['one', t('sessions.end.one')], ...(row.uid === '' ? [] : [['all', t('sessions.end.all', {uid: user})]])],
    note: t('sessions.end.note'),
    confirm: t('sessions.end'),
    async act(howFar) {
      const answer = await remove(
        'api/sessions',
        howFar === 'all' ? {uid: row.uid} : {session: row.session, ...(row.uid && {uid: row.uid})},
      );
      notice(
        t('sessions.ended', {n: answer.sessions_ended, count: f.count(answer.sessions_ended)}),
        answer.sessions_ended > 0 ? 'good' : 'warn',
      );
      done();
    },
  });
}

function columns(onEnd) {
  const number = (id, text, sort, more = {}) => ({id, label: t(`sessions.${id}`), numeric: true, text, sort, ...more});
  const columns = [
    {
      id: 'uid',
      label: t('uid'),
      sort: (row) => row.uid,
      make: twoLines(
        (row) => shown(row.uid, 60) || t('unknown'),
        () => '',
      ),
    },
    {id: 'stream', label: t('stream'), sort: (row) => row.stream_key, text: (row) => shown(row.stream_key, 60)},
    {
      id: 'client',
      label: t('sessions.client'),
      sort: (row) => row.client_ip,
      make: twoLines(
        (row) => row.client_ip,
        (row) => t('ua_hash', {hash: row.ua_hash}),
      ),
    },
    number(
      'started',
      (row) => f.ago(row.started_at),
      (row) => row.started_at,
    ),
    number(
      'idle',
      (row) => f.duration(row.idle_seconds),
      (row) => row.idle_seconds,
    ),
    number(
      'ends',
      (row) => t('in', {time: f.duration(row.ends_at - Date.now() / 1000)}),
      (row) => row.ends_at,
      {hide: 'narrow'},
    ),
  ];
  if (mayAct()) {
    columns.push(
      actionColumn('act', t('action'), t('sessions.end.button'), onEnd, {
        kind: 'small danger-quiet',
        labelOf: (row) =>
          t('sessions.end.label', {uid: shown(row.uid, 60) || t('unknown'), stream: shown(row.stream_key, 60)}),
      }),
    );
  }
  return columns;
}

export function sessions(root) {
  let filter = param('q');
  let list = null;
  const table = new Table({
    caption: t('sessions'),
    columns: columns((row) => askToEnd(row, () => asking.again())),
    key: (row) => row.session,
    sort: {by: 'started', order: 'desc'},
    empty: () =>
      filter
        ? {sign: 'search', title: t('nothing.found'), text: t('nothing.found.text')}
        : {sign: 'access', title: t('sessions.none'), text: t('sessions.none.text')},
  });
  const frame = card(t('sessions'), {wide: true});
  const summary = h('p', {class: 'note', role: 'status'});
  const search = searchField(t('sessions.filter'), filter, (text) => {
    filter = text;
    setParams({q: text});
    draw(true);
    if (list !== null && list.total > list.rows.length) asking.again();
  });
  frame.aside.append(search.element);
  frame.element.querySelector('.card-titles').append(summary);
  frame.body.append(table.element);
  root.append(frame.element);

  function draw(isNew = false) {
    if (list === null) return;
    const part = filter.toLowerCase();
    const rows = list.rows.filter((row) =>
      `${row.uid}\n${row.stream_key}\n${row.client_ip}\n${row.ua_hash}`.toLowerCase().includes(part),
    );
    if (isNew) table.resort();
    table.update(rows);
    setText(
      summary,
      rows.length < list.total
        ? t('list.part', {shown: f.count(rows.length), total: f.count(list.total)})
        : t('list.all', {n: list.total, total: f.count(list.total)}),
    );
  }

  const asking = poll({
    load: () => listed('api/sessions', 'sessions', (answer) => answer.total, filter),
    every: EVERY,
    failed: (error) => table.fail(error, () => asking.again()),
    done(next) {
      list = next;
      draw();
    },
  });
  return {destroy: () => asking.stop()};
}
