// A part of a picture, cut out by its view box: sharp at any size, and no picture is copied.

import { drawn, element } from "./element.js";

/**
 * The part of a picture that a box shows.
 * @param {string} url
 * @param {{width: number, height: number}} whole size of the picture in pixels
 * @param {?number[]} box left, top, right, bottom; null is all of it
 * @param {string} name what it shows
 */
export function cut(url, { width, height }, box, name) {
  if (!url) return element("span", { class: "no-picture" }, name);
  const [left, top, right, bottom] = box ?? [0, 0, width, height];
  return drawn(
    "svg",
    {
      class: "cut",
      role: "img",
      "aria-label": name,
      viewBox: `${left} ${top} ${right - left} ${bottom - top}`,
    },
    drawn("image", { href: url, width, height, preserveAspectRatio: "none" }),
  );
}
