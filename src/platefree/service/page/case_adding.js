// Sightings are put into a case: one that there is, or a new one.

import { ask } from "./service.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { markOf } from "./marks.js";
import { complain, say } from "./notices.js";
import { reason } from "./reason.js";
import { counted } from "./words.js";

const AT_ONCE = 200; // sightings that the service takes in one request

/** Ask into which case, and put them there with their marks. */
export async function addToCase(numbers) {
  try {
    choose(numbers, await ask("GET", "/api/cases"));
  } catch (error) {
    complain(error);
  }
}

function choose(numbers, cases) {
  const name = element("input", {
    name: "name",
    maxlength: "200",
    autofocus: !cases.length,
    placeholder: "Name of a new case",
  });
  const note = element("input", {
    name: "note",
    maxlength: "1000",
    placeholder: "Note: what the sightings show (optional)",
  });
  const known = element(
    "select",
    {
      name: "case",
      autofocus: cases.length > 0,
      onchange: () => {
        fresh.hidden = known.value !== "";
      },
    },
    ...cases.map((each) =>
      element("option", { value: each.case }, `${each.name} (${each.sightings})`),
    ),
    element("option", { value: "" }, "A new case"),
  );
  const fresh = element("label", { hidden: cases.length > 0 }, element("span", {}, "Name"), name);
  const form = element(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        if (!known.value && !name.value.trim()) return name.focus();
        dialog.close();
        return add(numbers, known.value, name.value.trim(), note.value.trim());
      },
    },
    cases.length ? element("label", {}, element("span", {}, "Case"), known) : null,
    fresh,
    element("label", {}, element("span", {}, "Note"), note),
    element(
      "div",
      { class: "row end" },
      element("button", { class: "primary" }, `Add ${counted(numbers.length, "sighting")}`),
    ),
  );
  const dialog = openDialog({ title: "Add to a case", kind: "small", content: [form] });
}

async function add(numbers, key, name, note) {
  try {
    const found = key ? { case: key } : await ask("POST", "/api/cases", { name, reason: reason() });
    // What is not given stays as it is, of sightings that are in the case already.
    const sightings = numbers.map((number) => ({
      number,
      mark: markOf(number) || null,
      note: note || null,
    }));
    let changed;
    for (let at = 0; at < sightings.length; at += AT_ONCE) {
      const part = { sightings: sightings.slice(at, at + AT_ONCE) };
      changed = await ask("PUT", `/api/cases/${found.case}/sightings`, part);
    }
    say(`${counted(numbers.length, "sighting")} added to ${changed.name}.`);
  } catch (error) {
    complain(error);
  }
}
