// Streams and users: who watches what just now, and below what users were delivered since the last report.
import * as f from './format.js';
import {h, setText, shown} from './dom.js';
import {t} from './i18n.js';
import {card, share} from './pieces.js';
import {hrefOf} from './place.js';
import {whileSeen} from './poll.js';
import {Table} from './table.js';
import {traffic} from './traffic.js';

/** A name with a bar below it: its part of the first one's bytes. */
function nameColumn(id, label, nameOf, hrefFor, most) {
  return {
    id,
    label,
    wide: true,
    make: () => {
      const link = h('a', {class: 'main'});
      const part = share();
      return {
        nodes: [link, part.element],
        fill(row) {
          setText(link, nameOf(row));
          link.href = hrefFor(row);
          part.set(row.bytes / Math.max(1, most()));
        },
      };
    },
  };
}

function topCard(which, columnsOf, key) {
  let most = 0;
  const frame = card(t(`top.${which}`));
  const number = (id, text, sort) => ({id, label: t(`top.${id}`), numeric: true, text, sort});
  const table = new Table({
    caption: t(`top.${which}`),
    key,
    sort: {by: 'bytes', order: 'desc'},
    empty: {sign: 'audience', title: t(`top.${which}.none`), text: t('top.none.text')},
    columns: [
      columnsOf(() => most),
      number(
        'bytes',
        (row) => f.bytes(row.bytes),
        (row) => row.bytes,
      ),
      number(
        'viewers',
        (row) => f.count(row.viewers),
        (row) => row.viewers,
      ),
      number(
        'requests',
        (row) => f.count(row.requests),
        (row) => row.requests,
      ),
    ],
  });
  frame.body.append(table.element);
  frame.element.dataset.card = `top-${which}`;
  return {
    element: frame.element,
    update(rows) {
      most = Math.max(0, ...rows.map((row) => row.bytes));
      table.update(rows);
    },
  };
}

export function audience(root) {
  const streams = topCard(
    'streams',
    (most) =>
      nameColumn(
        'stream',
        t('stream'),
        (row) => shown(row.stream_key, 60) || t('top.no_stream'),
        (row) => hrefOf('transfers', {q: row.stream_key}),
        most,
      ),
    (row) => row.stream_key,
  );
  const users = topCard(
    'users',
    (most) =>
      nameColumn(
        'uid',
        t('uid'),
        (row) => shown(row.uid, 60) || t('unknown'),
        (row) => hrefOf('access', {q: row.uid}),
        most,
      ),
    (row) => row.uid,
  );
  const since = h('p', {class: 'note'});
  const metering = traffic();
  root.append(
    h(
      'section',
      {'aria-label': t('top')},
      h('div', {class: 'section-head'}, h('h2', {}, t('top')), since),
      h('div', {class: 'cards'}, streams.element, users.element),
    ),
    metering.element,
  );
  const stop = whileSeen((snapshot) => {
    const {audience: now} = snapshot;
    setText(since, now ? t('top.window', {time: f.duration(now.window_seconds)}) : '');
    streams.update(now?.streams ?? []);
    users.update(now?.users ?? []);
    metering.update(snapshot);
  });
  return {
    destroy() {
      stop();
      metering.destroy();
    },
  };
}
