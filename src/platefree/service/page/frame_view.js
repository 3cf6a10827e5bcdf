// The whole frame that a sighting is on, with its box, on which another box can be drawn.

import { crop, frame } from "./service.js";
import { element, put } from "./element.js";
import { icon } from "./icons.js";
import { pickBox, place } from "./picker.js";
import { may } from "./session.js";
import { go } from "./store.js";

const LARGEST = 4; // times its own pixels

/** The frame; it comes when it was read, or the reason why it cannot be shown. */
export function frameView(sighting, signal) {
  const { number } = sighting;
  const shown = element(
    "div",
    { class: "frame-view" },
    element("p", { class: "quiet-text" }, "Loading the frame…"),
  );
  frame(number, signal).then(
    (found) => {
      signal.addEventListener("abort", () => URL.revokeObjectURL(found.url));
      put(shown, whole(found, sighting), tools(found, sighting));
    },
    (error) => {
      if (error.name === "AbortError") return;
      put(
        shown,
        element("img", { src: crop(number), alt: `Sighting ${number}, small`, class: "instead" }),
        element("p", { class: "quiet-text" }, error.message),
      );
    },
  );
  return shown;
}

function whole({ url, width, height }, { number, box }) {
  const mark = element("span", { class: "frame-box", hidden: !box });
  if (box) place(mark, box, { width, height });
  return element(
    "div",
    {
      class: "frame",
      style: {
        "aspect-ratio": `${width} / ${height}`,
        "--wide": String(width / height),
        "max-width": `${width * LARGEST}px`,
      },
    },
    element("img", { src: url, alt: `Whole frame of sighting ${number}` }),
    mark,
  );
}

function tools({ url, width, height }, { number, box }) {
  if (!may("analyst")) return null;
  const preview = { url, width, height, vehicles: [], name: `frame of sighting ${number}` };
  return element(
    "div",
    { class: "row" },
    element(
      "button",
      {
        type: "button",
        onclick: async () => {
          const drawn = await pickBox({ preview, box });
          if (!drawn) return;
          go({
            pictures: [{ upload: null, frame_of: number, box: drawn }],
            like: null,
            open: null,
            view: "sightings",
          });
        },
      },
      icon("fit", 16),
      "Search with another box on this frame",
    ),
  );
}
