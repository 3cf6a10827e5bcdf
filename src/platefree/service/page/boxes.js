// Boxes: left, top, right, bottom in pixels of a picture.

const LEAST = 8; // pixels of a side

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Within a picture, with sides of 8 pixels at least where the picture has them. */
export function clipped(box, { width, height }) {
  const [left, right] = side(box[0], box[2], width);
  const [top, bottom] = side(box[1], box[3], height);
  return [left, top, right, bottom];
}

/** Moved by an arrow key; null of another key. */
export function moved(box, key, step) {
  const [x, y] = WAYS[key] ?? [];
  return x === undefined ? null : box.map((edge, at) => edge + (at % 2 ? y : x) * step);
}

/** Its right or lower edge moved by an arrow key; null of another key. */
export function resized([left, top, right, bottom], key, step) {
  const [x, y] = WAYS[key] ?? [];
  if (x === undefined) return null;
  return [
    left,
    top,
    Math.max(right + x * step, left + LEAST),
    Math.max(bottom + y * step, top + LEAST),
  ];
}

/** How much of the smaller of two boxes is within the other, from 0 to 1. */
export function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const areas = [one, other].map(([left, top, right, bottom]) => (right - left) * (bottom - top));
  return (Math.max(width, 0) * Math.max(height, 0)) / Math.max(Math.min(...areas), 1);
}

// A side that would leave the picture is pushed back as a whole before it is cut.
function side(start, end, whole) {
  const long = Math.min(Math.max(end - start, Math.min(LEAST, whole)), whole);
  const from = Math.min(Math.max(start, 0), whole - long);
  return [from, from + long];
}
