// What happened, in a sentence that is read out and can be taken away.

import { byId, element, iconButton, put } from "./element.js";
import { icon } from "./icons.js";

const SECONDS = 6;

/** Say what was done; it goes by itself. */
export function say(text) {
  shown(text, "done", null, "yes");
  byId("spoken").textContent = text;
}

/** Say what went wrong; it stays until it is closed. */
export function complain(error) {
  if (error?.name === "AbortError") return;
  if (!(error instanceof Error) || error.status === undefined) console.error(error);
  shown(error.message ?? String(error), "fault", "alert", "warning");
}

/** Say for readers alone what is to be seen anyway. */
export function tellReaders(text) {
  byId("spoken").textContent = text;
}

/** Something is being done; returns how to say how far, and that it is over. */
export function begin(text, cancel) {
  const said = element("span", {}, text);
  const bar = element("progress", { max: "1", "aria-label": text });
  const note = element(
    "div",
    { class: "notice busy", role: "status" },
    said,
    bar,
    cancel && element("button", { type: "button", class: "quiet", onclick: cancel }, "Stop"),
  );
  byId("notices").append(note);
  return {
    far: (done, of) => {
      if (of) bar.value = done / of;
      put(said, of ? `${text} ${done} of ${of}` : text);
    },
    end: () => note.remove(),
  };
}

function shown(text, kind, role, mark) {
  const notes = byId("notices");
  for (const each of notes.querySelectorAll(`.${kind}`)) each.remove();
  const note = element(
    "div",
    { class: `notice ${kind}`, role },
    icon(mark),
    element("span", {}, text),
    iconButton(icon("close"), "Close this message", () => note.remove()),
  );
  notes.append(note);
  if (kind === "done") setTimeout(() => note.remove(), SECONDS * 1000);
}
