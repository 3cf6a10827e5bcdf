// Passes that go on from one page of a list to the next, by the rule of `platefree.gallery.passes`.

const PASS = 60; // seconds between two hits of one pass, where no track is known
const APART = 6 * 3600; // and where it is

/** The passes of a list and of its next page, which is older; one that goes on is one. */
export function joinedPasses(list, page) {
  const labels = new Map([...list.hits, ...page.hits].map((hit) => [hit.number, hit.labels]));
  const passes = [...list.passes];
  for (const next of page.passes) {
    const at = passes.findLastIndex((each) => goesOn(each, next, labels));
    if (at < 0) passes.push(next);
    else passes[at] = joined(passes[at], next);
  }
  return passes;
}

function goesOn(later, sooner, labels) {
  const name = nameOf(sooner, labels);
  if (!name || name !== nameOf(later, labels)) return false;
  if (!later.first) return true;
  const seconds = (Date.parse(later.first) - Date.parse(sooner.last)) / 1000;
  return seconds <= (later.track ? APART : PASS);
}

// What the hits of one pass have in common; empty where that is not known.
function nameOf({ best, camera, track, first }, labels) {
  if (track) return JSON.stringify([labels.get(best).source ?? "", camera, track, !first]);
  return first ? camera : "";
}

function joined(later, sooner) {
  return { ...later, numbers: [...later.numbers, ...sooner.numbers], first: sooner.first };
}
