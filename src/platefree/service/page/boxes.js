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

// A side that would leave the picture is pushed back as a whole before it is cut.
function side(start, end, whole) {
  const long = Math.min(Math.max(end - start, Math.min(LEAST, whole)), whole);
  const from = Math.min(Math.max(start, 0), whole - long);
  return [from, from + long];
}
