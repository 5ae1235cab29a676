// Sessions: who watches; one can be ended, or all of a user.
import * as f from './format.js';
import {mayAct, remove} from './api.js';
import {shown} from './dom.js';
import {askHowFar, notice} from './dialogs.js';
import {t} from './i18n.js';
import {storeList} from './lists.js';
import {actionColumn, twoLines} from './table.js';

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
      (row) => t('in', {time: f.duration(row.ends_at - f.now())}),
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
  const list = storeList(root, {
    title: t('sessions'),
    caption: t('sessions'),
    from: {path: 'api/sessions', member: 'sessions', total: 'total'},
    every: EVERY,
    columns: columns((row) => askToEnd(row, list.again)),
    key: (row) => row.session,
    sort: {by: 'started', order: 'desc'},
    filterLabel: t('sessions.filter'),
    textOf: (row) => `${row.uid}\n${row.stream_key}\n${row.client_ip}\n${row.ua_hash}`,
    empty: () => ({sign: 'access', title: t('sessions.none'), text: t('sessions.none.text')}),
  });
  return list;
}
