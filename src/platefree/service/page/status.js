// What the gallery holds, how far films are taken in, what is kept, and the model in plain words.

import { ask } from "./service.js";
import { openDialog } from "./dialog.js";
import { element } from "./element.js";
import { icon } from "./icons.js";
import { now } from "./store.js";
import { counted, duration, named, number, size, span } from "./words.js";

/** Open it. */
export async function openStatus() {
  const dialog = openDialog({
    title: "This gallery",
    kind: "wide",
    content: [element("p", {}, "Loading…")],
  });
  const [gallery, state] = await Promise.allSettled([
    ask("GET", "/api/gallery"),
    ask("GET", "/api/state"),
  ]);
  dialog.show(
    ...(gallery.status === "fulfilled" ? held(gallery.value) : [fault(gallery.reason)]),
    ...(state.status === "fulfilled"
      ? [model(state.value.model), storage(state.value), intake(state.value.ingestion)]
      : [fault(state.reason)]),
    element(
      "p",
      { class: "hint" },
      element("a", { href: "/page/api.html" }, "The API of this gallery"),
    ),
  );
}

function held(gallery) {
  const { zone } = now.question.where;
  return [
    element(
      "section",
      {},
      element("h3", {}, "What it holds"),
      facts({
        Sightings: number(gallery.sightings),
        Cameras: number(Object.keys(gallery.cameras).length),
        Captured: span(gallery.first, gallery.last, zone),
        "Search by pictures": gallery.can_search_pictures
          ? "yes"
          : "no: it holds embeddings made elsewhere",
        "Vehicles on pictures": gallery.finds_vehicles
          ? "are found by a detector"
          : "are not found: the service has no detector, so draw boxes",
        "Whole frames":
          gallery.shows_frames === false
            ? "are not shown: plates on them could not be masked"
            : gallery.shows_frames
              ? "are shown"
              : null,
      }),
    ),
  ];
}

function model(about) {
  return element(
    "section",
    {},
    element("h3", {}, "The model and its limits"),
    facts({
      Model: `${about.name} (${about.fingerprint})`,
      Method: about.method,
      Precision: about.precision,
      Licence: about.licence,
    }),
    lines("Made from", about.learnt_from, "info"),
    element(
      "p",
      {},
      about.calibrated
        ? 'It is calibrated: "very likely" is a probability of 0.9 or more, "possible" of 0.1 ' +
            'or more, "unlikely" below. Pictures unlike those it was calibrated on make it wrong.'
        : "It is not calibrated, so hits have a similarity and no probability: " +
            '"platefree calibrate" makes one.',
    ),
    about.note ? element("p", {}, about.note) : null,
    lines("Limits", about.limits, "warning"),
    lines("Measured", about.measured, "info"),
  );
}

function storage({ storage: used, retention }) {
  return element(
    "section",
    {},
    element("h3", {}, "Storage and retention"),
    facts({
      Gallery: size(used.gallery_megabytes),
      "Accounts and audit log": size(used.service_megabytes),
      "Free on the disk": size(used.free_megabytes),
    }),
    element(
      "table",
      {},
      element("thead", {}, cells("th", ["Camera", "Sightings", "Kept"])),
      element(
        "tbody",
        {},
        ...retention.map(({ camera, days, sightings }) =>
          cells("td", [
            named(camera),
            number(sightings),
            days === null ? "for ever" : counted(days, "day"),
          ]),
        ),
      ),
    ),
  );
}

function intake({ films, finished, of, more, error }) {
  const shown = of
    ? `${number(finished)} of ${counted(of, "film")} finished.`
    : "No films have been taken in.";
  return element(
    "section",
    {},
    element("h3", {}, "Films taken in"),
    element("p", {}, shown),
    error ? fault({ message: error }) : null,
    films.length
      ? element(
          "table",
          {},
          element("thead", {}, cells("th", ["Film", "Camera", "How far", "Remarks"])),
          element(
            "tbody",
            {},
            ...films.map((film) =>
              cells("td", [film.film, named(film.camera), howFar(film), film.remarks.join("; ")]),
            ),
          ),
        )
      : null,
    more
      ? element("p", { class: "quiet-text" }, `and ${counted(more, "film")} before these`)
      : null,
  );
}

function howFar({ seconds, duration: whole, finished }) {
  if (finished) return "finished";
  return whole ? `${duration(seconds)} of ${duration(whole)}` : duration(seconds);
}

function facts(values) {
  return element(
    "dl",
    { class: "facts" },
    ...Object.entries(values)
      .filter(([, value]) => value)
      .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
  );
}

function lines(title, texts, mark) {
  if (!texts.length) return null;
  return element(
    "div",
    {},
    element("h4", {}, title),
    element(
      "ul",
      { class: "cautions" },
      ...texts.map((text) => element("li", {}, icon(mark, 16), element("span", {}, text))),
    ),
  );
}

function cells(kind, texts) {
  return element(
    "tr",
    {},
    ...texts.map((text) => element(kind, kind === "th" ? { scope: "col" } : {}, text)),
  );
}

function fault(error) {
  return element(
    "p",
    { role: "alert" },
    error.status === 404 ? "This service does not say more." : error.message,
  );
}
