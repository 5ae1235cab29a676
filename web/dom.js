// Elements, made by script alone: what comes from outside becomes text nodes and attributes, never markup.

const SVG = 'http://www.w3.org/2000/svg';

function apply(node, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, '');
    else node.setAttribute(name, value);
  }
}

/** h('p', {class: 'note'}, 'text', node, null): strings are text, null and false are nothing. */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  apply(node, props);
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    node.append(child);
  }
  return node;
}

export function svg(tag, props = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  apply(node, props);
  node.append(...children);
  return node;
}

/** Writes only what has changed, so that a selection in a live table outlives its updates. */
export function setText(node, text) {
  const value = String(text);
  const first = node.firstChild;
  if (first !== null && first.nodeType === Node.TEXT_NODE && first.nextSibling === null) {
    if (first.data !== value) first.data = value;
  } else {
    node.textContent = value;
  }
}

export function setAttr(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value === true ? '' : value);
}

export function show(node, is) {
  if (node.hidden === is) node.hidden = !is;
}

/** Moves a node without taking the focus from what is in it, where the browser can. */
export function place(parent, node, before) {
  if (node.parentNode === parent && node.nextSibling === before) return;
  if (node.parentNode === parent && parent.moveBefore) parent.moveBefore(node, before);
  else parent.insertBefore(node, before);
}

/** Calls after a pause, and at the latest call's arguments only. */
export function debounced(milliseconds, fn) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => fn(...args), milliseconds);
  };
}

const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of strangers: controls and marks that turn its direction are shown as what they are; at most `most` characters. */
export function shown(text, most = 160) {
  const cut = text.length > most ? text.slice(0, most).replace(/[\ud800-\udbff]$/, '') + '…' : text;
  return cut.replace(HIDDEN, (c) => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
}

/** Those who want to hear, and telling them. */
export class Signal {
  #listeners = new Set();

  /** Answers a function that ends it. */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(value) {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
