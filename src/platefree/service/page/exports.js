// An answer as a file: a table alone, or an archive with the small pictures and hashes of all.

import { ask } from "./service.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { save } from "./jobs.js";
import { allMarks } from "./marks.js";
import { complain } from "./notices.js";
import { reason } from "./reason.js";
import { now } from "./store.js";
import { counted } from "./words.js";

const FORMATS = [
  ["zip", "Archive (.zip)", "table, small pictures, and the hash of each file"],
  ["csv", "Table (.csv)", "one row for each sighting; no cell runs as a formula"],
  ["json", "JSON (.json)", "the same rows, for programs"],
];

/** Ask in which form, and of which sightings. */
export function openExport() {
  const hits = now.answer?.hits ?? [];
  if (!hits.length) {
    complain({ message: "There is nothing to export: the answer is empty.", status: 422 });
    return;
  }
  const marked = allMarks()
    .filter(([, mark]) => mark === "yes")
    .map(([number]) => number);
  const what = [
    ["shown", `All that is shown: ${counted(hits.length, "sighting")}`],
    ...(marked.length
      ? [["yes", `What is marked yes: ${counted(marked.length, "sighting")}`]]
      : []),
  ];
  const form = element(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        const given = new FormData(form);
        dialog.close();
        const chosen = given.get("what") === "yes" ? marked : hits.map((hit) => hit.number);
        write(chosen, given.get("format"));
      },
    },
    choices("what", "Which", what),
    choices("format", "As", FORMATS),
    element("p", { class: "hint" }, "The audit log keeps who exported what, and the reason."),
    element("div", { class: "row end" }, element("button", { class: "primary" }, "Export")),
  );
  const dialog = openDialog({ title: "Export", kind: "small", content: [form] });
}

function write(numbers, format) {
  const asked = { hits: numbers.map(exported), format, reason: reason() };
  save(() => ask("POST", "/api/exports", asked), "Exporting", `platefree-sightings.${format}`);
}

// What only the answer knows of a sighting.
function exported(number) {
  const hit = now.answer.hits.find((each) => each.number === number);
  return { number, similarity: hit?.similarity ?? null, p_same: hit?.p_same ?? null };
}

function choices(name, said, values) {
  return element(
    "fieldset",
    {},
    element("legend", {}, said),
    ...values.map(([value, text, about], at) =>
      element(
        "label",
        { class: "box" },
        element("input", { type: "radio", name, value, checked: !at }),
        element("span", {}, text, about ? element("span", { class: "hint" }, about) : null),
      ),
    ),
  );
}
