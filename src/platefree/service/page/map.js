// Where the cameras are, as a drawing without tiles, with what each saw and the way of a journey.

import { ask } from "./service.js";
import { byId, drawn, element, put } from "./element.js";
import { renew } from "./focus.js";
import { joined } from "./conditions.js";
import { whenFollowed } from "./journey.js";
import { passesShown } from "./results.js";
import { go, now, when } from "./store.js";
import { counted, named, way } from "./words.js";

const SIDE = 400;
const EDGE = 56;

let journeys = [];
let fault = "";

export function beginMap() {
  whenFollowed((found, said) => {
    [journeys, fault] = [found, said];
    show();
  });
  when("answered", show);
  when("shown", show);
}

async function show() {
  if (byId("panel-map").hidden) return;
  try {
    now.places ??= await ask("GET", "/api/cameras");
  } catch (error) {
    put(
      byId("map"),
      element(
        "p",
        { class: "quiet-text" },
        error.status === 404 ? "This service does not say where cameras are." : error.message,
      ),
    );
    return;
  }
  const placed = now.places.cameras.filter(({ east, north }) => east !== null && north !== null);
  const others = now.places.cameras.length - placed.length;
  if (!placed.length) {
    put(
      byId("map"),
      element(
        "p",
        { class: "quiet-text" },
        "This service does not know where cameras are: start it with " +
          '"platefree serve --cameras FILE".',
      ),
    );
    return;
  }
  renew(
    byId("map"),
    fault ? element("p", { role: "alert" }, `The way is not known. ${fault}`) : null,
    drawing(placed),
    element(
      "p",
      { class: "quiet-text" },
      `${counted(placed.length, "camera")}; the numbers are passes that are shown.` +
        (others ? ` ${counted(others, "camera")} of unknown place.` : ""),
    ),
  );
}

function drawing(cameras) {
  const at = projection(cameras);
  const seen = new Map();
  for (const { camera } of passesShown()) seen.set(camera, (seen.get(camera) ?? 0) + 1);
  return drawn(
    "svg",
    {
      class: "map",
      viewBox: `0 0 ${SIDE} ${SIDE}`,
      role: "group",
      "aria-label": "Map of the cameras",
    },
    drawn(
      "defs",
      {},
      drawn(
        "marker",
        {
          id: "arrow",
          viewBox: "0 0 8 8",
          refX: 7,
          refY: 4,
          markerWidth: 5,
          markerHeight: 5,
          orient: "auto",
        },
        drawn("path", { d: "M0 0L8 4L0 8z", class: "arrow" }),
      ),
    ),
    ...journeys.flatMap((journey, place) =>
      legs(journey, cameras, at, journeys.length > 1 ? `${place + 1}.` : ""),
    ),
    ...cameras.map((each) => cameraOf(each, at, seen.get(each.camera) ?? 0)),
    compass(),
    scale(at.pixels),
  );
}

// Metres east and north onto the drawing, alike in both directions.
function projection(cameras) {
  const [east, north] = ["east", "north"].map((name) => cameras.map((each) => each[name]));
  const [low, high] = [
    [Math.min(...east), Math.min(...north)],
    [Math.max(...east), Math.max(...north)],
  ];
  const pixels = (SIDE - 2 * EDGE) / Math.max(high[0] - low[0], high[1] - low[1], 1);
  const middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  const at = (camera) => [
    SIDE / 2 + (camera.east - middle[0]) * pixels,
    SIDE / 2 - (camera.north - middle[1]) * pixels,
  ];
  at.pixels = pixels;
  return at;
}

function cameraOf(camera, at, many) {
  const [x, y] = at(camera);
  const name = named(camera.camera);
  const only = () =>
    go({ where: joined({ ...now.question.where, cameras: [] }, { cameras: [camera.camera] }) });
  return drawn(
    "g",
    {
      class: many ? "place seen" : "place",
      role: "button",
      tabindex: "0",
      "data-key": camera.camera,
      "aria-label": `${name}: ${counted(many, "pass", "passes")} shown. Show this camera alone`,
      onclick: only,
      onkeydown: (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        only();
      },
    },
    drawn("title", {}, `${name}: ${counted(camera.sightings, "sighting")} stored`),
    drawn("circle", { cx: x, cy: y, r: 13 }),
    drawn("text", { x, y: y + 4, class: "many" }, String(many)),
    drawn("text", { x, y: y + 28, class: "name" }, name),
  );
}

function legs({ stops, conflicts }, cameras, at, which) {
  const known = new Map(cameras.map((each) => [each.camera, each]));
  return stops.slice(1).map((stop, place) => {
    const [from, to] = [known.get(stops[place].camera), known.get(stop.camera)];
    if (!from || !to || from === to) return null;
    const [[x1, y1], [x2, y2]] = [at(from), at(to)];
    const long = Math.hypot(x2 - x1, y2 - y1) || 1;
    const short = (value, other) => value + ((other - value) * 16) / long;
    const isDoubtful = conflicts.some(
      ({ first, second }) => first === place && second === place + 1,
    );
    return drawn(
      "g",
      { class: isDoubtful ? "leg-line doubtful" : "leg-line" },
      drawn("line", {
        x1: short(x1, x2),
        y1: short(y1, y2),
        x2: short(x2, x1),
        y2: short(y2, y1),
        "marker-end": "url(#arrow)",
      }),
      drawn("text", { x: (x1 + x2) / 2 + 8, y: (y1 + y2) / 2 - 4 }, `${which}${place + 1}`),
    );
  });
}

function compass() {
  return drawn(
    "g",
    { class: "compass", role: "img", "aria-label": "North is up" },
    drawn("path", { d: `M${SIDE - 24} 40V18M${SIDE - 29} 24l5-7 5 7` }),
    drawn("text", { x: SIDE - 24, y: 54 }, "N"),
  );
}

// The longest round way that fits a quarter of the drawing.
function scale(pixels) {
  const most = SIDE / 4 / pixels;
  const power = 10 ** Math.floor(Math.log10(most));
  const metres = [5, 2, 1].map((each) => each * power).find((each) => each <= most);
  return drawn(
    "g",
    { class: "scale" },
    drawn("path", { d: `M12 ${SIDE - 18}v6h${metres * pixels}v-6` }),
    drawn("text", { x: 12, y: SIDE - 24 }, way(metres)),
  );
}
