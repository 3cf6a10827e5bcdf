// The list of cases, and a new one.

import { ask } from "./service.js";
import { showCase } from "./case_view.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { icon } from "./icons.js";
import { complain } from "./notices.js";
import { reason } from "./reason.js";
import { now } from "./store.js";
import { counted, moment } from "./words.js";

/** Open the list of cases. */
export function openCases() {
  const dialog = openDialog({
    title: "Cases",
    kind: "wide cases",
    content: [element("p", {}, "Loading…")],
  });
  list(dialog);
}

async function list(dialog) {
  try {
    const cases = await ask("GET", "/api/cases");
    dialog.title("Cases");
    dialog.show(
      newCase(dialog),
      cases.length
        ? element("ul", { class: "case-list" }, ...cases.map((each) => row(dialog, each)))
        : element(
            "p",
            { class: "quiet-text" },
            "There are no cases yet. A case holds sightings, with marks and notes, " +
              "and can be exported as one archive.",
          ),
    );
  } catch (error) {
    const said = error.status === 404 ? "This service keeps no cases." : error.message;
    dialog.show(element("p", { role: "alert" }, said));
  }
}

function row(dialog, each) {
  return element(
    "li",
    {},
    element(
      "button",
      { type: "button", class: "case-row", onclick: () => open(dialog, each.case) },
      element("b", {}, each.name),
      element("span", {}, counted(each.sightings, "sighting")),
      element(
        "span",
        { class: "quiet-text" },
        `by ${each.by}, changed ${moment(each.changed, now.question.where.zone)}`,
      ),
    ),
  );
}

async function open(dialog, key) {
  try {
    showCase(dialog, await ask("GET", `/api/cases/${key}`), () => list(dialog));
  } catch (error) {
    complain(error);
  }
}

function newCase(dialog) {
  const name = element("input", {
    name: "name",
    maxlength: "200",
    required: true,
    placeholder: "Name of a new case",
    "aria-label": "Name of a new case",
  });
  const make = element("button", {}, icon("add", 16), "New case");
  return element(
    "form",
    {
      class: "row",
      onsubmit: async (event) => {
        event.preventDefault();
        make.disabled = true; // a second click would make a second case
        try {
          const content = { name: name.value.trim(), reason: reason() };
          showCase(dialog, await ask("POST", "/api/cases", content), () => list(dialog));
        } catch (error) {
          complain(error);
          make.disabled = false;
          name.focus();
        }
      },
    },
    name,
    make,
  );
}
