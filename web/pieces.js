// Small pieces that all views are made of.
import {h, debounced, setText, show} from './dom.js';
import {icon} from './icons.js';
import {t} from './i18n.js';

let lastId = 0;

/** An id that stands once on the page, for labels. */
export function newId() {
  return `i${++lastId}`;
}

/** {element, titles, aside, body}: a framed part of a view with a heading of its own. */
export function card(title, {note = null, wide = false} = {}) {
  const id = newId();
  const aside = h('div', {class: 'card-aside'});
  const body = h('div', {class: 'card-body'});
  const titles = h('div', {class: 'card-titles'}, h('h2', {id}, title), note && h('p', {class: 'note'}, note));
  const element = h(
    'section',
    {class: `card${wide ? ' wide' : ''}`, 'aria-labelledby': id},
    h('div', {class: 'card-head'}, titles, aside),
    body,
  );
  return {element, titles, aside, body};
}

const SIGNS = {good: 'good', warn: 'warning', bad: 'bad', quiet: 'info', busy: 'waiting'};

/** State by colour, sign and word: `kind` is good, warn, bad, busy or quiet. */
export function badge(kind = 'quiet', text = '') {
  const label = h('span', {}, text);
  const element = h('span', {class: `badge ${kind}`}, icon(SIGNS[kind]), label);
  let shownKind = kind;
  return {
    element,
    set(next, words) {
      if (next !== shownKind) {
        element.className = `badge ${next}`;
        element.firstChild.replaceWith(icon(SIGNS[next]));
        shownKind = next;
      }
      setText(label, words);
    },
  };
}

/** One of a few, as a row of buttons; `onChange(id)`. */
export function choice(label, options, chosen, onChange) {
  const buttons = new Map();
  function choose(id) {
    for (const [each, button] of buttons) button.setAttribute('aria-pressed', String(each === id));
  }
  for (const [id, text] of options) {
    buttons.set(
      id,
      h(
        'button',
        {
          type: 'button',
          'data-id': id,
          onclick: () => {
            choose(id);
            onChange(id);
          },
        },
        text,
      ),
    );
  }
  choose(chosen);
  return {
    element: h('div', {class: 'choice', role: 'group', 'aria-label': label}, ...buttons.values()),
    choose,
    buttons,
  };
}

export function searchField(label, value, onInput) {
  const input = h('input', {
    type: 'search',
    placeholder: label,
    'aria-label': label,
    value,
    autocomplete: 'off',
    spellcheck: 'false',
    class: 'filter',
  });
  const tell = debounced(120, () => onInput(input.value.trim()));
  input.addEventListener('input', tell);
  return {element: h('div', {class: 'search'}, icon('search'), input), input};
}

export function button(text, onclick, {kind = '', sign = null, ...props} = {}) {
  return h(
    'button',
    {type: 'button', class: `button ${kind}`.trim(), onclick, ...props},
    sign && icon(sign),
    h('span', {}, text),
  );
}

/** Rows of a name and a value; set(id, text) writes one. */
export function facts(rows) {
  const values = new Map();
  const hints = [];
  for (const [id, label] of rows) {
    const dd = h('dd', {}, '–');
    values.set(id, dd);
    hints.push(h('div', {'data-fact': id}, h('dt', {}, label), dd));
  }
  return {
    element: h('dl', {class: 'facts'}, hints),
    set: (id, text) => setText(values.get(id), text),
    of: (id) => values.get(id),
    show: (id, is) => show(values.get(id).parentNode, is),
  };
}

/** What stands where there is nothing to show. */
export function emptyState(sign, title, text = '', action = null) {
  return h(
    'div',
    {class: 'empty'},
    icon(sign),
    h('p', {class: 'empty-title'}, title),
    text && h('p', {}, text),
    action,
  );
}

export function errorText(error) {
  return error.status === 0 ? t('error.nobody') : t('error.said', {status: error.status, text: error.message});
}

export function errorState(error, again) {
  return emptyState('warning', t('error.title'), errorText(error), again && button(t('again'), again));
}

/** Of a running or partial figure, drawn; `value` from 0 to 1, null: nobody knows how far. */
export function bar(label) {
  const fill = h('div', {class: 'fill'});
  const element = h(
    'div',
    {class: 'bar', role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100},
    fill,
  );
  return {
    element,
    set(value) {
      element.classList.toggle('unknown', value === null);
      if (value === null) {
        element.removeAttribute('aria-valuenow');
        fill.style.width = '100%';
        return;
      }
      const percent = Math.round(Math.min(1, Math.max(0, value)) * 1000) / 10;
      element.setAttribute('aria-valuenow', Math.round(percent));
      fill.style.width = `${percent}%`;
    },
  };
}

/** A part of the largest, behind a number; only to look at. */
export function share() {
  const fill = h('div', {class: 'fill'});
  const element = h('div', {class: 'share', 'aria-hidden': 'true'}, fill);
  return {
    element,
    set(value) {
      fill.style.width = `${Math.round(Math.min(1, Math.max(0, value)) * 1000) / 10}%`;
    },
  };
}
