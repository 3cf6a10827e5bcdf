// What is looked for: pictures of the vehicle, or a stored sighting, to be changed or cleared.

import { crop } from "./service.js";
import { cut } from "./cutting.js";
import { byId, element, iconButton } from "./element.js";
import { renew } from "./focus.js";
import { icon } from "./icons.js";
import { bringFurther, chooseBox } from "./pictures.js";
import { previewOf } from "./previews.js";
import { frameOf, keepFrames } from "./query_frames.js";
import { isSearch } from "./question.js";
import { go, now, when } from "./store.js";
import { counted } from "./words.js";

export function beginStrip() {
  when("asked", show);
  show();
}

/** Look for nothing, and leave out the conditions that are of a search alone. */
export function clearQuery() {
  const { at_least, ...where } = now.question.where;
  go({ pictures: [], like: null, where, least: null, post: "none", open: null });
}

/** The picture of the query that a hit was nearest to, to be shown beside it; or null. */
export function queryPicture(place) {
  const { question } = now;
  if (question.like !== null) return sightingPicture(question.like);
  const picture = question.pictures[place ?? 0];
  return picture ? pictureOf(picture, (place ?? 0) + 1) : null;
}

function show() {
  const { question } = now;
  const strip = byId("query");
  keepFrames(question.pictures.map((picture) => picture.frame_of));
  strip.hidden = !isSearch(question);
  if (strip.hidden) return;
  renew(
    strip,
    element("h2", {}, "Looking for"),
    ...tiles(question),
    question.pictures.length
      ? element(
          "button",
          {
            type: "button",
            class: "quiet",
            onclick: bringFurther,
            title: "With several pictures, a sighting ranks by the nearest of them",
          },
          icon("add", 16),
          element("span", {}, "Another", element("span", { class: "wide" }, " picture of it")),
        )
      : null,
    feedbackSaid(question),
    element("span", { class: "push" }),
    element(
      "button",
      {
        type: "button",
        class: "quiet",
        onclick: clearQuery,
      },
      icon("close", 16),
      "Clear",
    ),
  );
}

function tiles(question) {
  if (question.like !== null) {
    return [
      element(
        "div",
        { class: "tile" },
        sightingPicture(question.like),
        element("span", { class: "tile-name" }, `Sighting ${question.like}`),
      ),
    ];
  }
  return question.pictures.map((picture, place) =>
    element(
      "div",
      { class: "tile" },
      pictureOf(picture, place + 1),
      element("span", { class: "tile-name" }, boxSaid(picture)),
      picture.upload && previewOf(picture.upload)
        ? iconButton(icon("edit", 16), `Choose another box on picture ${place + 1}`, () =>
            chooseBox(place),
          )
        : null,
      question.pictures.length > 1
        ? iconButton(icon("close", 16), `Leave picture ${place + 1} out`, () =>
            go({ pictures: question.pictures.filter((_, at) => at !== place) }),
          )
        : null,
    ),
  );
}

function boxSaid({ upload, frame_of: number, box }) {
  const where = upload ? previewOf(upload)?.name || "picture" : `frame of sighting ${number}`;
  return box ? `box on ${where}` : where;
}

function pictureOf({ upload, frame_of: number, box }, place) {
  const name = `Query picture ${place}`;
  if (!upload) return framePicture(number, box, name);
  const preview = previewOf(upload);
  if (preview) return cut(preview.url, preview, box, name);
  return notShown("This tab has no copy of it; the service may still search with it");
}

// It comes when the frame was read.
function framePicture(number, box, name) {
  const place = element("span", { class: "no-picture" }, "Loading…");
  frameOf(number).then(
    (found) => place.replaceWith(cut(found.url, found, box, name)),
    (error) => place.replaceWith(notShown(error.message)),
  );
  return place;
}

function notShown(why) {
  return element("span", { class: "no-picture", title: why }, "not shown");
}

function sightingPicture(number) {
  return element("img", {
    src: crop(number),
    alt: `Sighting ${number}`,
    class: "cut",
    onerror: (event) => event.target.remove(), // it was forgotten: the name beside it is enough
  });
}

function feedbackSaid({ yes, no }) {
  if (!yes.length && !no.length) return null;
  return element(
    "span",
    { class: "quiet-text" },
    `moved by ${counted(yes.length, "yes", "yes")} and ${counted(no.length, "no", "no")}`,
  );
}
