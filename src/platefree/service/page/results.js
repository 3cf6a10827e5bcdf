// The answer as cards, one for each pass of a vehicle: what one camera saw of it at a time.

import { crop } from "./service.js";
import { element, byId, iconButton, put } from "./element.js";
import { renew } from "./focus.js";
import { icon } from "./icons.js";
import { markButtons, markOf } from "./marks.js";
import { isSearch } from "./question.js";
import { hasMore, hitOf, isBusy, more } from "./searching.js";
import { may } from "./session.js";
import { go, now, when } from "./store.js";
import { counted, moment, named, sureness, vehicle } from "./words.js";

let cards = [];

export function beginResults() {
  when("answered", show);
  when("shown", order);
  when("marked", () => cards.forEach((card) => card.shown()));
  byId("cards").addEventListener("focusin", (event) => rove(event.target.closest(".card")));
  byId("more").addEventListener("click", more);
}

// Of a list the next page comes by itself.
const end = new IntersectionObserver(
  (entries) => {
    if (entries.some((each) => each.isIntersecting) && !isSearch(now.question)) more();
  },
  { rootMargin: "600px" },
);

// A page that only goes on with a pass adds no card, so the end stays in view and is not told again.
function watchEnd() {
  end.unobserve(byId("more"));
  end.observe(byId("more"));
}

/** The passes of the answer in the order in which they are shown. */
export function passesShown() {
  const passes = [...(now.answer?.passes ?? [])];
  if (now.question.sort === "newest" && isSearch(now.question)) {
    passes.sort((one, other) => (other.last || "").localeCompare(one.last || ""));
  }
  return passes;
}

/** The pass that a sighting is of; undefined if it is not in the answer. */
export function passOf(number) {
  return now.answer?.passes?.find((pass) => pass.numbers.includes(number));
}

/** Focus the next card by an arrow key; false if the key is none. */
export function step(key) {
  const at = cards.findIndex(({ node }) => node.contains(document.activeElement));
  if (at < 0) return false;
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + across(),
    ArrowUp: at - across(),
    Home: 0,
    End: cards.length - 1,
  }[key];
  if (to === undefined) return false;
  cards[Math.min(Math.max(to, 0), cards.length - 1)].node.querySelector(".open").focus();
  return true;
}

/** The pass whose card has the focus; undefined if none has. */
export function passInFocus() {
  return cards.find(({ node }) => node.contains(document.activeElement))?.pass;
}

function show() {
  document.body.classList.toggle("busy", isBusy());
  byId("cards").setAttribute("aria-busy", String(isBusy()));
  if (isBusy() && now.answer) return;
  shownOrder = null;
  order();
  watchEnd();
}

let shownOrder = null;

function order() {
  const passes = passesShown();
  const key = passes.map(keyOf).join();
  byId("more").hidden = !hasMore();
  byId("more").textContent = isSearch(now.question) ? "Show more of the nearest" : "Show more";
  if (key === shownOrder) return;
  shownOrder = key;
  const known = new Map(cards.map((card) => [card.key, card]));
  cards = passes.map((pass) => known.get(keyOf(pass)) ?? cardOf(pass));
  renew(byId("cards"), ...cards.map(({ node }) => node));
  if (cards.length) rove(byId("cards").querySelector(".card:focus-within") ?? cards[0].node);
}

function cardOf(pass) {
  const hit = hitOf(pass.best);
  const marks = may("analyst") ? markButtons(pass.numbers) : { buttons: [], shown: () => {} };
  const many = pass.numbers.length;
  const name = vehicle(hit.labels);
  const node = element(
    "li",
    { class: "card", "data-number": pass.best, "data-key": pass.best },
    element(
      "button",
      {
        type: "button",
        class: "open",
        "aria-label": openSaid(pass, name),
        onclick: () => go({ open: pass.best }),
      },
      picture(pass.best, name),
      many > 1 ? element("span", { class: "times" }, `${many}`) : null,
      element("span", { class: "mark-shown", "aria-hidden": "true" }),
    ),
    sureLine(pass),
    element(
      "p",
      { class: "where" },
      element("b", {}, named(pass.camera)),
      element("span", { class: "what" }, name),
    ),
    element("p", { class: "time" }, timeOf(pass)),
    element(
      "div",
      { class: "row tools" },
      ...marks.buttons,
      element("span", { class: "push" }),
      may("analyst")
        ? iconButton(icon("like", 16), "Find similar (f)", () => findSimilar(pass.best))
        : null,
    ),
  );
  const shown = () => {
    marks.shown();
    const mark = markOf(pass.best);
    node.dataset.mark = mark;
    put(node.querySelector(".mark-shown"), mark ? icon(mark, 18) : null);
  };
  shown();
  return { node, pass, shown, key: keyOf(pass) };
}

// A card is made anew where another pass, or another clock, is shown.
function keyOf(pass) {
  return JSON.stringify([pass, now.question.where.zone]);
}

/** Look for what is like a stored sighting. */
export function findSimilar(number) {
  go({ like: number, pictures: [], open: null, view: "sightings", post: "none" });
  scrollTo({ top: 0 });
}

/** How sure a pass or hit is: in words, as a number, and as a bar. */
export function sureLine(hit) {
  const sure = sureness(hit);
  if (!sure) return null;
  const kind = sure.words.replace(" ", "-");
  return element(
    "p",
    { class: `sure ${kind}` },
    element("span", { class: "sure-words" }, sure.words),
    " ",
    element("span", { class: "figure" }, sure.figure),
    element(
      "span",
      { class: "bar", "aria-hidden": "true" },
      element("span", { style: { width: `${(sure.part * 100).toFixed(1)}%` } }),
    ),
  );
}

function picture(number, name) {
  const image = element("img", {
    src: crop(number),
    alt: name,
    loading: "lazy",
    decoding: "async",
  });
  image.addEventListener("error", () =>
    image.replaceWith(element("span", { class: "no-picture" }, "no small picture")),
  );
  return image;
}

function openSaid(pass, name) {
  const sure = sureness(pass);
  const about = sure ? `${sure.words} ${sure.figure}, ` : "";
  return (
    `Details: ${about}${name}, camera ${named(pass.camera)}, ${timeOf(pass)}, ` +
    counted(pass.numbers.length, "sighting")
  );
}

function timeOf({ first }) {
  return moment(first, now.question.where.zone);
}

// One card is reached by Tab, the others by arrows: a page of hundreds is left with one key.
function rove(active) {
  for (const { node } of cards) {
    const isActive = node === active;
    for (const control of node.querySelectorAll("button")) control.tabIndex = isActive ? 0 : -1;
  }
}

function across() {
  const top = cards[0].node.offsetTop;
  const next = cards.findIndex(({ node }) => node.offsetTop !== top);
  return next < 0 ? cards.length : next;
}
