// Tables that live: rows are updated in place by their keys, so focus, selection and scroll outlive an update a second.
// While somebody points at the table or is in it by keyboard, rows keep their order, so that none slips away from under a click.
import {h, place, setAttr, setText, show} from './dom.js';
import {locale, t} from './i18n.js';
import {button, emptyState, errorState, errorText} from './pieces.js';

const PAGE = 100;

function compare(a, b) {
  if (a === null || a === undefined) return b === null || b === undefined ? 0 : 1;
  if (b === null || b === undefined) return -1;
  return typeof a === 'number' ? a - b : String(a).localeCompare(String(b), locale(), {numeric: true});
}

/**
 * columns: {id, label, text(row)} or {id, label, make(rowNow) → {nodes, fill(row)}}; `sort(row)` where it may be sorted by,
 * `numeric`, `hide: 'narrow'`, `wide: true` for a line of its own on a phone.
 * options: caption, columns, key(row), sort {by, order}, onSort(sort), empty {sign, title, text}, onRow(row), rowLabel(row).
 */
export class Table {
  #options;
  #rows = new Map();
  #data = [];
  #most = PAGE;
  #sort;
  #mustSort = true;

  constructor(options) {
    this.#options = options;
    this.#sort = options.sort;
    this.body = h('tbody', {role: 'rowgroup'});
    this.#makeHead();
    this.table = h(
      'table',
      {role: 'table', class: options.class ?? ''},
      h('caption', {class: 'unseen'}, options.caption),
      h('thead', {role: 'rowgroup'}, this.head),
      this.body,
    );
    this.foot = h('div', {class: 'table-foot', hidden: true});
    this.state = h('div', {class: 'table-state'});
    this.trouble = h('p', {class: 'table-trouble', role: 'status', hidden: true});
    this.element = h('div', {class: 'table-box', tabindex: '-1'}, this.trouble, this.table, this.state, this.foot);
    this.loading();
  }

