// Health: the store, the origins and their servers, the process, and the others that share its store.
import * as f from './format.js';
import {h, setText, shown} from './dom.js';
import {t, tOr} from './i18n.js';
import {badge, card, facts} from './pieces.js';
import {Table, twoLines} from './table.js';

const STATUS = {healthy: 'good', degraded: 'warn', unhealthy: 'bad'};

export function statusKind(status) {
  return STATUS[status] ?? 'quiet';
}

export function statusWord(status) {
  return tOr(`status.${status}`, status);
}

function storeCard() {
  const {element, body, aside} = card(t('store'));
  const state = badge();
  const list = facts(
    ['kind', 'latency', 'server', 'replicas', 'grants', 'sessions', 'trouble'].map((id) => [id, t(`store.${id}`)]),
  );
  aside.append(state.element);
  body.append(list.element);
  element.dataset.card = 'store';
  return {
    element,
    update({store, now}) {
      const isRedis = store.kind === 'redis';
      state.set(store.healthy ? 'good' : 'bad', store.healthy ? t('store.answers') : t('store.down'));
      list.set('kind', isRedis ? 'Redis' : t('store.embedded'));
      list.set('latency', f.milliseconds(store.latency_ms));
      list.set('grants', f.count(now.grants));
      list.set('sessions', f.count(now.sessions));
      for (const id of ['server', 'replicas', 'trouble']) list.show(id, isRedis && store[id] !== '');
      list.set('server', shown(store.server ?? ''));
      list.set('replicas', f.count(store.replicas));
      list.set('trouble', shown(store.trouble ?? ''));
    },
  };
}

function processCard() {
  const {element, body, aside} = card(t('process'));
  const state = badge();
  const list = facts(
    ['version', 'uptime', 'workers', 'cpu', 'memory', 'instance'].map((id) => [id, t(`process.${id}`)]),
  );
  aside.append(state.element);
  body.append(list.element);
  element.dataset.card = 'process';
  return {
    element,
    update(snapshot) {
      state.set(statusKind(snapshot.status), statusWord(snapshot.status));
      list.set('version', snapshot.version);
      list.set('uptime', f.duration(snapshot.uptime_seconds));
      list.set('workers', f.count(snapshot.workers));
      list.set('cpu', f.percent(snapshot.now.cpu_percent));
      list.set('memory', f.memory(snapshot.now.memory_bytes));
      list.set('instance', snapshot.instance);
    },
  };
}

const SERVER_STATES = {up: 'good', ejected: 'bad', trial: 'warn', down: 'bad'};

function stateColumn(state) {
  return {
    id: 'state',
    label: t('origins.state'),
    make: () => {
      const sign = badge();
      return {nodes: [sign.element], fill: (row) => sign.set(...state(row))};
    },
  };
}

function originState(row) {
  if (row.state === null) return ['good', t('origins.folder')];
  return [SERVER_STATES[row.state] ?? 'quiet', tOr(`server.${row.state}`, row.state)];
}

/** A line for each server; a folder is a line of its own. */
function originRows(origins) {
  return origins.flatMap(({prefix, kind, servers}) =>
    servers.length === 0
      ? [{prefix, server: kind === 'filesystem' ? t('origins.files') : kind, state: null}]
      : servers.map((server) => ({prefix, ...server})),
  );
}

function originsCard() {
  const {element, body} = card(t('origins'), {wide: true});
  const number = (id, text) => ({id, label: t(`origins.${id}`), numeric: true, text});
  const table = new Table({
    caption: t('origins'),
    class: 'plain',
    key: (row) => `${row.prefix}\n${row.server}`,
    empty: {title: t('origins.none')},
    columns: [
      {
        id: 'server',
        label: t('origins.server'),
        wide: true,
        make: twoLines(
          (row) => shown(row.server),
          (row) => t('origins.prefix', {prefix: shown(row.prefix)}),
        ),
      },
      stateColumn(originState),
      number('first_byte', (row) => (row.first_byte_usec > 0 ? f.milliseconds(row.first_byte_usec / 1000) : f.DASH)),
      number('under_way', (row) => f.count(row.under_way)),
      number('requests', (row) => f.count(row.requests)),
      number('failures', (row) => f.count(row.failures)),
    ],
  });
  body.append(table.element);
  element.dataset.card = 'origins';
  return {element, update: ({origins}) => table.update(originRows(origins))};
}

function instancesCard() {
  const {element, body} = card(t('instances'), {note: t('instances.note'), wide: true});
  const number = (id, text) => ({id, label: t(`instances.${id}`), numeric: true, text});
  const table = new Table({
    caption: t('instances'),
    class: 'plain',
    key: (row) => row.instance,
    empty: {title: t('instances.none')},
    columns: [
      {
        id: 'instance',
        label: t('instances.instance'),
        wide: true,
        make: twoLines(
          (row) => row.instance + (row.isOwn ? ` · ${t('instances.this')}` : ''),
          (row) => t('instances.about', {version: row.version, uptime: f.duration(row.uptime_seconds)}),
        ),
      },
      stateColumn((row) => [statusKind(row.status), statusWord(row.status)]),
      number('viewers', (row) => f.count(row.viewers)),
      number('throughput', (row) => f.rate(row.bytes_per_second)),
      number('requests', (row) =>
        f.perSecond(typeof row.requests_per_second === 'number' ? row.requests_per_second : null),
      ),
      number('connections', (row) => f.count(row.connections)),
    ],
  });
  body.append(table.element);
  element.dataset.card = 'instances';
  return {
    element,
    update({instances, instance}) {
      table.update((instances ?? []).map((row) => ({...row, isOwn: row.instance === instance})));
    },
  };
}

export function health() {
  const cards = [storeCard(), processCard(), originsCard(), instancesCard()];
  const element = h(
    'section',
    {class: 'health', 'aria-label': t('health')},
    h('div', {class: 'section-head'}, h('h2', {}, t('health'))),
    h(
      'div',
      {class: 'cards'},
      cards.map((each) => each.element),
    ),
  );
  return {element, update: (snapshot) => cards.forEach((each) => each.update(snapshot))};
}

/** What needs a hand; said aloud when it changes. */
export function warnings() {
  const element = h('div', {class: 'warnings', role: 'status', 'aria-live': 'polite'});
  let known = '';
  return {
    element,
    update({warnings: list}) {
      const next = JSON.stringify(list);
      if (next === known) return;
      known = next;
      element.replaceChildren(
        ...list.map(({code, detail}) => {
          const sign = badge('warn', tOr(`warning.${code}`, code));
          const line = h('div', {class: 'warning'}, sign.element, h('span', {class: 'warning-text'}));
          setText(line.lastChild, [tOr(`warning.${code}.do`, ''), shown(detail ?? '', 300)].filter(Boolean).join(' '));
          return line;
        }),
      );
    },
  };
}
