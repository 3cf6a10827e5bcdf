// What is asked and shown, and the same as the fragment of the address.
//
// The fragment, not the query string: browsers send it to nobody, so it is in no log of a proxy.

import { overlap } from "./boxes.js";
import { parsed, words } from "./conditions.js";

/** Answers that are shown at first. */
const TOP = 40;
/** The most that the service gives. */
export const MOST = 1000;

/**
 * @typedef {Object} Question
 * @property {{upload: ?string, frame_of: ?number, box: ?number[]}[]} pictures of one vehicle
 * @property {?number} like a stored sighting that is the query
 * @property {Object} where conditions
 * @property {?number} least probability
 * @property {number} top how many
 * @property {string} post steps
 * @property {number[]} yes sightings that show the vehicle
 * @property {number[]} no sightings that do not
 * @property {string} view sightings, timeline, journey or map
 * @property {string} sort nearest or newest
 * @property {?number} open the sighting whose details are shown
 */
export const NOTHING = Object.freeze({
  pictures: [],
  like: null,
  where: {},
  least: null,
  top: TOP,
  post: "none",
  yes: [],
  no: [],
  view: "sightings",
  sort: "nearest",
  open: null,
});

/** Whether something is looked for, and not just listed. */
export function isSearch(question) {
  return question.pictures.length > 0 || question.like !== null;
}

/** What an answer depends on; the rest is how it is shown. */
export function asked(question) {
  return written({ ...question, view: NOTHING.view, sort: NOTHING.sort, open: null });
}

/** Whether two questions look for one vehicle: nothing, one sighting, or a picture in common. */
export function isSameVehicle(one, other) {
  if (subject(one) === subject(other)) return true;
  return one.pictures.some((each) => other.pictures.some((another) => shareVehicle(each, another)));
}

// Boxes on one picture show one vehicle if they overlap; without a box it is all of the picture.
function shareVehicle(one, other) {
  if (one.upload !== other.upload || one.frame_of !== other.frame_of) return false;
  return !one.box || !other.box || overlap(one.box, other.box) >= 0.5;
}

/** The vehicle that is looked for. */
export function subject(question) {
  return JSON.stringify([question.pictures, question.like]);
}

/** A question as a fragment, without the "#". */
export function written(question) {
  const found = new URLSearchParams();
  for (const each of question.pictures) {
    const name = each.upload ? "picture" : "frame";
    const box = each.box ? `@${each.box.map((edge) => Number(edge.toFixed(1))).join(",")}` : "";
    found.append(name, `${each.upload ?? each.frame_of}${box}`);
  }
  if (question.like !== null) found.set("like", question.like);
  const where = words(question.where, question.least).join(" ");
  if (where) found.set("where", where);
  if (question.top !== TOP) found.set("top", question.top);
  for (const name of ["post", "view", "sort"]) {
    if (question[name] !== NOTHING[name]) found.set(name, question[name]);
  }
  for (const name of ["yes", "no"])
    if (question[name].length) found.set(name, question[name].join(","));
  if (question.open !== null) found.set("open", question.open);
  return readable(found.toString());
}

/** What of the conditions of a fragment cannot be read, in a sentence; empty if all can. */
export function unread(fragment) {
  return parsed(new URLSearchParams(fragment.replace(/^#/, "")).get("where") ?? "").fault;
}

/** The question of a fragment; what cannot be understood is left out. */
export function read(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const { where, least } = parsed(given.get("where") ?? "");
  const pictures = [...given.entries()]
    .filter(([name]) => name === "picture" || name === "frame")
    .map(([name, text]) => picture(name, text))
    .filter(Boolean);
  const like = pictures.length ? null : whole(given.get("like"));
  return {
    pictures,
    like,
    where,
    least,
    top: Math.min(Math.max(whole(given.get("top")) ?? TOP, 1), MOST),
    post: /^[a-z,]{1,40}$/.test(given.get("post") ?? "") ? given.get("post") : NOTHING.post,
    yes: numbers(given.get("yes")),
    no: numbers(given.get("no")),
    view: one(given.get("view"), ["sightings", "timeline", "journey", "map"]),
    sort: one(given.get("sort"), ["nearest", "newest"]),
    open: whole(given.get("open")),
  };
}

function picture(name, text) {
  const [key, edges] = text.split("@");
  const box = edges ? edges.split(",").map(Number) : null;
  if (box && (box.length !== 4 || box.some((edge) => !(edge >= 0)))) return null;
  if (name === "frame")
    return whole(key) === null ? null : { upload: null, frame_of: whole(key), box };
  return /^[0-9a-f]{8,64}$/.test(key) ? { upload: key, frame_of: null, box } : null;
}

function whole(text) {
  return /^\d{1,15}$/.test(text ?? "") ? Number(text) : null;
}

function numbers(text) {
  return (text ?? "")
    .split(",")
    .map(whole)
    .filter((each) => each !== null);
}

function one(text, choices) {
  return choices.includes(text) ? text : choices[0];
}

// Colons, commas and @ may stand in a fragment as they are, and people read addresses.
function readable(text) {
  return text.replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%40", "@");
}
