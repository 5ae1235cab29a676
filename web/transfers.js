// Transfers: what is on its way to viewers at this moment.
import * as f from './format.js';
import {get} from './api.js';
import {h, setText, shown} from './dom.js';
import {t} from './i18n.js';
import {listCard} from './lists.js';
import {bar} from './pieces.js';
import {param, setParams} from './place.js';
import {poll, whileSeen} from './poll.js';
import {twoLines} from './table.js';

/** How the API names the orders that the columns have. */
const SORTS = {
  uid: 'uid',
  path: 'path',
  progress: 'progress',
  speed: 'speed',
  sent: 'bytes',
  first_byte: 'first_byte',
  age: 'duration',
  client: 'client',
};
const LISTED = 100; // that a snapshot has

function progressColumn() {
  return {
    id: 'progress',
    label: t('transfers.progress'),
    wide: true,
    sort: (row) => row.progress,
    make: () => {
      const track = bar(t('transfers.progress'));
      const text = h('span', {class: 'sub'});
      return {
        nodes: [h('div', {class: 'progress'}, track.element, text)],
        fill(row) {
          track.set(row.progress);
          setText(
            text,
            row.total_bytes === null
              ? f.bytes(row.bytes_sent)
              : t('transfers.of', {sent: f.bytes(row.bytes_sent), total: f.bytes(row.total_bytes)}),
          );
        },
      };
    },
  };
}

function columns() {
  const number = (id, text, sort, more = {}) => ({id, label: t(`transfers.${id}`), numeric: true, text, sort, ...more});
  return [
    {
      id: 'path',
      label: t('transfers.path'),
      wide: true,
      sort: (row) => row.path,
      make: twoLines(
        (row) => shown(row.path),
        (row) => `${row.method} · ${t(`class.${row.class}`)} · ${row.status}`,
        (row) => shown(row.path, 2048),
      ),
    },
    {
      id: 'uid',
      label: t('uid'),
      sort: (row) => row.uid,
      make: twoLines(
        (row) => shown(row.uid, 40) || t('unknown'),
        (row) => shown(row.stream_key, 40),
      ),
    },
    {
      id: 'client',
      label: t('transfers.client'),
      sort: (row) => row.client_ip,
      make: twoLines(
        (row) => row.client_ip,
        (row) => shown(row.user_agent, 48),
        (row) => t('transfers.viewer', {viewer: row.viewer}),
      ),
    },
    progressColumn(),
    number(
      'speed',
      (row) => f.rate(row.bytes_per_second),
      (row) => row.bytes_per_second,
    ),
    number(
      'first_byte',
      (row) => f.milliseconds(row.first_byte_ms),
      (row) => row.first_byte_ms,
    ),
    number(
      'age',
      (row) => f.duration(row.duration_ms / 1000),
      (row) => row.duration_ms,
    ),
    number(
      'protocol',
      (row) => `${row.protocol === 'h2' ? 'HTTP/2' : row.protocol.toUpperCase()}${row.tls ? ' · TLS' : ''}`,
      null,
      {hide: 'narrow'},
    ),
  ];
}

/** What makes a row the same one a second later; there is no number that names a transfer. */
function keyOf(row) {
  return [row.worker, row.client_ip, row.viewer, row.method, row.path, row.uid, row.total_bytes].join('\n');
}

function textOf(row) {
  return [row.path, row.uid, row.client_ip, row.stream_key, row.user_agent, row.viewer].join('\n');
}

function sortOf(text, otherwise) {
  const [by, order] = text.split('.');
  return by && order ? {by, order} : otherwise;
}

export function transfers(root) {
  let running = {total: 0, bytes_per_second: 0, transfers: []};
  const list = listCard({
    title: t('transfers.running'),
    caption: t('transfers'),
    class: 'moving',
    columns: columns(),
    key: keyOf,
    sort: sortOf(param('sort'), {by: 'age', order: 'desc'}),
    onSort: ({by, order}) => setParams({sort: `${by}.${order}`}),
    filterLabel: t('transfers.filter'),
    textOf,
    empty: () => ({sign: 'transfers', title: t('transfers.none'), text: t('transfers.none.text')}),
    sum(n) {
      const {total, bytes_per_second: speed} = running;
      const figures = {n: total, shown: f.count(n), total: f.count(total), speed: f.rate(speed)};
      return n < total ? t('transfers.part', figures) : t('transfers.all', figures);
    },
  });
  root.append(list.element);

  function show(next) {
    running = next;
    list.show(running.transfers);
  }

  /** Where there are more than a snapshot has, the server is asked for those that the order puts first. */
  function ask() {
    const {by, order} = list.table.sort;
    const query = {limit: LISTED, sort: SORTS[by] ?? 'duration', order};
    return running.total > LISTED ? get('active-transfers', query) : null;
  }

  const asking = poll({load: async () => ask(), every: 2_000, failed: () => {}, done: (next) => next && show(next)});
  const stop = whileSeen(({transfers: {total, bytes_per_second, transfers: rows}}) => {
    const isAsked = total > LISTED && running.transfers.length > 0;
    show({total, bytes_per_second, transfers: isAsked ? running.transfers : rows});
  });
  return {
    destroy() {
      stop();
      asking.stop();
    },
  };
}
