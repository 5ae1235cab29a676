// Charts over time, drawn by dygraphs, which comes after the first paint. What the canvas shows is also said in words: the legend
// holds the figures of the moment that is pointed at, on all charts together, or the latest ones.
import * as f from './format.js';
import {h, setText, show} from './dom.js';
import {CLASSES, RANGES, chosen, columnsOf} from './history.js';
import {t} from './i18n.js';
import {newId} from './pieces.js';

const memoryTicks = {labelsKMB: false, labelsKMG2: true};

/** `series`: [column, colour]; `top`: the axis ends there; `stacked`, `fill`. */
export const CHARTS = [
  {id: 'throughput', series: [['bytes_per_second', 'accent']], format: f.rate, fill: true},
  {
    id: 'viewers',
    series: [
      ['viewers', 'accent'],
      ['sessions', 'cyan'],
      ['connections', 'grey'],
    ],
    format: f.count,
    least: 5,
  },
  {
    id: 'requests',
    series: CLASSES.map((name, at) => [
      `requests_per_second.${name}`,
      ['accent', 'cyan', 'amber', 'green', 'grey', 'pink'][at],
    ]),
    format: f.perSecond,
    stacked: true,
    least: 5,
  },
  {
    id: 'first_byte',
    series: [
      ['first_byte_ms.p50', 'green'],
      ['first_byte_ms.p95', 'amber'],
      ['first_byte_ms.p99', 'red'],
    ],
    format: f.milliseconds,
  },
  {
    id: 'trouble',
    series: [
      ['denied_per_second', 'amber'],
      ['failed_per_second', 'red'],
    ],
    format: f.perSecond,
    least: 1,
  },
  {id: 'hit_ratio', series: [['hit_ratio', 'green']], format: f.ratio, top: 1, fill: true},
  {id: 'store_latency', series: [['store_latency_ms', 'cyan']], format: f.milliseconds, fill: true},
  {id: 'memory', series: [['memory_bytes', 'pink']], format: f.memory, fill: true, axis: memoryTicks},
  {id: 'cpu', series: [['cpu_percent', 'amber']], format: f.percent, least: 10, fill: true},
];

let library = null;

/** Without its legend, which writes markup with styles in it (the policy of this page forbids them), and ours is a list. */
function prepared(Dygraph) {
  Dygraph.PLUGINS = [Dygraph.Plugins.Axes, Dygraph.Plugins.Grid];
  return Dygraph;
}

/** Once: dygraphs is a classic script, and says so in a global. */
function loadLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = h('script', {
      src: new URL('dygraph.min.js', import.meta.url).href,
      onload: () => resolve(prepared(globalThis.Dygraph)),
      onerror: () => {
        library = null;
        script.remove();
        reject(new Error('dygraph.min.js'));
      },
    });
    document.head.append(script);
  });
  return library;
}

