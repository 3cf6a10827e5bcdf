// A sighting in detail: the query beside it, the whole frame, its pass, what came before and after.

import { ask, crop } from "./service.js";
import { openDialog } from "./dialog.js";
import { element, iconButton, put } from "./element.js";
import { addToCase } from "./case_adding.js";
import { filmPart } from "./film.js";
import { frameView } from "./frame_view.js";
import { heatPart } from "./heat_map.js";
import { icon } from "./icons.js";
import { mark, markButtons, MARKS } from "./marks.js";
import { queryPicture } from "./query_strip.js";
import { isSearch, subject } from "./question.js";
import { findSimilar, passesShown, passOf, sureLine } from "./results.js";
import { hitOf, isBusy } from "./searching.js";
import { may } from "./session.js";
import { go, now, when } from "./store.js";
import { moment, named, span, vehicle } from "./words.js";

let open = null; // the dialog, and what stops what runs in it

export function beginDetail() {
  when("shown", follow);
  when("answered", () => {
    if (!open || isBusy()) return;
    if (open.hit !== hitOf(open.number) || open.query !== subject(now.question)) fill(open.number);
    else head(); // a list has become longer
  });
  when("marked", () => open?.marks?.shown());
  document.addEventListener("keydown", byKey); // whatever part of the details was just made anew
  follow();
}

function follow() {
  const { open: number } = now.question;
  if (number === null) {
    open?.dialog.close();
    return;
  }
  if (!open) begin();
  if (open.number !== number) fill(number);
}

function begin() {
  const dialog = openDialog({
    title: "Sighting",
    kind: "detail",
    content: [],
    tools: [
      iconButton(icon("left"), "Previous (left arrow)", () => neighbour(-1), {
        class: "icon before",
      }),
      iconButton(icon("right"), "Next (right arrow)", () => neighbour(1), { class: "icon after" }),
    ],
    onclose: () => {
      open.stop.abort();
      open = null;
      if (now.question.open !== null) go({ open: null });
    },
  });
  open = { dialog, number: null, hit: null, query: "", marks: null, stop: new AbortController() };
}

