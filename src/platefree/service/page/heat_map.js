// Which parts of the query and of a hit made them alike, over both pictures, when it is asked for.

import { ask } from "./service.js";
import { element, put } from "./element.js";
import { icon } from "./icons.js";
import { reason } from "./reason.js";
import { now } from "./store.js";

/** A button that lays the maps over the pictures, and takes them away. */
export function heatPart(sighting, hit, pictures, signal) {
  const said = element("span", { class: "quiet-text" });
  const button = element(
    "button",
    {
      type: "button",
      "aria-pressed": "false",
      onclick: async () => {
        const shown = pictures.querySelectorAll(".heat");
        if (shown.length) {
          shown.forEach((each) => each.remove());
          button.setAttribute("aria-pressed", "false");
          put(said);
          return;
        }
        button.disabled = true;
        put(said, "Computing…");
        try {
          const found = await ask("POST", "/api/heat-maps", request(sighting.number, hit), signal);
          lay(pictures.querySelector(".query-figure .shown"), found.query);
          lay(pictures.querySelector(".hit-figure .shown"), found.hit);
          put(said, "The brighter a region, the more it adds to the similarity.");
          button.setAttribute("aria-pressed", "true");
        } catch (error) {
          if (error.name !== "AbortError") put(said, error.message);
        }
        button.disabled = false;
      },
    },
    icon("heat", 16),
    "Heat map",
  );
  return element("div", { class: "row heat-part" }, button, said);
}

function request(number, hit) {
  const { pictures, like } = now.question;
  const picture = like === null ? pictures[hit?.query ?? 0] : null;
  return { number, query: picture, query_number: like, reason: reason() };
}

// Opacity alone says how much, so that no color has to be told from another.
function lay(place, rows) {
  const canvas = element("canvas", {
    class: "heat",
    width: rows[0].length,
    height: rows.length,
    role: "img",
    "aria-label": "Heat map",
  });
  const draw = canvas.getContext("2d");
  rows.forEach((row, y) =>
    row.forEach((value, x) => {
      draw.fillStyle = `rgba(255, 214, 10, ${(0.75 * value).toFixed(3)})`;
      draw.fillRect(x, y, 1, 1);
    }),
  );
  place.append(canvas);
}
