// A lane for each camera, a mark for each pass. A drag, the wheel with Ctrl, or keys zoom.

import { drawn, element, iconButton, put, byId } from "./element.js";
import { renew } from "./focus.js";
import { icon } from "./icons.js";
import { markOf } from "./marks.js";
import { passesShown } from "./results.js";
import { go, now, when } from "./store.js";
import { around, shifted, ticks, zoomed } from "./time_scale.js";
import { counted, minutesOf, named, span, sureness } from "./words.js";

const LANE = 30;
const HEAD = 22;
const NAMES = 92;
const ROOM = 8;
const ZOOMS = { "+": 0.5, "=": 0.5, "-": 2 };
const SHIFTS = { ArrowLeft: -0.25, ArrowRight: 0.25 };

let range = null;
let width = 600;
let followed = null;

export function beginTimeline() {
  const place = byId("lanes");
  when("answered", () => {
    if (now.answer !== followed) range = null;
    followed = now.answer;
    show();
  });
  when("marked", show);
  when("shown", show);
  new ResizeObserver(([entry]) => {
    width = Math.max(entry.contentRect.width, 240);
    show();
  }).observe(place);
  place.addEventListener("keydown", byKey);
  place.addEventListener("wheel", byWheel, { passive: false });
}

function show() {
  if (byId("panel-timeline").hidden) return;
  const passes = passesShown().filter((pass) => pass.first);
  const undated = passesShown().length - passes.length;
  renew(byId("timeline-tools"), ...(passes.length ? tools(passes) : []));
  byId("timeline-note").textContent = note(passes, undated);
  if (!passes.length) {
    put(byId("lanes"));
    return;
  }
  range ??= whole(passes);
  renew(byId("lanes"), chart(passes));
}

/** Zoom by a key, wherever the focus is; false if it is none for that, or nothing is shown. */
export function zoomByKey(key) {
  if (!range || !(key in ZOOMS) || !byId("lanes").checkVisibility()) return false;
  zoom(ZOOMS[key], partInFocus());
  return true;
}

function zoom(by, part) {
  range = zoomed(range, by, part);
  show();
}

function note(passes, undated) {
  if (!passes.length && !undated) return "Nothing is shown yet.";
  const unknown = undated
    ? `${counted(undated, "pass", "passes")} of unknown time ${undated === 1 ? "is" : "are"} ` +
      "not on the timeline."
    : "";
  return passes.length ? `${unknown} Drag to zoom; a mark opens its sighting.` : unknown;
}

function whole(passes) {
  return around(passes.flatMap((pass) => [Date.parse(pass.first), Date.parse(pass.last)]));
}

function tools(passes) {
  const change = (next) => () => {
    range = next();
    show();
  };
  return [
    iconButton(
      icon("left"),
      "Earlier",
      change(() => shifted(range, -0.5)),
    ),
    iconButton(
      icon("right"),
      "Later",
      change(() => shifted(range, 0.5)),
    ),
    iconButton(
      icon("add"),
      "Zoom in (+)",
      change(() => zoomed(range, 0.5)),
    ),
    iconButton(
      icon("remove"),
      "Zoom out (-)",
      change(() => zoomed(range, 2)),
    ),
    iconButton(
      icon("fit"),
      "Show all",
      change(() => whole(passes)),
    ),
    element("button", { type: "button", class: "quiet", onclick: onlyThis }, "Only this time"),
  ];
}

// The shown range becomes a condition, to the second, in UTC.
function onlyThis() {
  const [since, until] = range.map((time, at) =>
    new Date((at ? Math.ceil : Math.floor)(time / 1000) * 1000).toISOString().replace(".000", ""),
  );
  go({ where: { ...now.question.where, since, until } });
}

function chart(passes) {
  const cameras = [...new Set(passes.map((pass) => pass.camera))].sort();
  const height = HEAD + cameras.length * LANE;
  const x = (time) => NAMES + ((time - range[0]) / (range[1] - range[0])) * (width - NAMES - ROOM);
  const inView = passes.filter(
    (pass) => Date.parse(pass.last) >= range[0] && Date.parse(pass.first) <= range[1],
  );
  const svg = drawn(
    "svg",
    {
      class: "timeline",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      tabindex: "-1", // has the focus where the mark that had it is out of view
      role: "group",
      "aria-label":
        `Timeline of ${counted(passes.length, "pass", "passes")} of ` +
        `${counted(cameras.length, "camera")}, ${rangeSaid()}`,
    },
    ...ticks(range, Math.max(Math.floor((width - NAMES) / 80), 2), minutesOf(zone())).map(
      ({ time, text }) =>
        drawn(
          "g",
          { class: "tick" },
          drawn("line", { x1: x(time), x2: x(time), y1: HEAD - 4, y2: height }),
          x(time) < width - 28 && x(time) > NAMES - 10
            ? drawn("text", { x: x(time), y: HEAD - 8, "text-anchor": "middle" }, text)
            : null,
        ),
    ),
    ...cameras.map((camera, lane) => laneOf(camera, lane)),
    drawn("rect", { class: "drag", y: HEAD, height: height - HEAD, width: 0, x: 0 }),
    ...inView.map((pass, at) => markOfPass(pass, at === 0, x, cameras.indexOf(pass.camera))),
  );
  dragging(svg);
  return svg;
}

