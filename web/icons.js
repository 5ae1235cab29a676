// Line icons, drawn on 16 by 16.
import {svg} from './dom.js';

const PATHS = {
  overview: 'M1.5 8.5h3l2-5.5 3 10 2-4.5h3',
  transfers: 'M5 2.5v11M2 10.5l3 3 3-3M11 13.5v-11M8 5.5l3-3 3 3',
  audience:
    'M6 8a2.7 2.7 0 1 0 0-5.4A2.7 2.7 0 0 0 6 8zM1 13.6c.5-2.4 2.4-3.7 5-3.7s4.5 1.3 5 3.700M10.8 2.800a2.6 2.6 0 0 1 0 4.900M12.5 10.300c1.4.6 2.2 1.7 2.5 3.3',
  access: 'M8 1.500l5.5 2v4c0 3.4-2.2 5.9-5.5 7-3.3-1.1-5.5-3.6-5.5-7v-4zM5.7 7.900l1.6 1.6 3-3.2',
  requests: 'M2.5 3.500h11M2.5 8h11M2.5 12.500h6.5',
  sun: 'M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM8 1v1.500M8 13.500V15M1 8h1.500M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.700A5.8 5.8 0 0 1 6.3 2.500a5.8 5.8 0 1 0 7.2 7.200z',
  auto: 'M1.5 3h13v8.500h-13zM5.5 14h5M8 11.500V14',
  language: 'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM1.5 8h13M8 1.500c4 4 4 9 0 13-4-4-4-9 0-13z',
  leave: 'M6 14H2.500V2H6M10.5 11.500L14 8l-3.5-3.500M14 8H6',
  good: 'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM5.2 8.200l2 2 3.6-4',
  bad: 'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM5.8 5.800l4.4 4.400M10.2 5.800l-4.4 4.4',
  warning: 'M8 2L14.8 13.800H1.200zM8 6.500v3.200M8 11.600v.2',
  info: 'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 7.300v3.700M8 5v.2',
  away: 'M1.5 5.500C5 2.3 11 2.3 14.5 5.500M4 8.300c2.2-2 5.8-2 8 0M6.5 11c.9-.8 2.1-.8 3 0M2 14L14 2',
  close: 'M3.5 3.500l9 9M12.5 3.500l-9 9',
  search: 'M7 12a5 5 0 1 0 0-10 5 5 0 0 0 0 10zM10.6 10.600L14 14',
  plus: 'M8 2.500v11M2.5 8h11',
  question:
    'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM6 6.200c.2-2.6 4.2-2.3 4 .1-.1 1.3-2 1.4-2 2.900M8 11.300v.2',
  none: 'M2 5l6-3 6 3v6l-6 3-6-3zM2 5l6 3 6-3M8 8v6',
  waiting: 'M8 14.500a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM8 4.500V8l2.5 1.5',
};

export function icon(name) {
  return svg(
    'svg',
    {class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true', focusable: 'false'},
    svg('path', {d: PATHS[name]}),
  );
}

/** The sign of the house: a play button between two posts. */
export function sign() {
  return svg(
    'svg',
    {class: 'sign', viewBox: '0 0 32 32', 'aria-hidden': 'true', focusable: 'false'},
    svg('rect', {width: 32, height: 32, rx: 8}),
    svg('path', {class: 'posts', d: 'M8 8v16M24 8v16'}),
    svg('path', {class: 'play', d: 'M13 11.200v9.600l7-4.800z'}),
  );
}
