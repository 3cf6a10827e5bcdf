// What the answer is: how many, what the filter removed, the model, exact or not, how long it took.

import { words } from "./conditions.js";
import { byId, element, put } from "./element.js";
import { renew } from "./focus.js";
import { icon } from "./icons.js";
import { clearQuery } from "./query_strip.js";
import { isSearch } from "./question.js";
import { isBusy, search } from "./searching.js";
import { askReason, isStated } from "./reason.js";
import { go, now, when } from "./store.js";
import { clockName, counted, countedIn, number } from "./words.js";

const STEPS = [
  ["none", "as measured"],
  ["rerank", "re-ranked"],
  ["tracks", "best of each pass"],
  ["rerank,tracks", "re-ranked, best of each pass"],
  ["camera", "other cameras only"],
];

export function beginAnswerLine() {
  when("answered", show);
  when("shown", show);
  show();
}

function show() {
  const { answer, question } = now;
  if (isBusy()) {
    put(
      byId("about"),
      element("p", { class: "quiet-text" }, isSearch(question) ? "Searching…" : "Loading…"),
    );
    return;
  }
  renew(byId("order"), ...choices());
  put(byId("empty"), ...(emptiness() ?? []));
  byId("empty").hidden = !byId("empty").childElementCount;
  if (!answer?.hits) {
    put(byId("about"));
    return;
  }
  put(
    byId("about"),
    element(
      "p",
      { class: "found" },
      element("b", {}, foundSaid()),
      removedSaid(),
      belowSaid(),
      answer.conclusion ? element("span", {}, answer.conclusion) : null,
    ),
    element("p", { class: "how" }, ...howSaid().map((text) => element("span", {}, text))),
    cautions([...answer.cautions, ...(answer.broken ? [answer.broken] : [])]),
  );
}

function cautions(texts) {
  return texts.length
    ? element(
        "ul",
        { class: "cautions" },
        ...texts.map((text) => element("li", {}, icon("warning", 16), element("span", {}, text))),
      )
    : null;
}

function foundSaid() {
  const many = countedIn(now.answer);
  return isSearch(now.question) ? many : `${many}, newest first, of ${number(now.answer.searched)}`;
}

function removedSaid() {
  const { stored, searched } = now.answer;
  if (!(stored > searched)) return null;
  const who = words(now.question.where).length ? "filter removed" : "left out:";
  return element("span", {}, `${who} ${number(stored - searched)} of ${number(stored)}`);
}

function belowSaid() {
  const { below } = now.answer;
  return below ? element("span", {}, `${number(below)} less probable hits left out`) : null;
}

function howSaid() {
  const { answer, question } = now;
  const said = [`model ${answer.model}`, counted(answer.searched, "vector")];
  if (isSearch(question)) {
    said.push(answer.exact ? "exact: every distance computed" : "approximate: by an index");
    said.push(`${Math.max(Math.round(answer.seconds * 1000), 1)} ms`);
    if (answer.calibrated === false) said.push("not calibrated: a similarity is no probability");
  }
  if (answer.left_out.length) said.push("the query itself left out");
  said.push(`times in ${clockName(question.where.zone)}`);
  return said;
}

function choices() {
  const { question } = now;
  if (!isSearch(question)) return [];
  const known = STEPS.some(([value]) => value === question.post)
    ? STEPS
    : [...STEPS, [question.post, question.post]];
  return [
    chooser(
      "Order",
      [
        ["nearest", "nearest first"],
        ["newest", "newest first"],
      ],
      question.sort,
      (sort) => go({ sort }),
    ),
    chooser("Steps", known, question.post, (post) => go({ post, open: null })),
  ];
}

function chooser(said, values, chosen, then) {
  const field = element(
    "select",
    { "aria-label": said, onchange: () => then(field.value) },
    ...values.map(([value, text]) =>
      element("option", { value, selected: value === chosen }, text),
    ),
  );
  return element("label", { class: "inline" }, element("span", {}, said), field);
}

// An empty answer says why, and what can be done about it.
function emptiness() {
  const { answer, question } = now;
  if (!answer) {
    return isStated()
      ? null
      : notice("Nothing is shown without a reason.", [
          button("State a reason", () => askReason(search)),
        ]);
  }
  if (answer.refused)
    return notice(answer.refused.message, [
      button("Try again", search),
      ...unasking(),
      ...clearing(),
    ]);
  if (answer.hits.length) return null;
  if (answer.stored === 0 || now.gallery?.sightings === 0) {
    return notice(
      'No sighting is stored yet. Add films with "platefree ingest", or pictures with ' +
        '"platefree gallery add".',
      [],
    );
  }
  if (answer.below && answer.searched) {
    return notice(`All ${counted(answer.below, "hit")} are less probable than ${question.least}.`, [
      button("Show them", () => go({ least: null })),
      ...clearing(),
    ]);
  }
  if (answer.stored !== undefined && !answer.searched) {
    return notice(`The filter removed all ${number(answer.stored)} sightings.`, clearing());
  }
  return notice("No sighting is similar enough, or the steps removed them all.", clearing());
}

function unasking() {
  return isSearch(now.question) ? [button("Clear the query", clearQuery)] : [];
}

function clearing() {
  return words(now.question.where, now.question.least).length
    ? [button("Remove the filter", () => go({ where: {}, least: null, open: null }))]
    : [];
}

function notice(text, buttons) {
  return [
    element("p", {}, text),
    buttons.length ? element("div", { class: "row" }, ...buttons) : null,
  ].filter(Boolean);
}

function button(text, onclick) {
  return element("button", { type: "button", onclick }, text);
}
