// Transfers: what is on its way to viewers at this moment.
import * as f from './format.js';
import {get} from './api.js';
import {h, setText, shown} from './dom.js';
import {t} from './i18n.js';
import {bar, card, searchField} from './pieces.js';
import {param, setParams} from './place.js';
import {poll, whileSeen} from './poll.js';
import {Table, twoLines} from './table.js';

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

function matches(row, words) {
  const text =
    `${row.path}\n${row.uid}\n${row.client_ip}\n${row.stream_key}\n${row.user_agent}\n${row.viewer}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

export function wordsOf(filter) {
  return filter.toLowerCase().split(/\s+/).filter(Boolean);
}

function sortOf(text, otherwise) {
  const [by, order] = text.split('.');
  return by && order ? {by, order} : otherwise;
}

export function transfers(root) {
  let filter = param('q');
  let list = {total: 0, bytes_per_second: 0, transfers: []};
  const table = new Table({
    caption: t('transfers'),
    class: 'moving',
    columns: columns(),
    key: keyOf,
    sort: sortOf(param('sort'), {by: 'age', order: 'desc'}),
    onSort: ({by, order}) => setParams({sort: `${by}.${order}`}),
    empty: () =>
      filter
        ? {sign: 'search', title: t('nothing.found'), text: t('nothing.found.text')}
        : {sign: 'transfers', title: t('transfers.none'), text: t('transfers.none.text')},
  });
  const frame = card(t('transfers.running'), {wide: true});
  const summary = h('p', {class: 'note', role: 'status'});
  const search = searchField(t('transfers.filter'), filter, (text) => {
    filter = text;
    setParams({q: text});
    draw(true);
  });
  frame.aside.append(search.element);
  frame.body.append(table.element);
  frame.element.querySelector('.card-titles').append(summary);
  root.append(frame.element);

  function draw(isNew = false) {
    const words = wordsOf(filter);
    const rows = words.length === 0 ? list.transfers : list.transfers.filter((row) => matches(row, words));
    if (isNew) table.resort();
    table.update(rows);
    const figures = {
      n: list.total,
      shown: f.count(rows.length),
      total: f.count(list.total),
      speed: f.rate(list.bytes_per_second),
    };
    setText(summary, rows.length < list.total ? t('transfers.part', figures) : t('transfers.all', figures));
  }

  /** Where there are more than a snapshot has, the server is asked for those that the order puts first. */
  const asking = poll({
    load: async () =>
      list.total > LISTED
        ? get('active-transfers', {limit: LISTED, sort: SORTS[table.sort.by] ?? 'duration', order: table.sort.order})
        : null,
    every: 2_000,
    failed: () => {},
    done(answer) {
      if (answer === null) return;
      list = answer;
      draw();
    },
  });
  const stop = whileSeen((snapshot) => {
    const isMore = snapshot.transfers.total > LISTED;
    list =
      isMore && list.total > 0
        ? {...list, total: snapshot.transfers.total, bytes_per_second: snapshot.transfers.bytes_per_second}
        : snapshot.transfers;
    draw();
  });
  return {
    destroy() {
      stop();
      asking.stop();
    },
  };
}
