// Light or dark: as the system has it, until the switch says otherwise.

import { byId, put } from "./element.js";
import { icon } from "./icons.js";
import { prefer, preferred } from "./memory.js";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Show the switch, and what was chosen before. */
export function beginTheme() {
  show(preferred("theme", ""));
  dark.addEventListener("change", () => show(preferred("theme", "")));
  byId("theme").addEventListener("click", () => {
    const chosen = isDark() ? "light" : "dark";
    prefer("theme", chosen);
    show(chosen);
  });
}

function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : dark.matches;
}

function show(chosen) {
  document.documentElement.dataset.theme = chosen;
  const name = isDark() ? "Light colors" : "Dark colors";
  const button = byId("theme");
  button.title = name;
  button.setAttribute("aria-label", name);
  put(button, icon(isDark() ? "sun" : "moon"));
}
