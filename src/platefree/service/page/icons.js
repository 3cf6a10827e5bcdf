// Icons, drawn on 24 x 24 with one stroke; they say nothing alone, so they are hidden from readers.

import { drawn } from "./element.js";

const PATHS = {
  add: "M12 5v14M5 12h14",
  case: "M3 8h18v12H3zM9 8V5h6v3M3 13h18",
  close: "M6 6l12 12M18 6L6 18",
  down: "M12 4v11M7 11l5 5 5-5M5 20h14",
  edit: "M4 20l1-5L16 4l4 4L9 19z",
  filter: "M4 6h16M7 12h10M10 18h4",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  gap: "M3 12h5M16 12h5M11 12h.1M13 12h.1",
  heat: "M4 4h16v16H4zM4 12h16M12 4v16M4 4h8v8H4z",
  help: "M9 9a3 3 0 1 1 4 3c-1 .5-1 1-1 2M12 18h.1M12 3a9 9 0 1 0 .01 0z",
  info: "M12 11v6M12 7h.1M12 3a9 9 0 1 0 .01 0z",
  left: "M15 5l-7 7 7 7",
  like: "M10.5 4a6.5 6.5 0 1 0 .01 0zM15.5 15.5L21 21",
  moon: "M19 14A8 8 0 0 1 10 5a8 8 0 1 0 9 9z",
  no: "M6 6l12 12M18 6L6 18",
  out: "M10 4H4v16h6M14 8l4 4-4 4M18 12H9",
  pause: "M8 5v14M16 5v14",
  picture: "M3 5h18v14H3zM3 16l5-5 5 5 3-3 5 4M16 9h.1",
  play: "M7 4l13 8-13 8z",
  remove: "M5 12h14",
  right: "M9 5l7 7-7 7",
  similar: "M4 9c3-4 5 3 8 0s5-3 8 0M4 15c3-4 5 3 8 0s5-3 8 0",
  sun: "M12 8a4 4 0 1 0 .01 0zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  warning: "M12 3l10 18H2zM12 10v5M12 18h.1",
  yes: "M4 13l5 5L20 6",
};

/** An icon by its name. */
export function icon(name, size = 18) {
  return drawn(
    "svg",
    {
      viewBox: "0 0 24 24",
      width: size,
      height: size,
      class: "drawn",
      "aria-hidden": "true",
      focusable: "false",
    },
    drawn("path", { d: PATHS[name] }),
  );
}
