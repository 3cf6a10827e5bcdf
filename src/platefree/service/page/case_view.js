// One case: its name, notes and sightings, each of which is saved when it was changed.

import { ask, crop } from "./service.js";
import { confirm } from "./dialog.js";
import { element, iconButton } from "./element.js";
import { icon } from "./icons.js";
import { save } from "./jobs.js";
import { MARKS } from "./marks.js";
import { complain } from "./notices.js";
import { reason } from "./reason.js";
import { may } from "./session.js";
import { go, now } from "./store.js";
import { counted, moment, named, vehicle } from "./words.js";

let last = Promise.resolve();

/** Show a case in the dialog of cases; `leave` goes back to the list of them. */
export function showCase(dialog, found, leave) {
  const rows = element("ul", { class: "case-sightings" });
  const none = element(
    "p",
    { class: "quiet-text" },
    'This case holds no sightings yet: mark hits and choose "Add to case".',
  );
  const taken = element(
    "button",
    { type: "button", onclick: () => exportCase(found) },
    icon("down", 16),
    "Export the case",
  );
  const count = () => {
    none.hidden = rows.childElementCount > 0;
    taken.disabled = !none.hidden;
  };
  rows.append(...found.sightings.map((each) => sightingRow(dialog, found, each, count)));
  count();
  dialog.title(found.name);
  dialog.show(
    head(found, taken, leave),
    nameOf(dialog, found),
    notesOf(found),
    element(
      "p",
      { class: "quiet-text" },
      `Made by ${found.by}, ${moment(found.made, zone())}. ${goneSaid(found.gone)}`,
    ),
    rows,
    none,
  );
}

function head(found, taken, leave) {
  return element(
    "div",
    { class: "row" },
    element(
      "button",
      { type: "button", class: "quiet", onclick: () => inTurn(leave) },
      icon("left", 16),
      "All cases",
    ),
    element("span", { class: "push" }),
    taken,
    found.by === now.session.name || may("administrator")
      ? element(
          "button",
          { type: "button", class: "danger", onclick: () => remove(found, leave) },
          "Delete the case",
        )
      : null,
  );
}

function nameOf(dialog, found) {
  const name = element("input", {
    maxlength: "200",
    value: found.name,
    "aria-label": "Name of the case",
    onchange: async () => {
      if (!name.value.trim()) return;
      const saved = await change("PATCH", `/${found.case}`, { name: name.value.trim() });
      if (!saved) return;
      found.name = saved.name;
      if (name.isConnected) dialog.title(saved.name);
    },
  });
  return element("label", {}, element("span", {}, "Name"), name);
}

function notesOf(found) {
  const note = element("textarea", {
    rows: "3",
    maxlength: "10000",
    "aria-label": "Notes of the case",
    placeholder: "Notes",
    onchange: () => change("PATCH", `/${found.case}`, { note: note.value }),
  });
  note.value = found.note;
  return element("label", {}, element("span", {}, "Notes"), note);
}

function sightingRow(dialog, found, each, count) {
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
      element("div", { class: "row" }, ...said(found, each), away(found, each, count)),
    ),
  );
}

function said(found, { number, note, mark }) {
  const tell = (more) =>
    change("PUT", `/${found.case}/sightings`, { sightings: [{ number, ...more }] });
  const field = element("input", {
    value: note,
    maxlength: "1000",
    placeholder: "Note",
    "aria-label": `Note on sighting ${number}`,
    onchange: () => tell({ note: field.value }),
  });
  const chooser = element(
    "select",
    { "aria-label": `Mark of sighting ${number}`, onchange: () => tell({ mark: chooser.value }) },
    ...["", ...Object.keys(MARKS)].map((value) =>
      element("option", { value, selected: value === mark }, value || "no mark"),
    ),
  );
  return [chooser, field];
}

function away(found, { number }, count) {
  const button = iconButton(
    icon("close", 16),
    `Remove sighting ${number} from the case`,
    async () => {
      if (!(await change("DELETE", `/${found.case}/sightings/${number}`))) return;
      const row = button.closest("li");
      const next = row.nextElementSibling ?? row.previousElementSibling;
      if (row.contains(document.activeElement)) next?.querySelector(".away").focus();
      row.remove();
      count();
    },
    { class: "icon away" },
  );
  return button;
}

// What is shown stays as it is while it is saved: somebody may be typing on. Null: it was refused.
function change(method, path, content) {
  return inTurn(() => ask(method, `/api/cases${path}`, content)).catch((error) => {
    complain(error);
    return null;
  });
}

// In the order in which it was done, so that the list and an export have what was typed before.
function inTurn(act) {
  const done = last.then(act);
  last = done.catch(() => {});
  return done;
}

function goneSaid(many) {
  if (!many) return "";
  return `The gallery has forgotten ${counted(many, "sighting")} of this case.`;
}

function exportCase(found) {
  const file = `${found.name.replace(/[^\p{L}\p{N} _-]/gu, "").trim() || "case"}.zip`;
  save(
    () => inTurn(() => ask("POST", `/api/cases/${found.case}/export`, { reason: reason() })),
    "Exporting the case",
    file,
  );
}

function remove(found, leave) {
  confirm(
    `Delete ${found.name}?`,
    "The case, its notes and marks are deleted. The sightings stay in the gallery.",
    "Delete the case",
    async () => {
      try {
        await inTurn(() => ask("DELETE", `/api/cases/${found.case}`));
        leave();
      } catch (error) {
        complain(error);
      }
    },
  );
}

function zone() {
  return now.question.where.zone;
}
