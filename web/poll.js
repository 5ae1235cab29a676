// Asking again and again for what the feed does not bring: one question at a time, and none while nobody looks.
import {who} from './api.js';
import {latest, snapshots} from './events.js';

/**
 * Calls `load()` at once, then `every` milliseconds after the last answer; its outcome goes to `done(answer)` or
 * `failed(error)`. `ifMoved(snapshot)`: a figure; while it stays the same nothing is asked.
 */
export function poll({load, every, done, failed, ifMoved = null}) {
  let timer = 0;
  let turn = 0;
  let figure;

  function isDue() {
    if (document.hidden || who() === null) return false;
    const snapshot = latest();
    return ifMoved === null || snapshot === null || ifMoved(snapshot) !== figure;
  }

  async function run() {
    const mine = ++turn;
    clearTimeout(timer);
    if (ifMoved !== null && latest() !== null) figure = ifMoved(latest());
    try {
      const answer = await load();
      if (mine === turn) done(answer);
    } catch (error) {
      if (mine === turn) failed(error);
      figure = undefined;
    }
    if (mine === turn) timer = setTimeout(next, every);
  }

  function next() {
    if (isDue()) run();
    else timer = setTimeout(next, 500);
  }

  run();
  return {
    /** Now, whatever is under way. */
    again: run,
    stop() {
      turn++;
      clearTimeout(timer);
    },
  };
}

/** Hears snapshots only while the page is looked at, and the last one when it is again. */
export function whileSeen(listener) {
  const stop = snapshots.on((snapshot) => document.hidden || listener(snapshot));
  const onSeen = () => !document.hidden && latest() !== null && listener(latest());
  document.addEventListener('visibilitychange', onSeen);
  if (latest() !== null) listener(latest());
  return () => {
    stop();
    document.removeEventListener('visibilitychange', onSeen);
  };
}
