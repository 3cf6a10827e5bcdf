// Keeps the keyboard's place where a part of the page is made anew.

import { put } from "./element.js";

const CONTROLS = "button, select, [tabindex]";

/**
 * Put these in the place of all that a node holds. What had the focus within has it again: itself,
 * or the control at its place of the part with the same `data-key`, or else the first that there is.
 */
export function renew(node, ...children) {
  const before = document.activeElement;
  const part = before.closest("[data-key]");
  const at = controls(part ?? node).indexOf(before);
  const wasWithin = node.contains(before);
  put(node, ...children);
  if (!wasWithin || node.contains(document.activeElement)) return;
  const same = part ? partOf(node, part.dataset.key) : node;
  const again = same && (controls(same)[at] ?? same);
  for (const each of [before, again, ...controls(node), node]) {
    each?.focus({ preventScroll: true });
    if (document.activeElement === each) return;
  }
}

function controls(node) {
  return [...node.querySelectorAll(CONTROLS)];
}

function partOf(node, key) {
  return node.querySelector(`[data-key="${CSS.escape(key)}"]`);
}
