// Access: who may watch (grants) and who does (sessions). Operators act; viewers see.
import {h} from './dom.js';
import {icon} from './icons.js';
import {mayAct} from './api.js';
import {t} from './i18n.js';
import {choice} from './pieces.js';
import {param, setParams} from './place.js';
import {grants} from './grants.js';
import {sessions} from './sessions.js';

const TABS = {sessions, grants};

function whyNoButtons() {
  return mayAct() ? null : h('p', {class: 'hint'}, icon('info'), h('span', {}, t('access.viewer_only')));
}

export function access(root) {
  let which = param('tab') === 'grants' ? 'grants' : 'sessions';
  let inner = null;
  const box = h('div', {class: 'tab-body'});

  function open() {
    inner?.destroy();
    box.replaceChildren();
    inner = TABS[which](box);
  }

  const tabs = choice(
    t('access.tabs'),
    [
      ['sessions', t('sessions')],
      ['grants', t('grants')],
    ],
    which,
    (id) => {
      which = id;
      setParams({tab: id === 'sessions' ? '' : id, sort: ''});
      open();
    },
  );
  root.append(h('div', {class: 'toolbar'}, tabs.element), whyNoButtons() ?? '', box);
  open();
  return {destroy: () => inner.destroy()};
}
