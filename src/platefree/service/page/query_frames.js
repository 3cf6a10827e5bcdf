// The frames of a query by boxes on frames: each is read once, and kept while it is looked for.

import { frame } from "./service.js";

const frames = new Map();

/** The frame of a sighting as `frame` gives it, which is not to be revoked. */
export function frameOf(number) {
  if (!frames.has(number)) {
    const found = frame(number);
    frames.set(number, found);
    found.catch(() => frames.delete(number)); // it is asked for again the next time
  }
  return frames.get(number);
}

/** Let all others go. */
export function keepFrames(numbers) {
  for (const [number, found] of frames) {
    if (numbers.includes(number)) continue;
    frames.delete(number);
    found.then(({ url }) => URL.revokeObjectURL(url)).catch(() => {});
  }
}
