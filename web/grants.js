// Grants: who may watch what, from where; added and revoked.
import * as f from './format.js';
import {mayAct, post, remove} from './api.js';
import {shown} from './dom.js';
import {ask, askHowFar, field, notice, selection} from './dialogs.js';
import {t} from './i18n.js';
import {storeList} from './lists.js';
import {button, choice} from './pieces.js';
import {actionColumn, twoLines} from './table.js';

const EVERY = 5_000;

function askToRevoke(row, done) {
  const uid = shown(row.uid, 60);
  const network = row.ip_patterns.join(', ');
  const stream = selection(t('grants.revoke.streams'), [
    ['', t('grants.revoke.every')],
    ...row.paths.filter(Boolean).map((path) => [path, shown(path, 60)]),
  ]);
  askHowFar({
    title: t('grants.revoke.title'),
    lead: t('grants.revoke.lead', {uid, network}),
    options: [
      ['network', t('grants.revoke.network', {network}), t('grants.revoke.network.hint')],
      ['all', t('grants.revoke.all', {uid})],
    ],
    more: row.paths.length > 1 && !row.is_static && stream.element,
    note: t('grants.revoke.note'),
    confirm: t('grants.revoke'),
    async act(howFar) {
      const answer = await remove('api/whitelist', {
        uid: row.uid,
        ...(howFar === 'network' && {clientIp: row.ip_patterns[0]}),
        ...(stream.input.value && {path: stream.input.value}),
      });
      notice(
        t('grants.revoked', {grants: f.count(answer.grants_removed), sessions: f.count(answer.sessions_ended)}),
        answer.grants_removed > 0 ? 'good' : 'warn',
      );
      done();
    },
  });
}

/** The form of a new grant. */
function askToAdd(done) {
  let kind = 'stream';
  const uid = field(t('uid'), 'uid', {required: true, maxlength: 128});
  const path = field(
    t('grants.path'),
    'path',
    {required: true, placeholder: '/video/2026-11-22/movie1/index.m3u8'},
    t('grants.path.hint'),
  );
  const ip = field(t('grants.ip'), 'clientIp', {required: true, placeholder: '203.0.113.7'}, t('grants.ip.hint'));
  const agent = field(t('grants.ua'), 'UserAgent', {rows: 3}, t('grants.ua.hint'));
  const kinds = choice(
    t('grants.kind'),
    [
      ['stream', t('grants.kind.stream')],
      ['static', t('grants.kind.static')],
    ],
    kind,
    (id) => {
      kind = id;
      path.element.hidden = id === 'static';
      path.input.required = id !== 'static';
    },
  );
  ask({
    title: t('grants.add.title'),
    lead: t('grants.add.lead'),
    confirm: t('grants.add'),
    content: [kinds.element, uid.element, path.element, ip.element, agent.element],
    async act() {
      const who = {uid: uid.input.value.trim(), clientIp: ip.input.value.trim(), UserAgent: agent.input.value};
      const answer =
        kind === 'static'
          ? await post('api/static-whitelist', who)
          : await post('api/whitelist', {...who, path: path.input.value.trim()});
      notice(t('grants.added', {network: answer.ip_pattern, time: f.duration(answer.ttl)}));
      done();
    },
  });
  uid.input.focus();
}

function columns(onRevoke) {
  const columns = [
    {id: 'uid', label: t('uid'), sort: (row) => row.uid, text: (row) => shown(row.uid, 60)},
    {
      id: 'streams',
      label: t('grants.streams'),
      wide: true,
      sort: (row) => row.paths.join(' '),
      text: (row) =>
        row.is_static && row.paths.length === 0
          ? t('grants.kind.static')
          : row.paths.map((path) => shown(path, 60) || t('grants.every_static')).join(', '),
    },
    {
      id: 'network',
      label: t('grants.network'),
      sort: (row) => row.ip_patterns[0],
      make: twoLines(
        (row) => row.ip_patterns.join(', '),
        (row) => t('ua_hash', {hash: row.ua_hash}),
      ),
    },
    {
      id: 'created',
      label: t('grants.created'),
      numeric: true,
      hide: 'narrow',
      sort: (row) => row.created_at,
      text: (row) => f.ago(row.created_at),
    },
    {
      id: 'expires',
      label: t('grants.expires'),
      numeric: true,
      sort: (row) => row.expires_at,
      text: (row) => t('in', {time: f.duration(row.expires_at - f.now())}),
    },
  ];
  if (mayAct()) {
    columns.push(
      actionColumn('act', t('action'), t('grants.revoke.button'), onRevoke, {
        kind: 'small danger-quiet',
        labelOf: (row) => t('grants.revoke.label', {uid: shown(row.uid, 60), network: row.ip_patterns.join(', ')}),
      }),
    );
  }
  return columns;
}

export function grants(root) {
  const list = storeList(root, {
    title: t('grants'),
    caption: t('grants'),
    from: {path: 'whitelist-info', member: 'entries', total: 'total_entries'},
    every: EVERY,
    columns: columns((row) => askToRevoke(row, list.again)),
    key: (row) => `${row.uid}\n${row.ip_patterns}\n${row.ua_hash}\n${row.is_static}`,
    sort: {by: 'created', order: 'desc'},
    filterLabel: t('grants.filter'),
    textOf: (row) => [row.uid, ...row.paths, ...row.ip_patterns, row.ua_hash].join('\n'),
    empty: () => ({sign: 'access', title: t('grants.none'), text: t('grants.none.text')}),
  });
  if (mayAct()) list.aside.append(button(t('grants.add'), () => askToAdd(list.again), {kind: 'primary', sign: 'plus'}));
  return list;
}
