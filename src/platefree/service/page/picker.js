// A picture on which a vehicle is chosen, or a box is drawn: by mouse, finger or keyboard.

import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { clipped, moved, resized } from "./boxes.js";

const LEAST = 4; // pixels; less is a click
const STEP = 0.01; // of the picture

/**
 * Choose a box.
 * @param {Object} about
 * @param {import("./previews.js").Preview} about.preview the picture and the vehicles on it
 * @param {?number[]} about.box that is chosen now
 * @returns {Promise<?number[]|undefined>} null is the whole picture; undefined: nothing was chosen
 */
export function pickBox({ preview, box }) {
  return new Promise((resolve) => {
    const size = preview ?? { url: "", width: 1, height: 1, vehicles: [] };
    let chosen;
    const surface = element("div", {
      class: "surface",
      style: {
        "aspect-ratio": `${size.width} / ${size.height}`,
        "--wide": String(size.width / size.height),
      },
    });
    const use = element(
      "button",
      { type: "button", class: "primary", disabled: true, onclick: () => leave(drawnBox) },
      "Search with this box",
    );
    let drawnBox = null;
    const frame = element("div", {
      class: "drawn-box",
      tabindex: "0",
      role: "group",
      hidden: true,
      onkeydown: (event) => byKey(event),
    });

    function leave(found) {
      chosen = found;
      dialog.close();
    }
    function show(next) {
      drawnBox = clipped(next, size);
      place(frame, drawnBox, size);
      frame.hidden = use.disabled = false;
      frame.setAttribute(
        "aria-label",
        `Drawn box, ${described(drawnBox)}. Arrow keys move it, with ` +
          "Shift they change its size, Enter searches.",
      );
    }
    function byKey(event) {
      if (event.key === "Enter") return leave(drawnBox);
      const change = event.shiftKey ? resized : moved;
      const next = change(drawnBox, event.key, STEP * Math.max(size.width, size.height));
      if (!next) return undefined;
      event.preventDefault();
      event.stopPropagation();
      return show(next);
    }

    if (size.url)
      surface.append(element("img", { src: size.url, alt: "The picture", draggable: "false" }));
    surface.append(...size.vehicles.map((vehicle, at) => outline(vehicle, at, size, leave)), frame);
    drawing(surface, size, show);
    const draw = element(
      "button",
      {
        type: "button",
        onclick: () => {
          if (!drawnBox)
            show(
              [0.25, 0.25, 0.75, 0.75].map(
                (part, at) => part * (at % 2 ? size.height : size.width),
              ),
            );
          frame.focus();
        },
      },
      "Draw a box with the keyboard",
    );
    const dialog = openDialog({
      title: "Which vehicle is meant?",
      kind: "picker",
      onclose: () => resolve(chosen),
      content: [
        element("p", { class: "hint" }, hintOf(size)),
        surface,
        element(
          "div",
          { class: "row end" },
          draw,
          element(
            "button",
            { type: "button", onclick: () => leave(null) },
            "Take the whole picture",
          ),
          use,
        ),
      ],
    });
    if (box && !size.vehicles.some((each) => String(each.box) === String(box))) show(box);
    surface.querySelector(".outline")?.focus();
  });
}

function hintOf(size) {
  if (!size.url) return "This browser cannot show the picture. You can search with all of it.";
  const many = size.vehicles.length;
  return many
    ? `${many === 1 ? "A vehicle was" : `${many} vehicles were`} found. Click one, or draw a box ` +
        "around the vehicle."
    : "Draw a box around the vehicle.";
}

function outline(vehicle, at, size, leave) {
  const score = Math.round(vehicle.score * 100);
  const name = `Vehicle ${at + 1}: ${vehicle.kind}, detected with ${score} %`;
  const made = element(
    "button",
    {
      type: "button",
      class: "outline",
      "aria-label": name,
      title: name,
      onclick: () => leave(vehicle.box),
    },
    element("span", {}, String(at + 1)),
  );
  place(made, vehicle.box, size);
  return made;
}

// A drag draws; what begins on an outline and does not move is a click on it.
function drawing(surface, size, show) {
  let start = null;
  const part = (value, whole) => Math.min(Math.max(value / whole, 0), 1);
  const at = (event) => {
    const edges = surface.getBoundingClientRect();
    return [
      part(event.clientX - edges.left, edges.width) * size.width,
      part(event.clientY - edges.top, edges.height) * size.height,
    ];
  };
  const between = (event) => {
    const [x, y] = at(event);
    return [Math.min(start.x, x), Math.min(start.y, y), Math.max(start.x, x), Math.max(start.y, y)];
  };
  const isDrag = (event) =>
    Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) >= LEAST;
  surface.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const [x, y] = at(event);
    start = { x, y, clientX: event.clientX, clientY: event.clientY, drags: false };
  });
  surface.addEventListener("pointermove", (event) => {
    if (!start || !(start.drags || isDrag(event))) return;
    if (!start.drags) surface.setPointerCapture(event.pointerId);
    start.drags = true;
    show(between(event));
  });
  surface.addEventListener("pointerup", () => {
    start = null;
  });
  surface.addEventListener("pointercancel", () => {
    start = null;
  });
}

function place(node, [left, top, right, bottom], { width, height }) {
  const part = (value, whole) => `${((value / whole) * 100).toFixed(3)}%`;
  node.style.setProperty("left", part(left, width));
  node.style.setProperty("top", part(top, height));
  node.style.setProperty("width", part(right - left, width));
  node.style.setProperty("height", part(bottom - top, height));
}

function described(box) {
  const [left, top, right, bottom] = box.map(Math.round);
  return `from ${left}, ${top} to ${right}, ${bottom} pixels`;
}

export { place };
