// What the page is about now, and who wants to know when that changes.

import { asked, isSameVehicle, NOTHING, read, written } from "./question.js";

/** Of the page: the question, its answer, the session and what the gallery holds. */
export const now = {
  question: NOTHING,
  answer: null,
  session: null,
  gallery: null,
  choices: null,
  places: null,
};

const listeners = { asked: [], shown: [], answered: [], marked: [] };

/**
 * Be told of a change.
 * @param {"asked"|"shown"|"answered"|"marked"} what another question is asked; the same is shown in
 *   another way; an answer came; a mark was made.
 */
export function when(what, listener) {
  listeners[what].push(listener);
}

export function tell(what) {
  for (const listener of listeners[what]) listener(now);
}

/**
 * Ask or show something else; the address follows, so "back" comes back.
 * @param {Partial<import("./question.js").Question>} changes
 * @param {"push"|"replace"} how whether "back" leads to what was before.
 */
export function go(changes, how = "push") {
  const next = { ...now.question, ...changes };
  if (!isSameVehicle(next, now.question)) {
    if (!("yes" in changes)) Object.assign(next, { yes: [], no: [] });
    if (!("sort" in changes)) next.sort = NOTHING.sort;
  }
  if (written(next) === written(now.question)) return;
  const address = `${location.pathname}#${written(next)}`;
  history[how === "push" ? "pushState" : "replaceState"](null, "", address);
  become(next);
}

/** Ask what the address says. */
export function followAddress() {
  become(read(location.hash), true);
}

function become(next, anew = false) {
  const before = now.question;
  now.question = next;
  if (anew === true && now.answer === null) tell("asked");
  else if (asked(next) !== asked(before)) tell("asked");
  tell("shown");
}
