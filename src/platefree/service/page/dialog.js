// Dialogs: the browser keeps the focus within, Escape closes, and the focus returns.

import { byId, element, iconButton, put } from "./element.js";
import { icon } from "./icons.js";

let count = 0;

/**
 * Open a dialog.
 * @param {Object} about
 * @param {string} about.title
 * @param {string} [about.kind] a class of its own
 * @param {Node[]} about.content
 * @param {Node[]} [about.tools] beside the title
 * @param {function()} [about.onclose] when it is closed in whatever way
 * @param {boolean} [about.must] whether it cannot be left without an answer
 * @returns {{node: HTMLDialogElement, close: function(), title: function(string),
 *   show: function(...Node)}} `show` puts other contents into it
 */
export function openDialog({ title, kind = "", content, tools = [], onclose, must = false }) {
  count += 1;
  const before = document.activeElement;
  const head = element("h2", { id: `dialog-${count}`, tabindex: "-1" }, title);
  const leave = must ? null : iconButton(icon("close"), "Close", () => node.close());
  const body = element("div", { class: "dialog-body" }, ...content);
  const node = element(
    "dialog",
    { class: kind, "aria-labelledby": head.id },
    element("header", {}, head, ...tools, leave),
    body,
  );
  node.addEventListener("cancel", (event) => must && event.preventDefault());
  node.addEventListener("close", () => {
    toTop(node);
    node.remove();
    if (before?.isConnected) before.focus();
    onclose?.();
  });
  let isFromOutside = false; // not a drag of what is within
  node.addEventListener("pointerdown", (event) => {
    isFromOutside = isOutside(event, node);
  });
  node.addEventListener("click", (event) => {
    // on what is behind it
    if (!must && isFromOutside && event.target === node && isOutside(event, node)) node.close();
  });
  document.body.append(node);
  node.showModal();
  toTop();
  (body.querySelector("[autofocus]") ?? head).focus();
  return {
    node,
    close: () => node.close(),
    title: (text) => put(head, text),
    show: (...children) => {
      put(body, ...children);
      const focused = document.activeElement;
      if (!node.contains(focused) || focused.matches(":disabled")) head.focus();
    },
  };
}

// All beside a dialog is out of reach, so what is to be seen and heard goes into it.
function toTop(closing = null) {
  const open = [...document.querySelectorAll("dialog[open]")].filter((each) => each !== closing);
  (open.at(-1) ?? document.body).append(byId("notices"));
}

/** Ask before something is done that cannot be undone. */
export function confirm(title, text, act, then) {
  const dialog = openDialog({
    title,
    kind: "small",
    content: [
      element("p", {}, text),
      element(
        "div",
        { class: "row end" },
        element("button", { type: "button", onclick: () => dialog.close() }, "Cancel"),
        element(
          "button",
          {
            type: "button",
            class: "danger",
            onclick: () => {
              dialog.close();
              then();
            },
          },
          act,
        ),
      ),
    ],
  });
}

function isOutside(event, node) {
  const edges = node.getBoundingClientRect();
  return (
    event.clientX < edges.left ||
    event.clientX > edges.right ||
    event.clientY < edges.top ||
    event.clientY > edges.bottom
  );
}
