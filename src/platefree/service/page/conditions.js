// Conditions as words, as the command line has them: camera:gate,ramp since:2026-05-01 type:van
//
// `where` is what the API takes, without what says nothing, such as {cameras: ["gate"]}.

const LISTS = {
  camera: "cameras",
  type: "types",
  color: "colors",
  view: "views",
  track: "tracks",
  source: "sources",
  weekday: "weekdays",
};
const NAMES = { time: "unknown_time", similarity: "at_least" };
const TIMES = { known: "out", unknown: "only", any: "in" };

/** What may stand before the colon, and what it says. */
export const KEYS = {
  camera: "captured by one of these",
  type: "body types",
  color: "paint colors",
  view: "sides that are seen",
  track: "one of these passes",
  source: "films or data sets",
  since: "then or later",
  until: "before",
  between: "times of day",
  weekday: "days of the week",
  zone: "the clock, such as +07:00",
  time: "known, unknown or any",
  not: "all but this sighting",
  similarity: "at least this similar",
  p: "at least this probable",
};

/**
 * Read words.
 * @returns {{where: Object, least: number|null, fault: string}} `fault` says what is no condition,
 *   the first of them; all others are there.
 */
export function parsed(text) {
  const where = {};
  let least = null;
  const { found, isOpen } = read(text);
  const faults = isOpen ? [`${found.pop().word}: the closing quote is missing`] : [];
  for (const { word, key, values } of found) {
    const value = values.join(",");
    if (!Object.hasOwn(KEYS, key) || values.includes("")) faults.push(faultOf(word));
    else if (key !== "p") faults.push(take(where, key, values));
    else if (isPart(value, 0)) least = Number(value);
    else faults.push(`p:${value}: expected a probability from 0 to 1`);
  }
  return { where, least, fault: faults.find(Boolean) ?? "" };
}

/** Conditions as words, one for each value that can be taken away by itself. */
export function words(where, least = null) {
  const found = said(where).map(({ word }) => word);
  return least === null ? found : [...found, `p:${least}`];
}

// Each word with the condition that it says, and of a list the value.
function said(where) {
  const found = [];
  const say = (key, text, name, value) => found.push({ word: `${key}:${text}`, name, value });
  for (const [key, name] of Object.entries(LISTS)) {
    for (const value of where[name] ?? []) say(key, quoted(value || "unknown"), name, value);
  }
  for (const name of ["since", "until", "zone"])
    if (where[name]) say(name, quoted(where[name]), name);
  if (where.between) say("between", where.between.join("-"), "between");
  if (where.unknown_time) {
    const time = Object.keys(TIMES).find((each) => TIMES[each] === where.unknown_time);
    say("time", time, "unknown_time");
  }
  for (const number of where.not_numbers ?? []) say("not", number, "not_numbers", number);
  if (where.at_least !== undefined) say("similarity", where.at_least, "at_least");
  return found;
}

/** The value of one word, without quotes. */
export function valueOf(word) {
  return read(word).found[0].values.join(",");
}

/** These and those; of lists both, of others the later. */
export function joined(where, more) {
  const all = { ...where };
  for (const [name, value] of Object.entries(more)) {
    all[name] =
      Array.isArray(value) && name !== "between"
        ? [...new Set([...(where[name] ?? []), ...value])]
        : value;
  }
  return all;
}

/** Without one word of `words`. */
export function without(where, least, word) {
  const gone = said(where).find((each) => each.word === word);
  if (!gone) return { where, least: null };
  const { [gone.name]: held, ...rest } = where;
  const left = gone.value === undefined ? [] : held.filter((each) => each !== gone.value);
  return { where: left.length ? { ...rest, [gone.name]: left } : rest, least };
}

// White space ends a word unless it is quoted; a comma ends a value even there, as on the command
// line. Behind a backslash neither does.
function read(text) {
  const found = [];
  let word = null;
  let quote = "";
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (!quote && /\s/.test(sign)) {
      word = null;
      continue;
    }
    if (!word) found.push((word = { word: "", key: null, values: [""] }));
    word.word += sign;
    if (sign === "\\" && at + 1 < text.length) {
      at += 1;
      word.word += text[at];
      add(word, text[at]);
    } else if (quote ? sign === quote : sign === '"' || sign === "'") quote = quote ? "" : sign;
    else if (sign === ":" && word.key === null) [word.key, word.values] = [word.values[0], [""]];
    else if (sign === "," && word.key !== null) word.values.push("");
    else add(word, sign);
  }
  return { found, isOpen: Boolean(quote) };
}

function add(word, sign) {
  word.values[word.values.length - 1] += sign;
}

function take(where, key, values) {
  const value = values.join(",");
  const isOnce = !(key in LISTS) && key !== "not";
  if (isOnce && (NAMES[key] ?? key) in where) return `${key}:${value}: ${key} is given twice`;
  if (key in LISTS) {
    const named = values.map((each) => (each === "unknown" ? "" : each));
    where[LISTS[key]] = [...new Set([...(where[LISTS[key]] ?? []), ...named])];
  } else if (key === "between") {
    const found = /^(\d\d:\d\d(?::\d\d)?)-(\d\d:\d\d(?::\d\d)?)$/.exec(value);
    if (!found) return `between:${value}: expected two times of day such as 07:00-09:00`;
    where.between = [found[1], found[2]];
  } else if (key === "time") {
    if (!Object.hasOwn(TIMES, value)) return `time:${value}: expected known, unknown or any`;
    where.unknown_time = TIMES[value];
  } else if (key === "not") {
    if (!/^\d{1,15}$/.test(value)) return `not:${value}: expected the number of a sighting`;
    where.not_numbers = [...new Set([...(where.not_numbers ?? []), Number(value)])];
  } else if (key === "similarity") {
    if (!isPart(value, -1)) return `similarity:${value}: expected a number from -1 to 1`;
    where.at_least = Number(value);
  } else if (key === "zone") {
    if (!/^[+-]\d\d:?[0-5]\d$/.test(value))
      return `zone:${value}: expected a difference from UTC such as +07:00`;
    where.zone = value;
  } else {
    if (Number.isNaN(Date.parse(value)))
      return `${key}:${value}: expected a time such as 2026-05-01T07:00`;
    where[key] = value;
  }
  return "";
}

function isPart(text, least) {
  return /^-?\d*\.?\d+$/.test(text) && Number(text) >= least && Number(text) <= 1;
}

/** A value as it stands in words. */
export function quoted(value) {
  const safe = value.replace(/[\\",]/g, "\\$&");
  return /[\s']/.test(value) ? `"${safe}"` : safe;
}

function faultOf(word) {
  return (
    `"${word}" is not a condition: expected words such as camera:gate, type:truck or ` +
    `since:2026-05-01, with one of ${Object.keys(KEYS).join(", ")}`
  );
}