  #makeHead() {
    this.head = h('tr', {role: 'row'});
    for (const column of this.#options.columns) {
      const title = column.sort
        ? h('button', {type: 'button', class: 'sorter', onclick: () => this.#sortBy(column)}, column.label)
        : column.unseen
          ? h('span', {class: 'unseen'}, column.label)
          : column.label;
      this.head.append(
        h('th', {scope: 'col', role: 'columnheader', class: this.#classOf(column), 'data-column': column.id}, title),
      );
    }
    this.#showSort();
  }

  #classOf(column) {
    return [column.numeric && 'number', column.hide && `hide-${column.hide}`, column.wide && 'wide', `c-${column.id}`]
      .filter(Boolean)
      .join(' ');
  }

  #showSort() {
    for (const th of this.head.children) {
      const is = this.#sort && th.dataset.column === this.#sort.by;
      setAttr(th, 'aria-sort', is ? (this.#sort.order === 'asc' ? 'ascending' : 'descending') : null);
    }
  }

  #sortBy(column) {
    const same = this.#sort?.by === column.id;
    const first = column.numeric ? 'desc' : 'asc';
    const order = same ? (this.#sort.order === 'asc' ? 'desc' : 'asc') : first;
    this.#sort = {by: column.id, order};
    this.#showSort();
    this.#options.onSort?.(this.#sort);
    this.resort();
  }

  get sort() {
    return this.#sort;
  }

  /** The order anew, even under the pointer: its owner has asked for something else. */
  resort() {
    this.#mustSort = true;
    this.#most = PAGE;
    this.update(this.#data);
  }

  #show(state) {
    this.state.replaceChildren(...(state ? [state] : []));
    show(this.state, state !== null);
    show(this.table, state === null);
    if (state !== null) show(this.foot, false);
  }

  loading() {
    const rows = Array.from({length: 4}, () => h('div', {class: 'bone'}));
    this.#show(h('div', {class: 'bones', role: 'status', 'aria-label': t('loading')}, rows));
  }

  /** Rows that are there stay, and are called old. */
  fail(error, again) {
    if (this.#data.length === 0) this.#show(errorState(error, again));
    else setText(this.trouble, t('table.old', {text: errorText(error)}));
    show(this.trouble, this.#data.length > 0);
  }

  #sorted(data) {
    const column = this.#sort && this.#options.columns.find((c) => c.id === this.#sort.by);
    if (!column?.sort) return data;
    const sign = this.#sort.order === 'asc' ? 1 : -1;
    return data
      .map((row, at) => [column.sort(row), at, row])
      .sort(([a, i], [b, j]) => sign * compare(a, b) || i - j)
      .map(([, , row]) => row);
  }

  /** [key, row]; those that look the same get numbers. */
  #keyed(data) {
    const seen = new Map();
    return data.map((row) => {
      const key = this.#options.key(row);
      const n = (seen.get(key) ?? 0) + 1;
      seen.set(key, n);
      return [n === 1 ? key : `${key}\n${n}`, row];
    });
  }

  #isHeld() {
    return !this.#mustSort && (this.body.matches(':hover') || this.body.contains(document.activeElement));
  }

  /** In the order they have on the screen; newcomers behind them. */
  #asShown(keyed) {
    const next = new Map(keyed);
    const kept = [...this.#rows.keys()].filter((key) => next.has(key));
    const old = new Set(kept);
    return [...kept.map((key) => [key, next.get(key)]), ...keyed.filter(([key]) => !old.has(key))];
  }

  update(data) {
    this.#data = data;
    show(this.trouble, false);
    if (data.length === 0) {
      this.#clear();
      const {sign, title, text} =
        typeof this.#options.empty === 'function' ? this.#options.empty() : this.#options.empty;
      this.#show(emptyState(sign ?? 'none', title, text));
      return;
    }
    this.#show(null);
    let keyed = this.#keyed(this.#sorted(data));
    if (this.#isHeld()) keyed = this.#asShown(keyed);
    this.#mustSort = false;
    this.#fill(keyed.slice(0, this.#most));
    this.#showFoot(data.length);
  }

  #clear() {
    this.body.replaceChildren();
    this.#rows.clear();
  }

  #fill(keyed) {
    const hadFocus = this.body.contains(document.activeElement) ? document.activeElement : null;
    const next = new Map();
    for (const [key, row] of keyed) {
      const line = this.#rows.get(key) ?? this.#makeLine(row);
      line.row = row;
      for (const cell of line.cells) cell.fill(row);
      if (this.#options.rowClass) line.element.className = this.#options.rowClass(row);
      next.set(key, line);
    }
    for (const [key, line] of this.#rows) if (!next.has(key)) line.element.remove();
    let before = null;
    for (const line of [...next.values()].reverse()) {
      place(this.body, line.element, before);
      before = line.element;
    }
    this.#rows = next;
    if (hadFocus && document.activeElement !== hadFocus)
      (hadFocus.isConnected ? hadFocus : this.element).focus({preventScroll: true});
  }

  #makeLine(row) {
    const line = {row, cells: [], element: h('tr', {role: 'row'})};
    for (const column of this.#options.columns) {
      const td = h('td', {
        role: 'cell',
        class: this.#classOf(column),
        'data-label': column.unseen ? null : column.label,
      });
      if (column.make) {
        const made = column.make(() => line.row);
        td.append(...made.nodes);
        line.cells.push(made);
      } else {
        line.cells.push({fill: (each) => setText(td, column.text(each))});
      }
      line.element.append(td);
    }
    if (this.#options.onRow) this.#makeClickable(line);
    return line;
  }

  /** For the mouse; a button in the row does the same for the keyboard. */
  #makeClickable(line) {
    line.element.addEventListener('click', (event) => {
      const isSelecting = !getSelection().isCollapsed && line.element.contains(getSelection().anchorNode);
      if (!isSelecting && !event.target.closest('button, a, input')) this.#options.onRow(line.row);
    });
  }

  #showFoot(total) {
    const more = total - this.#most;
    show(this.foot, more > 0 || Boolean(this.#options.foot));
    if (more > 0) {
      this.foot.replaceChildren(
        button(t('more', {n: Math.min(PAGE, more)}), () => {
          this.#most += PAGE;
          this.update(this.#data);
        }),
      );
    }
  }
}

/** A column of a button that acts. */
export function actionColumn(id, label, text, onClick, props = {}) {
  return {
    id,
    label,
    unseen: true,
    make: (rowNow) => {
      const act = button(text, () => onClick(rowNow()), {kind: 'small', ...props});
      return {nodes: [act], fill: (row) => props.labelOf && setAttr(act, 'aria-label', props.labelOf(row))};
    },
  };
}

/** Two lines in a cell: what it is, and less loudly what belongs to it. */
export function twoLines(main, sub, title = null) {
  return () => {
    const first = h('div', {class: 'main'});
    const second = h('div', {class: 'sub'});
    return {
      nodes: [first, second],
      fill(row) {
        setText(first, main(row));
        const text = sub(row);
        setText(second, text);
        show(second, text !== '');
        if (title) setAttr(first, 'title', title(row));
      },
    };
  };
}
