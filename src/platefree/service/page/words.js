// Numbers and times in words. All times are on one clock: that of the condition `zone`, or UTC.

const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** 1,234 */
export function number(value) {
  return value.toLocaleString("en");
}

/** "1 pass", "2 passes" */
export function counted(value, one, many = `${one}s`) {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** "230 sightings in 1 pass" of an answer. */
export function countedIn({ hits, passes }) {
  return `${counted(hits.length, "sighting")} in ${counted(passes.length, "pass", "passes")}`;
}

/** Minutes of a clock before UTC: "+07:00" is 420, "" is 0. */
export function minutesOf(zone) {
  const found = /^([+-])(\d\d):?(\d\d)$/.exec(zone ?? "");
  if (!found) return 0;
  const minutes = Number(found[2]) * 60 + Number(found[3]);
  return found[1] === "-" ? -minutes : minutes;
}

/** How the clock is called. */
export function clockName(zone) {
  return minutesOf(zone) ? `UTC${zone}` : "UTC";
}

/** "2026-05-01 07:12:03" on that clock; "time unknown" of none. */
export function moment(iso, zone) {
  if (!iso) return "time unknown";
  return shifted(iso, zone).slice(0, 19).replace("T", " ");
}

/** "07:12:03" */
export function timeOfDay(iso, zone) {
  return iso ? shifted(iso, zone).slice(11, 19) : "time unknown";
}

/** "2026-05-01" */
function day(iso, zone) {
  return iso ? shifted(iso, zone).slice(0, 10) : "time unknown";
}

/** What a field for a moment shows, "2026-05-01T07:12"; one without a zone is on that clock. */
export function fieldMoment(iso, zone) {
  if (Number.isNaN(Date.parse(iso))) return "";
  if (!/(Z|[+-]\d\d:?\d\d)$/.test(iso)) return iso.length > 10 ? iso.slice(0, 16) : `${iso}T00:00`;
  return shifted(iso, zone).slice(0, 16);
}

/** From the first to the last, the day once where it is the same. */
export function span(first, last, zone) {
  if (!first) return "time unknown";
  if (first === last) return moment(first, zone);
  const end = day(first, zone) === day(last, zone) ? timeOfDay(last, zone) : moment(last, zone);
  return `${moment(first, zone)} to ${end}`;
}

/** "2 h 5 min": the two largest units. */
export function duration(seconds) {
  let left = Math.round(Math.abs(seconds));
  const parts = [];
  for (const [name, size] of UNITS) {
    const many = Math.floor(left / size);
    left -= many * size;
    if (many) parts.push(`${many} ${name}`);
    else if (parts.length) break;
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

/** "850 m", "1.2 km" */
export function way(metres) {
  return metres < 1000 ? `${Math.round(metres)} m` : `${(metres / 1000).toFixed(1)} km`;
}

/** "12.3 MB", "1.4 GB" */
export function size(megabytes) {
  if (megabytes >= 1000) return `${(megabytes / 1000).toFixed(1)} GB`;
  return megabytes >= 10 ? `${Math.round(megabytes)} MB` : `${megabytes.toFixed(1)} MB`;
}

/** A probability as the command line prints it, without a certainty that nothing has. */
export function probability(value) {
  if (value < 0.001) return "< 0.001";
  return value > 0.999 ? "> 0.999" : value.toFixed(3);
}

/** How sure a hit or pass is, in words and as a number; empty where nothing was looked for. */
export function sureness(hit) {
  if (hit.p_same !== null && hit.p_same !== undefined) {
    return { words: hit.in_words, figure: probability(hit.p_same), part: hit.p_same };
  }
  if (hit.similarity === null || hit.similarity === undefined) return null;
  return {
    words: "similarity",
    figure: hit.similarity.toFixed(3),
    part: Math.max(hit.similarity, 0),
  };
}

/** What is known of a vehicle: "white van, front"; "vehicle" if nothing is. */
export function vehicle(labels) {
  const body = [labels.color, labels.type].filter(Boolean).join(" ");
  return [body || "vehicle", labels.view].filter(Boolean).join(", ");
}

/** A label, whose empty text is "unknown". */
export function named(value) {
  return value || "unknown";
}

function shifted(iso, zone) {
  const time = new Date(Date.parse(iso) + minutesOf(zone) * 60000);
  return Number.isNaN(time.getTime()) ? String(iso) : time.toISOString();
}
