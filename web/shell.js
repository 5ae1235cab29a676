// What all views stand in: the rail with its links, the head with the state of things, the bar that says how old the figures are.
import * as f from './format.js';
import {feedState, latest, receivedAt, states} from './events.js';
import {h, setAttr, setText, show, shown} from './dom.js';
import {icon, sign} from './icons.js';
import {LANGUAGES, keep, kept, language, setLanguage, t, tOr} from './i18n.js';
import {logout, who} from './api.js';
import {noticesBox} from './dialogs.js';
import {badge} from './pieces.js';
import {VIEWS, hrefOf} from './place.js';
import {statusKind, statusWord, warnings} from './health.js';
import {whileSeen} from './poll.js';

const THEMES = ['auto', 'light', 'dark'];
const THEME_SIGNS = {auto: 'auto', light: 'sun', dark: 'moon'};
const KEPT = 'hlsgate.theme';

function theme() {
  const byHand = kept(KEPT);
  return THEMES.includes(byHand) ? byHand : 'auto';
}

function setTheme(next) {
  keep(KEPT, next === 'auto' ? null : next);
  if (next === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
}

/** Language and theme; `onLanguage` and `onTheme` are told after. */
export function switches({onLanguage, onTheme}) {
  const languages = h(
    'select',
    {'aria-label': t('language')},
    Object.entries(LANGUAGES).map(([id, name]) =>
      h('option', {value: id, selected: id === language(), lang: id === 'zh' ? 'zh-Hans' : id}, name),
    ),
  );
  languages.addEventListener('change', () => {
    setLanguage(languages.value);
    onLanguage();
  });
  const themes = h(
    'div',
    {class: 'themes', role: 'group', 'aria-label': t('theme')},
    THEMES.map((id) =>
      h(
        'button',
        {
          type: 'button',
          'data-theme-choice': id,
          'aria-pressed': String(theme() === id),
          'aria-label': t(`theme.${id}`),
          title: t(`theme.${id}`),
          onclick() {
            setTheme(id);
            for (const each of themes.children)
              each.setAttribute('aria-pressed', String(each.dataset.themeChoice === id));
            onTheme();
          },
        },
        icon(THEME_SIGNS[id]),
      ),
    ),
  );
  return h('div', {class: 'switches'}, h('div', {class: 'select'}, icon('language'), languages), themes);
}

function rail(switchesBox) {
  const links = new Map(
    VIEWS.map((id) => [
      id,
      h(
        'a',
        {href: hrefOf(id), class: 'link', 'data-view': id},
        icon(id),
        h('span', {class: 'link-text'}, t(`view.${id}`)),
        h('span', {class: 'link-count'}),
      ),
    ]),
  );
  const account = who();
  const foot = h(
    'div',
    {class: 'rail-foot'},
    switchesBox,
    h(
      'div',
      {class: 'account'},
      h(
        'div',
        {class: 'account-who'},
        h('div', {class: 'main'}, shown(account.name, 40)),
        h('div', {class: 'sub'}, tOr(`scope.${account.scope}`, account.scope)),
      ),
      h(
        'button',
        {
          type: 'button',
          class: 'icon-button',
          'aria-label': t('logout'),
          title: t('logout'),
          'data-act': 'logout',
          onclick: logout,
        },
        icon('leave'),
      ),
    ),
  );
  const element = h(
    'div',
    {class: 'rail'},
    h(
      'div',
      {class: 'brand'},
      sign(),
      h('div', {}, h('div', {class: 'brand-name'}, 'hlsgate'), h('div', {class: 'sub brand-version'})),
    ),
    h('nav', {class: 'links', 'aria-label': t('views')}, [...links.values()]),
    foot,
  );
  return {element, links};
}

/** Since when the figures are old, and that somebody tries. */
function connectionBar() {
  const text = h('span', {});
  const element = h('div', {class: 'lost', role: 'alert', hidden: true}, icon('away'), text);
  let since = 0;
  let timer = 0;

  function say() {
    setText(text, receivedAt() === 0 ? t('lost.never') : t('lost', {time: f.clock(since)}));
  }

  function change(state) {
    const isLost = state === 'lost';
    document.body.classList.toggle('stale', isLost);
    if (isLost && element.hidden) since = receivedAt();
    show(element, isLost);
    if (isLost) say();
    clearInterval(timer);
  }

  change(feedState());
  const stop = states.on(change);
  return {
    element,
    destroy() {
      stop();
      clearInterval(timer);
      document.body.classList.remove('stale');
    },
  };
}

/** The frame; open(id) says which view is on, `main` holds it. */
export function shell({onLanguage, onTheme}) {
  const box = switches({onLanguage, onTheme});
  const {element: side, links} = rail(box);
  const lost = connectionBar();
  const hands = warnings();
  const status = badge();
  const live = h(
    'span',
    {class: 'live'},
    h('span', {class: 'dot', 'aria-hidden': 'true'}),
    h('span', {class: 'live-text'}),
  );
  const title = h('h1', {tabindex: '-1'});
  const small = h('div', {class: 'head-switches'});
  const head = h('header', {class: 'head'}, title, h('div', {class: 'head-state'}, status.element, live), small);
  const main = h('main', {class: 'content', id: 'main', tabindex: '-1'});
  const skip = h(
    'a',
    {
      class: 'skip',
      href: '#main',
      onclick(event) {
        event.preventDefault();
        main.focus();
      },
    },
    t('skip'),
  );
  const element = h(
    'div',
    {class: 'frame'},
    skip,
    side,
    h('div', {class: 'page'}, head, lost.element, hands.element, main),
    noticesBox(),
  );
  small.append(
    h(
      'button',
      {
        type: 'button',
        class: 'icon-button more',
        'aria-label': t('settings'),
        'aria-expanded': 'false',
        onclick(event) {
          const isOpen = side.classList.toggle('open-foot');
          setAttr(event.currentTarget, 'aria-expanded', String(isOpen));
        },
      },
      icon('auto'),
    ),
  );

  function say(state) {
    setText(live.lastChild, t(`live.${state}`));
    live.dataset.state = state;
  }

  say(feedState());
  function sayCount(id, n) {
    setText(links.get(id).querySelector('.link-count'), n ? f.compact(n) : '');
  }

  const stops = [
    states.on(say),
    whileSeen((snapshot) => {
      status.set(statusKind(snapshot.status), statusWord(snapshot.status));
      hands.update(snapshot);
      setText(side.querySelector('.brand-version'), snapshot.version);
      sayCount('transfers', snapshot.transfers.total);
      sayCount('access', snapshot.now.sessions);
    }),
  ];
  return {
    element,
    main,
    destroy() {
      stops.forEach((stop) => stop());
      lost.destroy();
    },
    open(id) {
      const name = t(`view.${id}`);
      setText(title, name);
      document.title = `${name} · hlsgate`;
      for (const [each, link] of links) setAttr(link, 'aria-current', each === id ? 'page' : null);
      side.classList.remove('open-foot');
    },
    focusTitle: () => title.focus({preventScroll: true}),
    isFresh: () => latest() !== null,
  };
}
