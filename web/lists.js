// Lists that the API gives a part of.
import {get} from './api.js';

const LISTED = 1000; // more than this the API does not list

/** Rows of a list that may hold more than is listed: then those of the very uid that is filtered by are asked for, too. */
export async function listed(path, member, totalOf, filter) {
  const answer = await get(path, {limit: LISTED});
  const isPart = totalOf(answer) > answer[member].length;
  if (!isPart || filter === '') return {rows: answer[member], total: totalOf(answer)};
  const more = await get(path, {limit: LISTED, uid: filter}).catch(() => ({[member]: []}));
  return {rows: [...more[member], ...answer[member].filter((row) => row.uid !== filter)], total: totalOf(answer)};
}
