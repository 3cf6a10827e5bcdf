// All conditions at once, with what the gallery holds of each.

import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { isSearch } from "./question.js";
import { go, now } from "./store.js";
import { clockName, fieldMoment, named, number } from "./words.js";

const FACETS = [
  ["cameras", "Camera"],
  ["types", "Type"],
  ["colors", "Color"],
  ["views", "View"],
];
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const OURS = [
  "cameras",
  "types",
  "colors",
  "views",
  "weekdays",
  "since",
  "until",
  "between",
  "zone",
  "unknown_time",
  "at_least",
];

/** Open the dialog. */
export function openFilters() {
  const { where, least } = now.question;
  const facets = FACETS.map(([name, said]) => facet(name, said, where[name] ?? []));
  const days = boxes(
    "weekdays",
    DAYS.map((value) => ({ value })),
    (where.weekdays ?? []).map(short),
  );
  const times = timesOf(where);
  const sure = surenessOf(where, least);
  const form = element(
    "form",
    {
      class: "filters",
      onsubmit: (event) => {
        event.preventDefault();
        const kept = Object.fromEntries(
          Object.entries(where).filter(([name]) => !OURS.includes(name)),
        );
        const chosen = { ...kept, ...checked(form), ...times.read() };
        const limits = sure.read();
        if (limits.at_least !== undefined) chosen.at_least = limits.at_least;
        dialog.close();
        go({ where: chosen, least: limits.least, open: null });
      },
    },
    ...facets,
    element("fieldset", {}, element("legend", {}, "Time"), ...times.fields, days),
    sure.field,
    element(
      "div",
      { class: "row end sticky" },
      element(
        "button",
        {
          type: "button",
          class: "quiet",
          onclick: () => {
            dialog.close();
            go({ where: {}, least: null, open: null });
          },
        },
        "Remove all",
      ),
      element("button", { class: "primary" }, "Show"),
    ),
  );
  const dialog = openDialog({ title: "Filter", kind: "wide", content: [form] });
}

function facet(name, said, chosen) {
  const known = now.choices?.[name] ?? [];
  const more = chosen.filter((value) => !known.some((each) => each.value === value));
  const all = [...known, ...more.map((value) => ({ value }))];
  return element(
    "fieldset",
    {},
    element("legend", {}, said),
    all.length
      ? boxes(name, all, chosen)
      : element("p", { class: "hint" }, "Unknown for all sightings."),
  );
}

function boxes(name, values, chosen) {
  return element(
    "div",
    { class: "boxes" },
    ...values.map(({ value, count }) =>
      element(
        "label",
        { class: "box" },
        element("input", { type: "checkbox", name, value, checked: chosen.includes(value) }),
        element("span", {}, named(value)),
        count === undefined ? null : element("span", { class: "many" }, number(count)),
      ),
    ),
  );
}

function checked(form) {
  const found = {};
  for (const box of form.querySelectorAll("input[type=checkbox]:checked")) {
    (found[box.name] ??= []).push(box.value);
  }
  return found;
}

function timesOf(where) {
  const { first, last } = now.choices ?? {};
  const field = (type, value, more) => element("input", { type, value, ...more });
  const fieldOf = (name) => field("datetime-local", fieldMoment(where[name] ?? "", where.zone));
  const [since, until] = [fieldOf("since"), fieldOf("until")];
  const [wasSince, wasUntil] = [since.value, until.value]; // to the minute, and by the clock
  const [from, to] = betweenOf(where.between ?? ["", ""]);
  const zone = field("text", where.zone ?? "", {
    placeholder: "+00:00",
    pattern: "[+\\-]\\d\\d:?[0-5]\\d",
    title: "Difference from UTC, such as +07:00",
  });
  const unknown = element(
    "select",
    {},
    ...[
      ["", "are left out where a time is asked for"],
      ["in", "are shown too"],
      ["only", "are the only ones shown"],
    ].map(([value, said]) =>
      element("option", { value, selected: (where.unknown_time ?? "") === value }, said),
    ),
  );
  const held = first
    ? `The gallery holds ${fieldMoment(first, where.zone).replace("T", " ")} to ` +
      `${fieldMoment(last, where.zone).replace("T", " ")}, ${clockName(where.zone)}.`
    : "No time is known.";
  return {
    fields: [
      element("p", { class: "hint" }, held),
      pair(labelled("Since", since), labelled("Before", until)),
      pair(labelled("From (time of day)", from), labelled("To", to)),
      pair(labelled("Clock", zone), labelled("Sightings of unknown time", unknown)),
    ],
    read: () => {
      const found = {};
      const isSame = zone.value === (where.zone ?? "");
      const said = (name, shown, was) => (isSame && shown === was ? where[name] : shown);
      if (since.value) found.since = said("since", since.value, wasSince);
      if (until.value) found.until = said("until", until.value, wasUntil);
      if (from.value) found.between = [from.value, to.value];
      if (zone.value) found.zone = zone.value;
      if (unknown.value) found.unknown_time = unknown.value;
      return found;
    },
  };
}

// Two times of day, or none: one alone says nothing.
function betweenOf(between) {
  const step = between.some((each) => each.length > 5) ? "1" : null; // seconds
  const fields = between.map((value) => element("input", { type: "time", value, step, oninput }));
  function oninput() {
    const isAsked = fields.some((each) => each.value);
    for (const each of fields) each.required = isAsked;
  }
  return fields;
}

// The probability where it is known, else the similarity, which differs from model to model.
function surenessOf(where, least) {
  const { at_least } = where;
  if (!isSearch(now.question)) {
    return {
      field: element(
        "p",
        { class: "hint" },
        "How sure a hit has to be can be set in a search.",
      ),
      read: () => ({ least, at_least }),
    };
  }
  const isKnown = now.choices?.calibrated ?? false;
  const value = isKnown ? (least ?? 0) : (at_least ?? -1);
  const shown = element("span", { class: "figure" }, String(value));
  const slider = element("input", {
    type: "range",
    min: isKnown ? "0" : "-1",
    max: "1",
    step: "0.01",
    value,
    oninput: () => {
      shown.textContent = slider.value;
    },
  });
  const before = slider.value; // which the slider may have rounded
  const said = isKnown ? "At least this probable" : "At least this similar";
  return {
    field: element(
      "fieldset",
      {},
      element("legend", {}, "Sureness"),
      element("label", {}, element("span", {}, said, " ", shown), slider),
    ),
    read: () => {
      const chosen = Number(slider.value);
      if (slider.value === before) return { least, at_least };
      if (isKnown) return { least: chosen > 0 ? chosen : null, at_least };
      return { least, at_least: chosen > -1 ? chosen : undefined };
    },
  };
}

function labelled(said, field) {
  return element("label", {}, element("span", {}, said), field);
}

function pair(...fields) {
  return element("div", { class: "pair" }, ...fields);
}

function short(day) {
  return day.slice(0, 3).toLowerCase();
}
