// Which part of the answer is shown: on a wide screen the sightings and one more, else one.

import { byId, element, put } from "./element.js";
import { go, now, when } from "./store.js";

const NAMES = { sightings: "Sightings", timeline: "Timeline", journey: "Journey", map: "Map" };
const wide = matchMedia("(min-width: 1100px)");

export function beginViews() {
  wide.addEventListener("change", show);
  when("shown", show);
  show();
}

/** The views there are, in their order. */
export function views() {
  return Object.keys(NAMES).filter((name) => !wide.matches || name !== "sightings");
}

function chosen() {
  const { view } = now.question;
  return wide.matches && view === "sightings" ? "timeline" : view;
}

function show() {
  const names = views();
  const hadFocus = byId("views").contains(document.activeElement);
  put(
    byId("views"),
    ...names.map((name) =>
      element(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${name}`,
          "aria-selected": String(name === chosen()),
          "aria-controls": `panel-${name}`,
          tabindex: name === chosen() ? "0" : "-1",
          onclick: () => go({ view: name }, "replace"),
          onkeydown: (event) => byKey(event, names),
        },
        NAMES[name],
      ),
    ),
  );
  for (const name of Object.keys(NAMES)) {
    byId(`panel-${name}`).hidden = name !== chosen() && !(wide.matches && name === "sightings");
  }
  if (hadFocus) byId(`tab-${chosen()}`)?.focus();
}

function byKey(event, names) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  go({ view: names[(names.indexOf(chosen()) + by + names.length) % names.length] }, "replace");
}
