// Lists with a filter, and those of the store's records, of which the API gives a part.
import * as f from './format.js';
import {get} from './api.js';
import {h, setText} from './dom.js';
import {t} from './i18n.js';
import {card, searchField} from './pieces.js';
import {param, setParams} from './place.js';
import {poll} from './poll.js';
import {Table} from './table.js';

const LISTED = 1000; // more than this the API does not list

function matcher(filter, textOf) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => {
    const text = words.length > 0 ? textOf(row).toLowerCase() : '';
    return words.every((word) => text.includes(word));
  };
}

/**
 * A card with a table, a line that sums it up and a filter, which the URL keeps. The filter finds rows whose textOf() has all its
 * words. `empty()`: what stands where there are no rows at all; `sum(n)`: the line, n rows being shown; the other options are the
 * table's.
 */
export function listCard({title, filterLabel, textOf, empty, sum, onFilter = null, ...options}) {
  let filter = param('q');
  let rows = null;
  const nothingFound = () => ({sign: 'search', title: t('nothing.found'), text: t('nothing.found.text')});
  const table = new Table({...options, empty: () => (filter === '' ? empty() : nothingFound())});
  const frame = card(title, {wide: true});
  const summary = h('p', {class: 'note', role: 'status'});
  const search = searchField(filterLabel, filter, (text) => {
    filter = text;
    setParams({q: text});
    table.resort();
    draw();
    onFilter?.();
  });
  frame.titles.append(summary);
  frame.aside.append(search.element);
  frame.body.append(table.element);

  function draw() {
    if (rows === null) return;
    const matching = rows.filter(matcher(filter, textOf));
    table.update(matching);
    setText(summary, sum(matching.length));
  }

  return {
    ...frame,
    table,
    filter: () => filter,
    show(next) {
      rows = next;
      draw();
    },
  };
}

/** Rows of a list that may hold more than is listed: then those of the very uid that is filtered by are asked for, too. */
async function listed({path, member, total}, filter) {
  const answer = await get(path, {limit: LISTED});
  const isPart = answer[total] > answer[member].length;
  if (!isPart || filter === '') return {rows: answer[member], total: answer[total], isPart};
  const more = await get(path, {limit: LISTED, uid: filter}).catch(() => ({[member]: []}));
  return {rows: [...more[member], ...answer[member].filter((row) => row.uid !== filter)], total: answer[total], isPart};
}

/** A list that is asked for again and again. `from`: {path, member, total}, where it is and what its members are called. */
export function storeList(root, {from, every, ...options}) {
  let total = 0;
  let isPart = false;
  const list = listCard({
    ...options,
    sum: (n) =>
      n < total
        ? t('list.part', {shown: f.count(n), total: f.count(total)})
        : t('list.all', {n: total, total: f.count(total)}),
    onFilter: () => isPart && asking.again(),
  });
  const asking = poll({
    load: () => listed(from, list.filter()),
    every,
    failed: (error) => list.table.fail(error, asking.again),
    done(next) {
      ({total, isPart} = next);
      list.show(next.rows);
    },
  });
  root.append(list.element);
  return {aside: list.aside, again: () => asking.again(), destroy: () => asking.stop()};
}
