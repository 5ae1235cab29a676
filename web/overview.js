// Overview: how it goes now, and over the last five minutes, hour and day.
import * as f from './format.js';
import * as history from './history.js';
import {Board} from './charts.js';
import {h, setText, show, svg} from './dom.js';
import {states} from './events.js';
import {health} from './health.js';
import {t} from './i18n.js';
import {choice} from './pieces.js';
import {param, setParams} from './place.js';
import {poll, whileSeen} from './poll.js';

/** The last five minutes as a line without axes; the figure beside it says the number. */
function spark(colour) {
  const line = svg('polyline', {class: 'spark-line'});
  const area = svg('polygon', {class: 'spark-area'});
  const element = svg(
    'svg',
    {class: `spark chart-${colour}`, viewBox: '0 0 100 30', preserveAspectRatio: 'none', 'aria-hidden': 'true'},
    area,
    line,
  );
  return {
    element,
    set(column) {
      const known = column.filter((value) => value !== null && value !== undefined);
      if (known.length < 2) return;
      const most = Math.max(...known, 1e-9) * 1.05;
      const points = [];
      column.forEach((value, at) => {
        if (value === null || value === undefined) return;
        points.push(`${((100 * at) / (column.length - 1)).toFixed(2)},${(29 - (28 * value) / most).toFixed(2)}`);
      });
      line.setAttribute('points', points.join(' '));
      area.setAttribute(
        'points',
        `${points[0].split(',')[0]},30 ${points.join(' ')} ${points.at(-1).split(',')[0]},30`,
      );
    },
  };
}

/** A figure of now: [number, unit], a line below, the last minutes. */
function tile(id, colour, column) {
  const number = h('span', {class: 'number'}, f.DASH);
  const unit = h('span', {class: 'unit'});
  const below = h('p', {class: 'below'});
  const trace = spark(colour);
  return {
    element: h(
      'div',
      {class: 'tile', 'data-tile': id},
      h('dt', {}, t(`tile.${id}`)),
      h('dd', {class: 'figure'}, number, unit),
      h('dd', {class: 'below-box'}, below),
      trace.element,
    ),
    set([value, unitText], text) {
      setText(number, value);
      setText(unit, unitText);
      setText(below, text);
    },
    draw: (columns) => trace.set(column(columns)),
  };
}

function sum(object) {
  return Object.values(object ?? {}).reduce((a, b) => a + (b ?? 0), 0);
}

const only = (name) => (columns) => columns[name];

function makeTiles() {
  return {
    viewers: tile('viewers', 'accent', only('viewers')),
    throughput: tile('throughput', 'accent', only('bytes_per_second')),
    requests: tile('requests', 'cyan', history.viewersRequests),
    first_byte: tile('first_byte', 'amber', only('first_byte_ms.p95')),
    hit_ratio: tile('hit_ratio', 'green', only('hit_ratio')),
    denied: tile('denied', 'red', only('denied_per_second')),
    connections: tile('connections', 'cyan', only('connections')),
    memory: tile('memory', 'pink', only('memory_bytes')),
  };
}

function fillTiles(tiles, {now, workers}) {
  const {requests_per_second: requests, first_byte_ms: first, cache, connections} = now;
  tiles.viewers.set(
    f.parts.count(now.viewers),
    t('below.viewers', {users: f.count(now.users), sessions: f.count(now.sessions), streams: f.count(now.streams)}),
  );
  tiles.throughput.set(f.parts.rate(now.bytes_per_second), f.bits(now.bytes_per_second));
  tiles.requests.set(
    f.parts.perSecond(requests ? sum({...requests, api: 0}) : null),
    t('below.requests', {
      segments: f.perSecond(requests?.segment),
      playlists: f.perSecond(requests?.playlist),
      api: f.perSecond(requests?.api),
    }),
  );
  tiles.first_byte.set(
    f.parts.milliseconds(first?.p95),
    t('below.first_byte', {p50: f.milliseconds(first?.p50), p99: f.milliseconds(first?.p99)}),
  );
  tiles.hit_ratio.set(
    f.parts.ratio(cache?.hit_ratio),
    t('below.cache', {
      saved: f.rate(cache?.saved_bytes_per_second),
      used: f.memory(cache?.bytes),
      limit: f.memory(cache?.limit),
    }),
  );
  tiles.denied.set(
    f.parts.perSecond(now.denied_per_second),
    t('below.denied', {failed: f.perSecond(now.failed_per_second)}),
  );
  tiles.connections.set(
    f.parts.count(connections?.total),
    t('below.connections', {
      h1: f.count(connections?.h1),
      h2: f.count(connections?.h2),
      tls: f.count(connections?.tls),
      limit: f.compact(connections?.limit),
    }),
  );
  tiles.memory.set(f.parts.memory(now.memory_bytes), t('below.memory', {cpu: f.percent(now.cpu_percent), n: workers}));
}

function rangeChoice(onChange) {
  return choice(
    t('range'),
    Object.keys(history.RANGES).map((id) => [id, t(`range.${id}`)]),
    history.chosen(),
    (id) => {
      history.choose(id);
      setParams({range: id === '5m' ? '' : id});
      onChange();
    },
  );
}

export function overview(root) {
  history.choose(param('range', '5m'));
  const tiles = makeTiles();
  const board = new Board();
  const state = health();
  let asking = askHistory();
  const range = rangeChoice(() => {
    asking.stop();
    asking = askHistory();
    board.redraw();
  });

  function askHistory() {
    const which = history.chosen();
    return poll({
      load: () => history.load(which),
      every: history.loadEvery(which),
      done: () => show(board.failed, false),
      failed: () => show(board.failed, true),
    });
  }

  root.append(
    h(
      'section',
      {class: 'tiles-box', 'aria-label': t('now')},
      h('h2', {class: 'unseen'}, t('now')),
      h(
        'dl',
        {class: 'tiles'},
        Object.values(tiles).map((each) => each.element),
      ),
    ),
    h(
      'section',
      {class: 'charts', 'aria-label': t('charts')},
      h('div', {class: 'section-head'}, h('h2', {}, t('charts')), board.said, range.element),
      board.failed,
      board.element,
    ),
    state.element,
  );

  function draw(which) {
    if (document.hidden) return;
    if (which === '5m') Object.values(tiles).forEach((each) => each.draw(history.columnsOf('5m')));
    if (which === history.chosen()) board.update();
  }

  /** What was missed while the connection was lost, or nobody looked. */
  let wasAway = false;
  function onState(state) {
    if (state === 'live' && wasAway) asking.again();
    wasAway = state !== 'live';
  }

  const stops = [
    states.on(onState),
    history.changed.on(draw),
    whileSeen((snapshot) => {
      fillTiles(tiles, snapshot);
      state.update(snapshot);
    }),
  ];
  if (history.columnsOf('5m').at.length > 0) draw('5m');
  return {
    recolour: () => board.redraw(),
    destroy() {
      asking.stop();
      stops.forEach((stop) => stop());
      board.destroy();
    },
  };
}
