// Where a vehicle went, if the sightings with "yes" are all of it: stops, gaps, and what cannot be.

import { ask, crop } from "./service.js";
import { byId, element, put } from "./element.js";
import { renew } from "./focus.js";
import { icon } from "./icons.js";
import { mark, numbersOf } from "./marks.js";
import { reason } from "./reason.js";
import { passesShown } from "./results.js";
import { hitOf } from "./searching.js";
import { may } from "./session.js";
import { go, now, when } from "./store.js";
import { counted, duration, named, span, way } from "./words.js";

const LONG = 3600; // seconds without a sighting that are called a gap

let running = null;
let asked = "";
const listeners = [];

/** Be told of the journeys that were found, and why none were, for the map. */
export function whenFollowed(listener) {
  listeners.push(listener);
}

export function beginJourney() {
  for (const what of ["marked", "answered", "shown"]) when(what, show);
}

/** The sightings that are believed to show the vehicle. */
export function believed() {
  const own = now.question.like === null ? [] : [now.question.like];
  return [...new Set([...own, ...numbersOf("yes")])].sort((one, other) => one - other);
}

function show() {
  if (byId("panel-journey").hidden && byId("panel-map").hidden) return;
  const numbers = believed();
  const key = JSON.stringify([numbers, now.question.where.zone]);
  if (key === asked && numbers.length) return;
  asked = key;
  running?.abort();
  if (!may("analyst")) {
    put(
      byId("journey"),
      element(
        "p",
        { class: "quiet-text" },
        "To follow a vehicle your account needs the role analyst.",
      ),
    );
  } else if (!numbers.length) {
    put(byId("journey"), ...invitation());
    tell([]);
  } else follow(numbers);
}

function invitation() {
  const likely = passesShown().filter((pass) => pass.in_words === "very likely");
  return [
    element(
      "p",
      { class: "quiet-text" },
      "A journey is made of the sightings that show the vehicle. Mark them with yes (y).",
    ),
    likely.length
      ? element(
          "button",
          {
            type: "button",
            onclick: () =>
              mark(
                likely.flatMap((each) => each.numbers),
                "yes",
              ),
          },
          icon("yes", 16),
          `Mark ${counted(likely.length, "very likely pass", "very likely passes")} with yes`,
        )
      : null,
  ];
}

async function follow(numbers) {
  const mine = (running = new AbortController());
  tell([]); // the way of another vehicle
  try {
    const hits = numbers.map((number) => ({
      number,
      similarity: hitOf(number)?.similarity ?? null,
    }));
    const found = await ask("POST", "/api/journeys", { hits, reason: reason() }, mine.signal);
    renew(
      byId("journey"),
      ...found.journeys.map(journeyOf),
      found.untimed.length
        ? element(
            "p",
            { class: "quiet-text" },
            `${counted(found.untimed.length, "sighting")} of unknown time cannot be put in order.`,
          )
        : null,
    );
    tell(found.journeys);
  } catch (error) {
    if (error.name === "AbortError") return;
    asked = "";
    tell([], error.message);
    put(byId("journey"), element("p", { role: "alert" }, error.message));
  }
}

function tell(journeys, fault = "") {
  for (const listener of listeners) listener(journeys, fault);
}

function journeyOf({ stops, legs, conflicts }, place) {
  return element(
    "section",
    { class: "journey" },
    element(
      "h3",
      {},
      `Journey ${place + 1}: ${counted(stops.length, "stop")}${verdict(stops, conflicts)}`,
    ),
    conflicts.length
      ? element(
          "ul",
          { class: "cautions" },
          ...conflicts.map(({ first, second, why }) =>
            element(
              "li",
              {},
              icon("warning", 16),
              element("span", {}, `Stops ${first + 1} and ${second + 1}: ${why}`),
            ),
          ),
        )
      : null,
    element(
      "ol",
      { class: "stops" },
      ...stops.flatMap((stop, at) => [
        stopOf(stop, at, conflicts),
        at < legs.length ? legOf(legs[at]) : null,
      ]),
    ),
  );
}

function verdict(stops, conflicts) {
  if (conflicts.length) {
    const found = counted(conflicts.length, "contradiction");
    return `, ${found}: not all of it can be one vehicle`;
  }
  return stops.length > 1 ? ", nothing contradicts it" : "";
}

function stopOf(stop, at, conflicts) {
  const isDoubtful = conflicts.some(({ first, second }) => first === at || second === at);
  return element(
    "li",
    { class: isDoubtful ? "stop doubtful" : "stop" },
    element(
      "button",
      {
        type: "button",
        class: "small-picture",
        "aria-label": `Sighting ${stop.best}`,
        onclick: () => go({ open: stop.best }),
      },
      element("img", { src: crop(stop.best), alt: "", loading: "lazy" }),
    ),
    element(
      "div",
      {},
      element("b", {}, `${at + 1}. ${named(stop.camera)}`),
      isDoubtful ? element("span", { class: "doubt" }, icon("warning", 14), "contradiction") : null,
      element("p", { class: "time" }, span(stop.first, stop.last, now.question.where.zone)),
      element("p", { class: "quiet-text" }, counted(stop.numbers.length, "sighting")),
    ),
  );
}

function legOf({ seconds, metres }) {
  const isGap = seconds > LONG;
  const parts = [duration(seconds)];
  if (metres === 0) parts.push("at the same place");
  if (metres > 0) {
    parts.push(way(metres));
    if (seconds > 0) parts.push(`${Math.round((metres / seconds) * 3.6)} km/h at least`);
  }
  return element(
    "li",
    { class: isGap ? "leg gap" : "leg" },
    icon(isGap ? "gap" : "down", 16),
    element("span", {}, isGap ? `gap: not seen for ${parts.join(", ")}` : parts.join(", ")),
  );
}
