// Why something is searched: asked once, kept for the session, shown, and sent with every request.

import { openDialog } from "./dialog.js";
import { byId, element, put } from "./element.js";
import { icon } from "./icons.js";
import { keep, recalled } from "./memory.js";
import { now, tell } from "./store.js";

/** The reason; empty if none was stated. */
export function reason() {
  return recalled("reason") ?? "";
}

/** Whether something can be asked: there is a reason, or none is needed. */
export function isStated() {
  return Boolean(reason()) || !now.session.reason_required;
}

/** Show it in the head of the page, to be changed. */
function showReason() {
  const stated = reason();
  put(byId("reason"), icon("edit", 16), element("span", {}, stated || "State a reason"));
  byId("reason").title = stated
    ? `Reason: ${stated}`
    : "Why do you search? The audit log keeps it.";
  byId("reason").classList.toggle("missing", !isStated());
}

/** Ask for it; `then` is done when it was stated. */
export function askReason(then) {
  const must = now.session.reason_required;
  const field = element("input", {
    name: "reason",
    maxlength: "1000",
    value: reason(),
    autofocus: true,
    required: must,
    placeholder: "Case number, or what you are looking for",
  });
  const dialog = openDialog({
    title: "Why do you search?",
    kind: "small",
    content: [
      element(
        "form",
        {
          onsubmit: (event) => {
            event.preventDefault();
            keep("reason", field.value.trim());
            if (!isStated()) return;
            dialog.close();
            showReason();
            then?.();
          },
        },
        element("label", {}, element("span", {}, "Reason"), field),
        element(
          "p",
          { class: "hint" },
          `The audit log keeps it, with your name (${now.session.name}) and everything ` +
            "that you search, follow and export. This tab keeps it until you close it." +
            (must ? " This service answers nothing without one." : ""),
        ),
        element("div", { class: "row end" }, element("button", { class: "primary" }, "Go on")),
      ),
    ],
  });
}

export function beginReason() {
  showReason();
  byId("reason").addEventListener("click", () =>
    askReason(() => {
      if (now.answer === null) tell("asked");
    }),
  );
}
