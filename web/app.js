// The dashboard: who is in, which view is on, and what is drawn anew when language, theme or place change.
import {append} from './history.js';
import {closeAll} from './dialogs.js';
import {h} from './dom.js';
import {resume, signedOut, who} from './api.js';
import {loginForm} from './login.js';
import {moved, view} from './place.js';
import {shell, switches} from './shell.js';
import {emptyState, button} from './pieces.js';
import {snapshots, startFeed, stopFeed} from './events.js';
import {language, t} from './i18n.js';
import {access} from './access.js';
import {audience} from './audience.js';
import {overview} from './overview.js';
import {requests} from './requests.js';
import {transfers} from './transfers.js';

const VIEWS = {overview, transfers, audience, access, requests};
let frame = null;
let current = null;
let shownView = null;
let form = null;
let drawnFor = null;

function openView(focus = false) {
  const id = view();
  current?.destroy();
  frame.main.replaceChildren();
  frame.main.dataset.view = id;
  frame.open(id);
  current = VIEWS[id](frame.main);
  if (focus) {
    scrollTo(0, 0);
    frame.focusTitle();
  }
  shownView = id;
}

function close() {
  current?.destroy();
  frame?.destroy();
  frame?.element.remove();
  current = null;
  frame = null;
}

function draw() {
  close();
  frame = shell({onLanguage: drawAnew, onTheme: () => current.recolour?.()});
  document.body.append(frame.element);
  drawnFor = whoSees();
  openView();
}

function drawAnew() {
  draw();
  frame.element.querySelector('.switches select').focus({preventScroll: true});
}

/** What the page is made of depends on these. */
function whoSees() {
  return `${who().scope} ${who().name} ${language()}`;
}

/** Somebody is in. What was on the screen stays, unless it would be another for them. */
function enter() {
  form?.close();
  form = null;
  if (frame === null || drawnFor !== whoSees()) draw();
  startFeed();
}

function askKey(isAgain) {
  const redo = () => {
    form?.close();
    form = null;
    askKey(isAgain);
  };
  form = loginForm({
    isAgain,
    done: enter,
    switches: switches({onLanguage: redo, onTheme: () => current?.recolour?.()}),
  });
  form.open();
}

signedOut.on((byHand) => {
  stopFeed();
  closeAll();
  if (byHand) close();
  if (form === null) askKey(frame !== null);
});
moved.on((id) => frame !== null && openView(id !== shownView));
snapshots.on(append);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => current?.recolour?.());

async function start() {
  try {
    if ((await resume()) === null) askKey(false);
    else enter();
  } catch {
    const box = h(
      'main',
      {class: 'start-failed'},
      emptyState(
        'away',
        t('error.title'),
        t('error.nobody'),
        button(t('again'), () => {
          box.remove();
          start();
        }),
      ),
    );
    document.body.append(box);
  }
}

start();
