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

const YEAR = STEPS.at(-1);

/** The least and the longest range that is shown, in milliseconds. */
const LEAST = 2 * SECOND;
const LONGEST = 100 * YEAR;

/** No range leaves the years of four digits, outside of which times are written in another way. */
const FIRST = Date.parse("0001-01-01T00:00Z") + DAY;
const LAST = Date.parse("9999-12-31T00:00Z") - DAY;

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
  const long = Math.min(Math.max((to - from) * by, LEAST), LONGEST);
  const fixed = from + (to - from) * part;
  return within(fixed - long * part, long);
}

/** Moved by a part of its length. */
export function shifted([from, to], part) {
  return within(from + (to - from) * part, to - from);
}

function within(from, long) {
  const start = Math.min(Math.max(from, FIRST), LAST - long);
  return [start, start + long];
}

/**
 * Moments to be named, at most so many, of a clock so many minutes before UTC.
 * @returns {{time: number, text: string}[]}
 */
export function ticks([from, to], most, minutes) {
  let step = STEPS.find((each) => (to - from) / each <= most) ?? YEAR;
  while ((to - from) / step > most) step *= 2;
  const offset = minutes * MINUTE;
  const found = [];
  for (let time = Math.ceil((from + offset) / step) * step; time <= to + offset; time += step) {
    found.push({ time: time - offset, text: tickText(time, step) });
  }
  return found;
}

function tickText(local, step) {
  const iso = new Date(local).toISOString();
  if (step >= YEAR) return iso.slice(0, 7);
  if (step >= DAY || local % DAY === 0) return iso.slice(5, 10);
  return step < MINUTE ? iso.slice(11, 19) : iso.slice(11, 16);
}
