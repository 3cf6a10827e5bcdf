// Conditions as words, as the command line has them: camera:gate,ramp since:2026-05-01T07:00 type:van
//
// `where` is what the API takes, without what says nothing: {cameras: ["gate"], since: "2026-05-01"}.

const LISTS = { camera: "cameras", type: "types", color: "colors", view: "views", track: "tracks",
  source: "sources", weekday: "weekdays" };
const TIMES = { known: "out", unknown: "only", any: "in" };

/** What may stand before the colon, and what it says. */
export const KEYS = {
  camera: "captured by one of these", type: "body types", color: "paint colors",
  view: "sides that are seen", track: "one of these passes", source: "films or data sets",
  since: "then or later", until: "before", between: "times of day", weekday: "days of the week",
  zone: "the clock, such as +07:00", time: "known, unknown or any", not: "all but this sighting",
  similarity: "at least this similar", p: "at least this probable",
};

/**
 * Read words.
 * @returns {{where: Object, least: number|null, fault: string}} `fault` says what is no condition.
 */
export function parsed(text) {
  const where = {};
  let least = null;
  for (const word of split(text)) {
    const [key, value] = parts(word);
    if (!(key in KEYS) || !value) return { where, least, fault: faultOf(word) };
    if (key === "p") {
      if (!isPart(value, 0)) return { where, least, fault: `p:${value}: a probability is from 0 to 1` };
      least = Number(value);
      continue;
    }
    const fault = take(where, key, value);
    if (fault) return { where, least, fault };
  }
  return { where, least, fault: "" };
}

/** Conditions as words, one for each value that can be taken away by itself. */
export function words(where, least = null) {
  const found = [];
  for (const [key, name] of Object.entries(LISTS)) {
    for (const value of where[name] ?? []) found.push(`${key}:${quoted(value || "unknown")}`);
  }
  for (const key of ["since", "until", "zone"]) if (where[key]) found.push(`${key}:${where[key]}`);
  if (where.between) found.push(`between:${where.between.join("-")}`);
  if (where.unknown_time) {
    found.push(`time:${Object.keys(TIMES).find((each) => TIMES[each] === where.unknown_time)}`);
  }
  for (const number of where.not_numbers ?? []) found.push(`not:${number}`);
  if (where.at_least !== undefined) found.push(`similarity:${where.at_least}`);
  if (least !== null) found.push(`p:${least}`);
  return found;
}

/** These and those; of lists both, of others the later. */
export function joined(where, more) {
  const all = { ...where };
  for (const [name, value] of Object.entries(more)) {
    all[name] = Array.isArray(value) && name !== "between"
      ? [...new Set([...(where[name] ?? []), ...value])] : value;
  }
  return all;
}

/** Without one word of `words`. */
export function without(where, least, word) {
  const left = words(where, least).filter((each) => each !== word);
  return parsed(left.join(" "));
}

function split(text) {
  return text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

function parts(word) {
  const place = word.indexOf(":");
  return place < 0 ? [word, ""] : [word.slice(0, place), word.slice(place + 1).replaceAll('"', "")];
}

function take(where, key, value) {
  if (key in LISTS) {
    const values = value.split(",").map((each) => (each === "unknown" ? "" : each));
    where[LISTS[key]] = [...new Set([...(where[LISTS[key]] ?? []), ...values])];
  } else if (key === "between") {
    const found = /^(\d\d:\d\d(?::\d\d)?)-(\d\d:\d\d(?::\d\d)?)$/.exec(value);
    if (!found) return `between:${value}: two times of day are meant, such as 07:00-09:00`;
    where.between = [found[1], found[2]];
  } else if (key === "time") {
    if (!(value in TIMES)) return `time:${value}: known, unknown or any is meant`;
    where.unknown_time = TIMES[value];
  } else if (key === "not") {
    if (!/^\d{1,15}$/.test(value)) return `not:${value}: the number of a sighting is meant`;
    where.not_numbers = [...new Set([...(where.not_numbers ?? []), Number(value)])];
  } else if (key === "similarity") {
    if (!isPart(value, -1)) return `similarity:${value}: a similarity is from -1 to 1`;
    where.at_least = Number(value);
  } else if (key === "zone") {
    if (!/^[+-]\d\d:?[0-5]\d$/.test(value)) return `zone:${value}: a difference such as +07:00 is meant`;
    where.zone = value;
  } else {
    if (Number.isNaN(Date.parse(value))) return `${key}:${value}: a time such as 2026-05-01T07:00 is meant`;
    where[key] = value;
  }
  return "";
}

function isPart(text, least) {
  return /^-?\d*\.?\d+$/.test(text) && Number(text) >= least && Number(text) <= 1;
}

function quoted(value) {
  return /\s/.test(value) ? `"${value}"` : value;
}

function faultOf(word) {
  return `"${word}" is no condition: camera:gate, type:truck or since:2026-05-01 are, of `
    + `${Object.keys(KEYS).join(", ")}`;
}
