// Login: by an API key, which the server exchanges for a cookie that no script can read. Where a session ends, this stands above
// what was on the screen, and goes again.
import {h, setText, show} from './dom.js';
import {icon, sign} from './icons.js';
import {CookieError, login as enter} from './api.js';
import {t} from './i18n.js';
import {errorText, newId} from './pieces.js';

function messageOf(error) {
  if (error instanceof CookieError) return t('login.cookie');
  if (error.status === 429) return t('login.slow');
  if (error.status === 403 && error.message.includes('Host')) return t('login.host');
  if (error.status === 401 || error.status === 403) return t('login.wrong');
  return errorText(error);
}

/** `isAgain`: somebody was here before; `switches`: language and theme; done() when somebody is in. */
export function loginForm({isAgain, switches, done}) {
  const id = newId();
  const input = h('input', {
    id,
    type: 'password',
    name: 'key',
    required: true,
    autocomplete: 'current-password',
    spellcheck: 'false',
    'aria-describedby': `${id}e`,
  });
  const error = h('p', {id: `${id}e`, class: 'form-error', role: 'alert', hidden: true});
  const go = h('button', {type: 'submit', class: 'button primary large'}, h('span', {}, t('login.go')));
  const form = h(
    'form',
    {class: 'login-form'},
    h('div', {class: 'login-sign'}, sign(), h('h1', {id: `${id}t`}, 'hlsgate')),
    h('input', {type: 'text', name: 'username', value: 'hlsgate', autocomplete: 'username', hidden: true}), // for keepers of passwords
    h('p', {class: 'lead'}, isAgain ? t('login.again') : t('login.lead')),
    h('div', {class: 'field'}, h('label', {for: id}, t('login.key')), input),
    error,
    go,
    h('p', {class: 'note login-note'}, icon('access'), h('span', {}, t('login.note'))),
  );
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = true;
    show(error, false);
    try {
      await enter(input.value);
      input.value = '';
      done();
    } catch (failure) {
      setText(error, messageOf(failure));
      show(error, true);
      input.select();
      input.focus();
    } finally {
      go.disabled = false;
    }
  });
  const element = h(
    'dialog',
    {class: `login${isAgain ? ' above' : ''}`, 'aria-labelledby': `${id}t`},
    h('div', {class: 'login-box'}, form, switches),
  );
  let isOver = false;
  // Escape shuts a dialog, some browsers' second one whatever a page says; this one has nothing behind it.
  element.addEventListener('cancel', (event) => event.preventDefault());
  element.addEventListener('close', () => isOver || element.showModal());
  return {
    element,
    open() {
      document.body.append(element);
      element.showModal();
      input.focus();
    },
    close() {
      isOver = true;
      element.close();
      element.remove();
    },
  };
}