async function fill(number) {
  open.stop.abort();
  const stop = (open.stop = new AbortController());
  // while another answer is awaited, what is known is of the question before
  const hit = isBusy() ? undefined : hitOf(number);
  Object.assign(open, { number, hit, query: subject(now.question) });
  try {
    const sighting = await ask("GET", `/api/sightings/${number}`, undefined, stop.signal);
    if (!stop.signal.aborted) show(sighting, hit, stop.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    head();
    open.dialog.show(element("p", { role: "alert" }, error.message));
  }
}

function head() {
  const { dialog, number, hit } = open;
  const at = passesShown().indexOf(hit && passOf(number));
  dialog.title(
    at < 0 ? `Sighting ${number}` : `${at + 1} of ${passesShown().length}: sighting ${number}`,
  );
  for (const [name, to] of [
    ["before", at - 1],
    ["after", at + 1],
  ]) {
    dialog.node.querySelector(`.${name}`).disabled = at < 0 || !(to in passesShown());
  }
}

function show(sighting, hit, signal) {
  const { number, labels } = sighting;
  const pass = hit && passOf(number);
  head();
  open.marks = may("analyst") ? markButtons(pass?.numbers ?? [number]) : null;
  const query = isSearch(now.question) ? queryPicture(hit?.query ?? 0) : null;
  const small = element("img", {
    src: crop(number),
    alt: `Sighting ${number}: ${vehicle(labels)}`,
  });
  const pictures = element(
    "div",
    { class: "side-by-side" },
    query &&
      element(
        "figure",
        { class: "query-figure" },
        element("div", { class: "shown" }, query),
        element("figcaption", {}, "Query"),
      ),
    element(
      "figure",
      { class: "hit-figure" },
      element("div", { class: "shown" }, small),
      element("figcaption", {}, `Sighting ${number}`),
    ),
  );
  const whole = frameView(sighting, signal);
  open.dialog.show(
    element(
      "div",
      { class: "detail-grid" },
      element("div", { class: "detail-main" }, whole, filmPart(sighting, whole, signal)),
      element(
        "div",
        { class: "detail-side" },
        pictures,
        query && may("analyst") ? heatPart(sighting, hit, pictures, signal) : null,
        hit ? sureLine(hit) : null,
        element("div", { class: "row" }, ...(open.marks?.buttons ?? []), ...actions(number)),
        facts(sighting),
        passStrip(pass, number),
        around(number, signal),
      ),
    ),
  );
}

function actions(number) {
  if (!may("analyst")) return [];
  return [
    element(
      "button",
      { type: "button", onclick: () => findSimilar(number) },
      icon("like", 16),
      "Find similar",
    ),
    element(
      "button",
      { type: "button", onclick: () => addToCase([number]) },
      icon("case", 16),
      "Add to case",
    ),
  ];
}

function facts({ image, frame, labels }) {
  const known = {
    Camera: named(labels.camera),
    Time: moment(labels.time, now.question.where.zone),
    Type: labels.type,
    Color: labels.color,
    View: labels.view,
    Make: labels.make,
    Model: labels.model,
    Year: labels.model_year,
    Pass: labels.track,
    Vehicle: labels.vehicle,
    Source: labels.source,
    File: frame === null ? image : `${image}, frame ${frame}`,
  };
  return element(
    "dl",
    { class: "facts" },
    ...Object.entries(known)
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function passStrip(pass, number) {
  if (!pass || pass.numbers.length < 2) return null;
  return element(
    "section",
    {},
    element("h3", {}, "All hits of this pass"),
    element("div", { class: "strip" }, ...pass.numbers.map((each) => small(each, each === number))),
  );
}

function small(number, isShown) {
  return element(
    "button",
    {
      type: "button",
      class: "small-picture",
      "aria-current": isShown ? "true" : null,
      "aria-label": `Sighting ${number}`,
      onclick: () => go({ open: number }, "replace"),
    },
    element("img", { src: crop(number), alt: "", loading: "lazy" }),
  );
}

// What the camera saw before and after, whatever vehicle it was; it comes when it is known.
function around(number, signal) {
  const place = element("section", { class: "around" });
  ask("GET", `/api/sightings/${number}/track`, undefined, signal).then(
    (track) => {
      const { zone } = now.question.where;
      const shown = [
        ["Before", track.before],
        ["After", track.after],
      ].filter(([, each]) => each !== null);
      put(
        place,
        track.first && track.first !== track.last
          ? element(
              "p",
              { class: "quiet-text" },
              `In view ${span(track.first, track.last, zone)}` +
                (track.direction === null
                  ? ""
                  : `, driving to ${wayOf(track.direction)} on the picture`),
            )
          : null,
        shown.length ? element("h3", {}, "The same camera") : null,
        element(
          "div",
          { class: "strip" },
          ...shown.map(([said, each]) =>
            element("figure", {}, small(each, false), element("figcaption", {}, said)),
          ),
        ),
      );
    },
    () => {},
  ); // an addition: without it there is nothing to say
  return place;
}

// Degrees clockwise from up.
function wayOf(degrees) {
  return [
    "the top",
    "the upper right",
    "the right",
    "the lower right",
    "the bottom",
    "the lower left",
    "the left",
    "the upper left",
  ][Math.round(degrees / 45) % 8];
}

function neighbour(by) {
  const passes = passesShown();
  const at = passes.indexOf(passOf(open.number));
  const to = at < 0 ? undefined : passes[at + by];
  if (to) go({ open: to.best }, "replace");
}

function byKey(event) {
  if (!open || open.dialog.node !== [...document.querySelectorAll("dialog[open]")].at(-1)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return;
  const name = Object.keys(MARKS).find((each) => MARKS[each].key === event.key);
  if (event.key === "ArrowLeft") neighbour(-1);
  else if (event.key === "ArrowRight") neighbour(1);
  else if (name && may("analyst")) mark(passOf(open.number)?.numbers ?? [open.number], name);
  else if (event.key === "f" && may("analyst")) findSimilar(open.number);
  else return;
  event.preventDefault();
}

function isField(node) {
  return node.matches("input:not([type=button]), select, textarea");
}
