// Times on a line: which moments are named, and what zooming and moving make of a range.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS = [
  SECOND,
  5 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  5 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  30 * DAY,
  90 * DAY,
  365 * DAY,
];

/** The least range that is shown, in milliseconds. */
const LEAST = 2 * SECOND;

/** A range in which all of these are, with some room at its ends. */
export function around(times) {
  const [first, last] = times.reduce(
    ([low, high], each) => [Math.min(low, each), Math.max(high, each)],
    [Infinity, -Infinity],
  );
  const room = Math.max((last - first) * 0.04, LEAST / 2);
  return [first - room, last + room];
}

/** `by` times as long, about the moment at `part` of it. */
export function zoomed([from, to], by, part = 0.5) {
  const long = Math.max((to - from) * by, LEAST);
  const fixed = from + (to - from) * part;
  return [fixed - long * part, fixed + long * (1 - part)];
}

/** Moved by a part of its length. */
export function shifted([from, to], part) {
  const by = (to - from) * part;
  return [from + by, to + by];
}

/**
 * Moments to be named, at most so many, of a clock so many minutes before UTC.
 * @returns {{time: number, text: string}[]}
 */
export function ticks([from, to], most, minutes) {
  const step = STEPS.find((each) => (to - from) / each <= most) ?? STEPS.at(-1) * 10;
  const offset = minutes * MINUTE;
  const found = [];
  for (let time = Math.ceil((from + offset) / step) * step; time <= to + offset; time += step) {
    found.push({ time: time - offset, text: tickText(time, step) });
  }
  return found;
}

function tickText(local, step) {
  const iso = new Date(local).toISOString();
  if (step >= DAY || local % DAY === 0) return iso.slice(5, 10);
  return step < MINUTE ? iso.slice(11, 19) : iso.slice(11, 16);
}