function rangeSaid() {
  const [from, to] = range.map((time) => new Date(time).toISOString());
  return span(from, to, zone());
}

function laneOf(camera, lane) {
  const y = HEAD + lane * LANE;
  const name = named(camera);
  return drawn(
    "g",
    { class: "lane" },
    drawn("rect", { x: 0, y, width, height: LANE, class: lane % 2 ? "odd" : "even" }),
    drawn(
      "text",
      { x: 4, y: y + LANE / 2 + 4 },
      name.length > 12 ? `${name.slice(0, 11)}…` : name,
      drawn("title", {}, name),
    ),
  );
}

// A bar from first to last; its height is how sure it is, its sign what it was marked with.
function markOfPass(pass, isFirst, x, lane) {
  const [from, to] = [x(Date.parse(pass.first)), x(Date.parse(pass.last))];
  const middle = (from + to) / 2;
  const high = 8 + 14 * (sureness(pass)?.part ?? 0.5);
  const y = HEAD + lane * LANE + LANE / 2;
  const mark = pass.numbers.map(markOf).find(Boolean) ?? "";
  const sure = sureness(pass);
  const name =
    `${sure ? `${sure.words} ${sure.figure}, ` : ""}${named(pass.camera)}, ` +
    `${span(pass.first, pass.last, zone())}${mark ? `, marked ${mark}` : ""}`;
  const open = () => go({ open: pass.best });
  return drawn(
    "g",
    {
      class: `pass ${mark} ${(pass.in_words || "").replace(" ", "-")}`,
      role: "button",
      tabindex: isFirst ? "0" : "-1",
      "aria-label": name,
      "data-key": pass.best,
      onclick: open,
      onkeydown: (event) => {
        if (event.key === "Enter" || event.key === " ") {
          event.preventDefault();
          open();
        }
      },
    },
    drawn("title", {}, name),
    drawn("rect", { class: "reach", x: middle - 9, y: y - LANE / 2, width: 18, height: LANE }),
    drawn("rect", {
      class: "body",
      x: Math.min(from, middle - 3),
      y: y - high / 2,
      width: Math.max(to - from, 6),
      height: high,
      rx: 2,
    }),
    mark ? drawn("g", { transform: `translate(${middle - 8} ${y - 8})` }, icon(mark, 16)) : null,
  );
}

// Left and right go from mark to mark where one has the focus.
function byKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const all = marks();
  const at = all.indexOf(document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1 }[event.key];
  if (at >= 0 && to in all && !event.shiftKey) {
    all[at].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
  } else if (event.key in SHIFTS) {
    range = shifted(range, SHIFTS[event.key]);
    show();
  } else if (!zoomByKey(event.key)) return;
  event.preventDefault();
  event.stopPropagation();
}

function marks() {
  const all = [...byId("lanes").querySelectorAll(".pass")];
  return all.sort((one, other) => middle(one) - middle(other));
}

function middle(mark) {
  const { x, width: wide } = mark.querySelector(".reach").getBBox();
  return x + wide / 2;
}

// The mark with the focus stays where it is; without one the middle does.
function partInFocus() {
  const mark = marks().find((each) => each === document.activeElement);
  return mark ? partOf(middle(mark)) : 0.5;
}

function byWheel(event) {
  if (!range || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const edges = byId("lanes").getBoundingClientRect();
  zoom(event.deltaY > 0 ? 1.25 : 0.8, partOf(event.clientX - edges.left));
}

function dragging(svg) {
  const band = svg.querySelector(".drag");
  let start = null;
  const at = (event) =>
    Math.min(Math.max(event.clientX - svg.getBoundingClientRect().left, NAMES), width - ROOM);
  svg.addEventListener("pointerdown", (event) => {
    if (event.button || event.target.closest(".pass")) return;
    start = at(event);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (start === null) return;
    band.setAttribute("x", Math.min(start, at(event)));
    band.setAttribute("width", Math.abs(at(event) - start));
  });
  svg.addEventListener("pointerup", (event) => {
    // a chart that is made anew now would take the click from under the mark
    if (start === null) return;
    const [low, high] = [start, at(event)].sort((one, other) => one - other);
    if (high - low > 6) {
      const [from, to] = range;
      range = [from + (to - from) * partOf(low), from + (to - from) * partOf(high)];
      range = zoomed(range, 1); // not shorter than the least
    }
    show();
  });
  svg.addEventListener("pointercancel", show);
}

function partOf(x) {
  return Math.min(Math.max((x - NAMES) / (width - NAMES - ROOM), 0), 1);
}

function zone() {
  return now.question.where.zone;
}
