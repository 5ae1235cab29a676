// What stands above the page: questions before something is done, forms, the drawer; and short notices of what was done.
import {h, setText, show} from './dom.js';
import {icon} from './icons.js';
import {t} from './i18n.js';
import {button, newId} from './pieces.js';

/** A modal; gone from the page when it is closed. `className`: dialog or drawer. */
export function modal(title, className = 'dialog') {
  const id = newId();
  const body = h('div', {class: 'dialog-body'});
  const element = h(
    'dialog',
    {class: className, 'aria-labelledby': id},
    h(
      'div',
      {class: 'dialog-head'},
      h('h2', {id, tabindex: '-1', autofocus: true}, title),
      h(
        'button',
        {type: 'button', class: 'icon-button', 'aria-label': t('close'), onclick: () => element.close()},
        icon('close'),
      ),
    ),
    body,
  );
  element.addEventListener('close', () => element.remove());
  element.addEventListener('pointerdown', (event) => {
    if (event.target === element) element.close();
  });
  document.body.append(element);
  element.showModal();
  return {element, body, close: () => element.close()};
}

export function closeAll() {
  for (const dialog of document.querySelectorAll('dialog.dialog, dialog.drawer')) dialog.close();
}

function radios(options) {
  const name = newId();
  const group = h('div', {class: 'radios'});
  options.forEach(([value, text, hint], at) => {
    group.append(
      h(
        'label',
        {class: 'radio'},
        h('input', {type: 'radio', name, value, checked: at === 0}),
        h('span', {}, h('span', {class: 'radio-text'}, text), hint && h('span', {class: 'sub'}, hint)),
      ),
    );
  });
  return {element: group, value: () => group.querySelector('input:checked').value};
}

/**
 * A form with an error line and two buttons. `act()` does it, with the dialog shut while it runs; a failure is said in the
 * dialog, which stays.
 */
export function ask({title, lead, content = [], confirm, kind = 'primary', act}) {
  const dialog = modal(title);
  const error = h('p', {class: 'form-error', role: 'alert', hidden: true});
  const go = h('button', {type: 'submit', class: `button ${kind}`}, h('span', {}, confirm));
  const stop = button(t('cancel'), dialog.close);
  const form = h(
    'form',
    {method: 'dialog'},
    lead && h('p', {class: 'lead'}, lead),
    ...content,
    error,
    h('div', {class: 'buttons'}, stop, go),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    show(error, false);
    try {
      await act();
      dialog.close();
    } catch (failure) {
      setText(error, failure.status === 0 ? t('error.nobody') : failure.message);
      show(error, true);
    } finally {
      go.disabled = false;
    }
  });
  dialog.body.append(form);
  return dialog;
}

/** A question with a choice of how far it goes: act(value). */
export function askHowFar({title, lead, options, more = null, note, confirm, act}) {
  const group = radios(options);
  return ask({
    title,
    lead,
    confirm,
    kind: 'danger',
    act: () => act(group.value()),
    content: [group.element, more, note && h('p', {class: 'note'}, note)],
  });
}

/** A labelled input; `props` go to it. */
export function field(label, name, props = {}, hint = null) {
  const id = newId();
  const hintId = `${id}h`;
  const input = h(props.rows ? 'textarea' : 'input', {
    id,
    name,
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-describedby': hint && hintId,
    ...props,
  });
  return {
    input,
    element: h(
      'div',
      {class: 'field'},
      h('label', {for: id}, label),
      input,
      hint && h('p', {id: hintId, class: 'note'}, hint),
    ),
  };
}

/** A labelled choice of one of many: options are [value, text]. */
export function selection(label, options) {
  const id = newId();
  const input = h(
    'select',
    {id},
    options.map(([value, text]) => h('option', {value}, text)),
  );
  return {input, element: h('div', {class: 'field'}, h('label', {for: id}, label), input)};
}

let notices = null;

export function noticesBox() {
  notices = h('div', {class: 'notices', role: 'status', 'aria-live': 'polite'});
  return notices;
}

export function notice(text, kind = 'good') {
  if (notices === null) return;
  const line = h('div', {class: `notice ${kind}`}, icon(kind === 'good' ? 'good' : 'warning'), h('span', {}, text));
  notices.append(line);
  setTimeout(() => line.remove(), 6_000);
}
