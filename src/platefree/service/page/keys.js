// Keys: those of one letter can be switched off, since speech and chance may press them.

import { byId, element } from "./element.js";
import { openDialog } from "./dialog.js";
import { mark, MARKS } from "./marks.js";
import { prefer, preferred } from "./memory.js";
import { findSimilar, passInFocus, step } from "./results.js";
import { may } from "./session.js";
import { go } from "./store.js";
import { zoomByKey } from "./timeline.js";
import { views } from "./views.js";

const HELP = [
  ["/", "type a condition"],
  ["u", "choose a picture"],
  ["Ctrl+V", "search with a copied picture"],
  ["arrow keys", "move between sightings, also in the details"],
  ["Enter", "open the details"],
  ["Esc", "close"],
  ["y n s", "mark the sighting: yes, no, similar"],
  ["f", "find similar"],
  ["1 2 3 4", "timeline, journey, map (and sightings on a small screen)"],
  ["+ -", "zoom the timeline"],
  ["Backspace", "in the empty bar: remove the last condition"],
  ["?", "this help"],
];

/** Listen to keys. */
export function beginKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.matches("input, select, textarea")) return;
    if (step(event.key) || (isOn() && byLetter(event.key))) event.preventDefault();
  });
}

/** Open the help. */
export function openHelp() {
  const letters = element("input", {
    type: "checkbox",
    checked: isOn(),
    onchange: () => prefer("letters", letters.checked ? "on" : "off"),
  });
  openDialog({
    title: "Keys",
    kind: "small",
    content: [
      element(
        "dl",
        { class: "keys" },
        ...HELP.flatMap(([key, said]) => [
          element("dt", {}, ...key.split(" ").map((each) => element("kbd", {}, each))),
          element("dd", {}, said),
        ]),
      ),
      element("label", { class: "box" }, letters, element("span", {}, "Single-letter keys are on")),
      element("p", { class: "hint" }, "Pictures can be dropped anywhere on the page."),
    ],
  });
}

function isOn() {
  return preferred("letters", "on") === "on";
}

function byLetter(key) {
  const pass = passInFocus();
  const name = Object.keys(MARKS).find((each) => MARKS[each].key === key);
  if (key === "?") openHelp();
  else if (key === "/") byId("words").focus();
  else if (key === "u" && may("analyst")) byId("choose").click();
  else if (views()[Number(key) - 1]) go({ view: views()[key - 1] }, "replace");
  else if (name && pass && may("analyst")) mark(pass.numbers, name);
  else if (key === "f" && pass && may("analyst")) findSimilar(pass.best);
  else return zoomByKey(key);
  return true;
}