/** What a colour of the style sheet is in the theme of the moment. */
function colourOf(name) {
  const probe = h('i', {class: `probe chart-${name}`});
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function nameOf(column) {
  const word = column.split('.').at(-1);
  return column.startsWith('first_byte_ms') ? word : t(`series.${word}`);
}

function largest(rows, spec) {
  let most = spec.least ?? 0;
  for (const row of rows) {
    let sum = 0;
    for (let i = 1; i < row.length; i++) {
      if (row[i] !== null) sum = spec.stacked ? sum + row[i] : Math.max(sum, row[i]);
    }
    if (sum > most) most = sum;
  }
  return most;
}

function axisTime(moment, granularity, options, chart) {
  return chosen() === '5m' ? f.clock(moment).replace(/^0/, '') : f.clockShort(moment);
}

class Chart {
  #spec;
  #board;
  #graph = null;
  #rows = [];

  constructor(spec, board) {
    this.#spec = spec;
    this.#board = board;
    const id = newId();
    this.canvas = h('div', {class: 'chart-canvas', 'aria-hidden': 'true'});
    this.empty = h('p', {class: 'chart-empty'}, t('chart.measuring'));
    this.values = spec.series.map(() => h('span', {class: 'value'}, f.DASH));
    const legend = h(
      'ul',
      {class: 'legend'},
      spec.series.map(([column, colour], at) =>
        h(
          'li',
          {},
          h('span', {class: `swatch chart-${colour}`, 'aria-hidden': 'true'}),
          spec.series.length > 1 && h('span', {class: 'name'}, nameOf(column)),
          this.values[at],
        ),
      ),
    );
    this.element = h(
      'figure',
      {class: 'chart', 'aria-labelledby': id, 'data-chart': spec.id},
      h('figcaption', {}, h('span', {id, class: 'chart-title'}, t(`chart.${spec.id}`)), legend),
      h('div', {class: 'chart-box'}, this.canvas, this.empty),
    );
  }

  #rowsOf(columns) {
    const series = this.#spec.series.map(([name]) => columns[name] ?? []);
    return columns.at.map((at, i) => [new Date(at * 1000), ...series.map((column) => column[i] ?? null)]);
  }

  update(columns, Dygraph) {
    this.#rows = columns === null ? [] : this.#rowsOf(columns);
    const isEmpty = !this.#rows.some((row) => row.slice(1).some((value) => value !== null));
    show(this.empty, isEmpty);
    if (!this.#board.pointed) this.say(null);
    if (!Dygraph || this.#rows.length === 0) return;
    const changes = {file: this.#rows, dateWindow: this.#window(), valueRange: this.#valueRange()};
    if (this.#graph === null) this.#draw(Dygraph, changes);
    else this.#graph.updateOptions(changes);
  }

  #window() {
    const end = Math.max(this.#rows.at(-1)[0].getTime(), 0);
    return [end - RANGES[chosen()] * 1000, end];
  }

  #valueRange() {
    return [0, this.#spec.top ? this.#spec.top * 1.02 : largest(this.#rows, this.#spec) * 1.12 || 1];
  }

  #draw(Dygraph, {file, ...options}) {
    const {series, stacked, fill, format, axis} = this.#spec;
    const line = colourOf('line');
    this.#graph = new Dygraph(this.canvas, file, {
      ...options,
      ...axis,
      labels: ['at', ...series.map(([column]) => column)],
      colors: series.map(([, colour]) => colourOf(colour)),
      stackedGraph: Boolean(stacked),
      fillGraph: Boolean(fill || stacked),
      fillAlpha: stacked ? 0.45 : 0.14,
      strokeWidth: 1.5,
      highlightCircleSize: 3,
      gridLineColor: line,
      axisLineColor: 'transparent',
      axisLabelWidth: 58,
      axisTickSize: 0,
      gridLineWidth: 1,
      xRangePad: 0,
      rightGap: 2,
      interactionModel: {},
      animatedZooms: false,
      connectSeparatedPoints: false,
      axes: {
        x: {drawGrid: false, axisLabelFormatter: axisTime, pixelsPerLabel: 90},
        y: {axisLabelFormatter: f.onAxis(format), pixelsPerLabel: 34, axisLabelWidth: 62},
      },
      highlightCallback: (event, x, points, row) => this.#board.point(row),
      unhighlightCallback: () => this.#board.point(null),
    });
  }

  /** The figures of one row in the legend; null: the latest. */
  say(at) {
    const row = at === null ? this.#rows.at(-1) : this.#rows[at];
    this.values.forEach((node, i) => setText(node, this.#spec.format(row?.[i + 1] ?? null)));
  }

  select(at) {
    if (this.#graph === null) return;
    if (at === null) this.#graph.clearSelection();
    else this.#graph.setSelection(at);
  }

  resize() {
    this.#graph?.resize();
  }

  redraw() {
    this.#graph?.destroy();
    this.#graph = null;
  }
}

/** All charts, and what is common to them: the moment that is pointed at. */
export class Board {
  #charts;
  #library = null;
  #observer;
  #isOver = false; // another view was opened while the library was on its way
  pointed = false;

  constructor() {
    this.#charts = CHARTS.map((spec) => new Chart(spec, this));
    this.said = h('p', {class: 'board-time', 'aria-hidden': 'true'});
    this.failed = h('p', {class: 'note', role: 'status', hidden: true}, t('chart.failed'));
    this.element = h(
      'div',
      {class: 'board'},
      this.#charts.map((chart) => chart.element),
    );
    // In the next frame: what is drawn here may change what is being measured.
    this.#observer = new ResizeObserver(() =>
      requestAnimationFrame(() => this.#isOver || this.#charts.forEach((chart) => chart.resize())),
    );
    this.#observer.observe(this.element);
    requestAnimationFrame(() => setTimeout(() => this.#begin()));
  }

  async #begin() {
    try {
      this.#library = await loadLibrary();
    } catch {
      show(this.failed, true);
      return;
    }
    if (!this.#isOver) this.update();
  }

  update() {
    const columns = columnsOf(chosen());
    for (const chart of this.#charts) chart.update(columns, this.#library);
  }

  /** From a chart that the pointer is over. */
  point(row) {
    if (this.pointed === null) return;
    this.pointed = row !== null;
    const at = row === null ? null : columnsOf(chosen())?.at[row];
    setText(this.said, at ? f.dateTime(at * 1000) : '');
    for (const chart of this.#charts) {
      chart.say(row);
      if (row !== null) chart.select(row);
      else this.#clear(chart);
    }
  }

  /** Clearing one tells its callback, which would come back here. */
  #clear(chart) {
    this.pointed = null;
    chart.select(null);
    this.pointed = false;
  }

  /** In other colours, or over another range. */
  redraw() {
    for (const chart of this.#charts) chart.redraw();
    this.update();
  }

  destroy() {
    this.#isOver = true;
    this.#observer.disconnect();
    for (const chart of this.#charts) chart.redraw();
  }
}
