// The seconds around a sighting, where the film is still there: pictures one after the other.

import { ask, picture } from "./service.js";
import { element, iconButton, put } from "./element.js";
import { icon } from "./icons.js";
import { may } from "./session.js";
import { now } from "./store.js";
import { timeOfDay } from "./words.js";

const SECONDS = 8;
const AT_ONCE = 4; // pictures that are asked for at a time

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** A button that plays the seconds around in the place of the frame; nothing without a film. */
export function filmPart(sighting, frame, signal) {
  if (sighting.frame === null || !may("analyst")) return null;
  const place = element("div", { class: "film" });
  const begin = element(
    "button",
    {
      type: "button",
      onclick: async () => {
        begin.disabled = true;
        try {
          const path = `/api/sightings/${sighting.number}/film`;
          const found = await ask("GET", `${path}?seconds=${SECONDS}`, undefined, signal);
          player(place, found, frame, path, signal);
        } catch (error) {
          if (error.name !== "AbortError")
            put(place, element("p", { class: "quiet-text" }, error.message));
        }
        begin.disabled = false;
      },
    },
    icon("play", 16),
    "Play the seconds around it",
  );
  return put(place, begin);
}

function player(place, found, frame, path, whole) {
  const left = new AbortController();
  const signal = AbortSignal.any([whole, left.signal]);
  const invitation = [...place.childNodes];
  const { frames } = found;
  const urls = new Array(frames.length);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    urls.forEach((url) => URL.revokeObjectURL(url));
  });
  let at = frames.reduce(
    (best, each, index) =>
      Math.abs(each.second - found.second) < Math.abs(frames[best].second - found.second)
        ? index
        : best,
    0,
  );
  let timer;
  const view = element("img", {
    alt: "The seconds around the sighting",
    class: "film-picture",
    hidden: true,
  });
  const screen = element(
    "div",
    { class: "screen", style: { "aspect-ratio": `${found.width} / ${found.height}` } },
    view,
  );
  const said = element("span", { class: "time" });
  const slider = element("input", {
    type: "range",
    min: "0",
    max: String(frames.length - 1),
    value: String(at),
    "aria-label": "Place in the film",
    oninput: () => {
      stop();
      show(Number(slider.value));
    },
  });
  const toggle = iconButton(icon("play"), "Play", () => (timer ? stop() : play()));

  function show(index) {
    at = index;
    slider.value = String(index);
    said.textContent = frames[index].time
      ? timeOfDay(frames[index].time, now.question.where.zone)
      : `${frames[index].second.toFixed(1)} s`;
    slider.setAttribute("aria-valuetext", said.textContent);
    if (!urls[index]) return;
    view.src = urls[index];
    view.hidden = false;
  }
  function play() {
    label("pause", "Pause");
    const next = (at + 1) % frames.length;
    const pause = Math.max(frames[next].second - frames[at].second, 0.03) * 1000;
    timer = setTimeout(
      () => {
        if (urls[next]) show(next); // one that is not here yet is waited for
        play();
      },
      next ? pause : 1000,
    );
  }
  function stop() {
    clearTimeout(timer);
    timer = undefined;
    label("play", "Play");
  }
  function label(mark, name) {
    put(toggle, icon(mark));
    toggle.title = name;
    toggle.setAttribute("aria-label", name);
  }
  async function load(from) {
    for (let index = from; index < frames.length; index += AT_ONCE) {
      urls[index] = await picture(`${path}/${frames[index].frame}`, signal);
      if (index === at) show(index);
    }
  }

  const back = element(
    "button",
    {
      type: "button",
      onclick: () => {
        left.abort();
        frame.hidden = false;
        put(place, ...invitation);
        invitation[0].focus();
      },
    },
    "Back to the frame",
  );
  frame.hidden = true;
  put(place, screen, element("div", { class: "row" }, toggle, slider, said), back);
  toggle.focus();
  show(at);
  Promise.all(Array.from({ length: AT_ONCE }, (_, from) => load(from))).catch((error) => {
    if (error.name !== "AbortError")
      place.append(element("p", { class: "quiet-text" }, error.message));
  });
  if (!calm.matches) play();
}
