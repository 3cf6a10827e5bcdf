// Cases: named sets of sightings with notes and marks, which can be exported as one archive.

import { ask, crop } from "./service.js";
import { confirm, openDialog } from "./dialog.js";
import { element, iconButton, put } from "./element.js";
import { icon } from "./icons.js";
import { save } from "./jobs.js";
import { MARKS } from "./marks.js";
import { complain } from "./notices.js";
import { reason } from "./reason.js";
import { may } from "./session.js";
import { go, now } from "./store.js";
import { counted, moment, named, vehicle } from "./words.js";

let dialog = null;

/** Open the list of cases. */
export function openCases() {
  dialog = openDialog({
    title: "Cases",
    kind: "wide cases",
    content: [element("p", {}, "Loading…")],
  });
  list();
}

async function list() {
  dialog.title("Cases");
  try {
    const cases = await ask("GET", "/api/cases");
    put(
      dialog.body,
      newCase(),
      cases.length
        ? element("ul", { class: "case-list" }, ...cases.map(row))
        : element(
            "p",
            { class: "quiet-text" },
            "There is no case yet. A case holds sightings, with marks and notes, " +
              "and can be exported as one archive.",
          ),
    );
  } catch (error) {
    failed(error);
  }
}

function row(each) {
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", class: "case-row", onclick: () => show(each.case) },
      element("b", {}, each.name),
      element("span", {}, counted(each.sightings, "sighting")),
      element(
        "span",
        { class: "quiet-text" },
        `by ${each.by}, changed ${moment(each.changed, zone())}`,
      ),
    ),
  );
}

function newCase() {
  const name = element("input", {
    name: "name",
    maxlength: "200",
    required: true,
    placeholder: "Name of a new case",
    "aria-label": "Name of a new case",
  });
  return element(
    "form",
    {
      class: "row",
      onsubmit: (event) => {
        event.preventDefault();
        change("POST", "", { name: name.value.trim(), reason: reason() });
      },
    },
    name,
    element("button", {}, icon("add", 16), "New case"),
  );
}

async function show(key) {
  try {
    shown(await ask("GET", `/api/cases/${key}`));
  } catch (error) {
    failed(error);
  }
}

// What was changed is shown as the service has it.
async function change(method, path, content) {
  try {
    shown(await ask(method, `/api/cases${path}`, content));
  } catch (error) {
    complain(error);
  }
}

function shown(found) {
  dialog.title(found.name);
  const name = element("input", {
    maxlength: "200",
    value: found.name,
    "aria-label": "Name of the case",
    onchange: () =>
      name.value.trim() && change("PATCH", `/${found.case}`, { name: name.value.trim() }),
  });
  const note = element("textarea", {
    rows: "3",
    maxlength: "10000",
    "aria-label": "Notes of the case",
    placeholder: "Notes",
    onchange: () => change("PATCH", `/${found.case}`, { note: note.value }),
  });
  note.value = found.note;
  put(
    dialog.body,
    element(
      "div",
      { class: "row" },
      element(
        "button",
        { type: "button", class: "quiet", onclick: list },
        icon("left", 16),
        "All cases",
      ),
      element("span", { class: "push" }),
      element(
        "button",
        { type: "button", disabled: !found.sightings.length, onclick: () => exportCase(found) },
        icon("down", 16),
        "Export the case",
      ),
      mayDelete(found)
        ? element(
            "button",
            { type: "button", class: "danger", onclick: () => remove(found) },
            "Delete the case",
          )
        : null,
    ),
    element("label", {}, element("span", {}, "Name"), name),
    element("label", {}, element("span", {}, "Notes"), note),
    element(
      "p",
      { class: "quiet-text" },
      `Made by ${found.by}, ${moment(found.made, zone())}. ${goneSaid(found.gone)}`,
    ),
    found.sightings.length
      ? element(
          "ul",
          { class: "case-sightings" },
          ...found.sightings.map((each) => sightingRow(found, each)),
        )
      : element(
          "p",
          { class: "quiet-text" },
          'It holds no sighting yet: mark hits and choose "Add to case".',
        ),
  );
}

function sightingRow(found, each) {
  const path = `/${found.case}/sightings`;
  const put = (more) => change("PUT", path, { sightings: [{ number: each.number, ...more }] });
  const note = element("input", {
    value: each.note,
    maxlength: "1000",
    placeholder: "Note",
    "aria-label": `Note on sighting ${each.number}`,
    onchange: () => put({ note: note.value }),
  });
  const mark = element(
    "select",
    { "aria-label": `Mark of sighting ${each.number}`, onchange: () => put({ mark: mark.value }) },
    ...["", ...Object.keys(MARKS)].map((value) =>
      element("option", { value, selected: value === each.mark }, value || "no mark"),
    ),
  );
  return element(
    "li",
    {},
    element(
      "button",
      {
        type: "button",
        class: "small-picture",
        "aria-label": `Details of sighting ${each.number}`,
        onclick: () => {
          dialog.close();
          go({ open: each.number });
        },
      },
      element("img", { src: crop(each.number), alt: "", loading: "lazy" }),
    ),
    element(
      "div",
      { class: "case-about" },
      element(
        "p",
        {},
        element("b", {}, named(each.labels.camera)),
        " ",
        moment(each.labels.time, zone()),
      ),
      element("p", { class: "quiet-text" }, `${vehicle(each.labels)}; added by ${each.by}`),
      element(
        "div",
        { class: "row" },
        mark,
        note,
        iconButton(icon("close", 16), `Remove sighting ${each.number} from the case`, () =>
          change("DELETE", `${path}/${each.number}`),
        ),
      ),
    ),
  );
}

function goneSaid(many) {
  if (!many) return "";
  return `The gallery has forgotten ${counted(many, "sighting")} of it.`;
}

function exportCase(found) {
  const file = `${found.name.replace(/[^\p{L}\p{N} _-]/gu, "").trim() || "case"}.zip`;
  save(
    () => ask("POST", `/api/cases/${found.case}/export`, { reason: reason() }),
    "Exporting the case",
    file,
  );
}

function remove(found) {
  confirm(
    `Delete ${found.name}?`,
    "The case, its notes and marks are deleted. The sightings stay in the gallery.",
    "Delete the case",
    async () => {
      try {
        await ask("DELETE", `/api/cases/${found.case}`);
        list();
      } catch (error) {
        complain(error);
      }
    },
  );
}

function mayDelete(found) {
  return found.by === now.session.name || may("administrator");
}

function failed(error) {
  put(
    dialog.body,
    element(
      "p",
      { role: "alert" },
      error.status === 404 ? "This service keeps no cases." : error.message,
    ),
  );
}

function zone() {
  return now.question.where.zone;
}
