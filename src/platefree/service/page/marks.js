// What was said of sightings: yes, it is the vehicle; no, it is not; similar. Shapes and colors.

import { byId, element } from "./element.js";
import { renew } from "./focus.js";
import { icon } from "./icons.js";
import { isSameVehicle, isSearch, NOTHING } from "./question.js";
import { go, now, tell, when } from "./store.js";
import { may } from "./session.js";
import { counted } from "./words.js";

/** The marks there are, each with its key and what it says. */
export const MARKS = {
  yes: { key: "y", said: "Yes, this is it" },
  no: { key: "n", said: "No, this is not it" },
  similar: { key: "s", said: "Similar: not sure" },
};

const marked = new Map();
let about = NOTHING; // the question that was asked last

/** The mark of a sighting; empty if there is none. */
export function markOf(number) {
  return marked.get(number) ?? "";
}

/** The sightings with a mark. */
export function numbersOf(mark) {
  return [...marked].filter(([, each]) => each === mark).map(([number]) => number);
}

/** All marks, by number. */
export function allMarks() {
  return [...marked];
}

/** Mark sightings of one pass; the same mark again takes it away. */
export function mark(numbers, name) {
  const isAway = numbers.every((number) => markOf(number) === name);
  for (const number of numbers) {
    if (isAway) marked.delete(number);
    else marked.set(number, name);
  }
  tell("marked");
}

function clearMarks() {
  marked.clear();
  go({ yes: [], no: [] });
  tell("marked");
}

/** Buttons to mark these; `shown` makes them fit what was marked. */
export function markButtons(numbers, attributes = {}) {
  const buttons = Object.entries(MARKS).map(([name, { key, said }]) =>
    element(
      "button",
      {
        type: "button",
        class: `mark ${name}`,
        "aria-label": said,
        title: `${said} (${key})`,
        "aria-pressed": "false",
        onclick: () => mark(numbers, name),
        ...attributes,
      },
      icon(name, 16),
    ),
  );
  const shown = () =>
    buttons.forEach((button, place) => {
      const name = Object.keys(MARKS)[place];
      button.setAttribute("aria-pressed", String(numbers.every((each) => markOf(each) === name)));
    });
  shown();
  return { buttons, shown };
}

/** The bar with what was marked and what can be done with it. */
export function beginMarks(actions) {
  when("asked", follow);
  when("marked", () => showBar(actions));
  when("shown", () => showBar(actions));
}

// Another vehicle has other marks; of an address those are taken over that it searches with.
function follow() {
  const { question } = now;
  const isOther = !isSameVehicle(question, about);
  if (isOther) marked.clear();
  for (const name of ["yes", "no"]) {
    // what was taken away since the last question stays away
    if (!isOther && String(question[name]) === String(about[name])) continue;
    for (const number of question[name]) marked.set(number, name);
  }
  about = question;
  tell("marked");
}

function showBar(actions) {
  const bar = byId("marked");
  bar.hidden = !marked.size;
  if (bar.hidden) return;
  const counts = Object.keys(MARKS).map((name) => {
    const many = numbersOf(name).length;
    return many
      ? element("span", { class: `count ${name}` }, icon(name, 16), `${many} ${name}`)
      : null;
  });
  const again =
    may("analyst") &&
    isSearch(now.question) &&
    element(
      "button",
      {
        type: "button",
        class: "primary",
        disabled: !isNew(),
        onclick: searchAgain,
        title: isNew()
          ? "The query moves towards sightings marked yes, and away from those marked no"
          : "The search already uses these marks",
      },
      "Search again with these",
    );
  renew(
    bar,
    element("span", { class: "unseen" }, counted(marked.size, "sighting"), " marked: "),
    ...counts,
    element("span", { class: "push" }),
    again,
    ...actions(),
    element("button", { type: "button", class: "quiet", onclick: clearMarks }, "Clear"),
  );
}

function isNew() {
  const same = (name) =>
    String(numbersOf(name).sort(byValue)) === String([...now.question[name]].sort(byValue));
  return !(same("yes") && same("no"));
}

function byValue(one, other) {
  return one - other;
}

function searchAgain() {
  go({ yes: numbersOf("yes").sort(byValue), no: numbersOf("no").sort(byValue), open: null });
}
