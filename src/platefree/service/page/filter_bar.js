// The conditions: chips that can be taken away, a bar for words, and the dialog with all choices.

import { joined, KEYS, parsed, quoted, valueOf, without, words } from "./conditions.js";
import { byId, element, put } from "./element.js";
import { openFilters } from "./filter_dialog.js";
import { icon } from "./icons.js";
import { isSearch, unread } from "./question.js";
import { go, now, when } from "./store.js";

const LABELS = { camera: "cameras", type: "types", color: "colors", view: "views" };

export function beginFilters() {
  const field = byId("words");
  byId("word-form").addEventListener("submit", (event) => {
    event.preventDefault();
    take(field);
  });
  field.addEventListener("input", () => {
    fault("");
    suggest(field.value);
  });
  field.addEventListener("focus", () => suggest(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Backspace" && !field.value) removeLast();
  });
  byId("filters").addEventListener("click", openFilters);
  when("asked", showChips);
  showChips();
  when("asked", tellUnread);
  addEventListener("popstate", tellUnread);
}

// A question that was asked with less than its address says would look like the whole of it.
function tellUnread() {
  const said = unread(location.hash);
  fault(said && `Not all conditions of this address could be read. ${said}`);
}

function take(field) {
  const { where, least, fault: said } = parsed(field.value.trim());
  const { question } = now;
  const isOfSearch = least !== null || where.at_least !== undefined;
  if (said || (isOfSearch && !isSearch(question))) {
    fault(
      said || "How sure a hit is belongs to a search: add a picture, or find similar ones.",
    );
    return;
  }
  field.value = "";
  fault("");
  go({ where: joined(question.where, where), least: least ?? question.least, open: null });
}

function fault(text) {
  byId("word-fault").textContent = text;
  byId("words").setAttribute("aria-invalid", String(Boolean(text)));
}

function showChips() {
  const { where, least } = now.question;
  put(
    byId("chips"),
    ...words(where, least).map((word) => {
      const place = word.indexOf(":");
      return element(
        "li",
        {},
        element(
          "button",
          {
            type: "button",
            class: "chip",
            "aria-label": `Remove ${word}`,
            title: "Remove",
            onclick: () => remove(word),
          },
          element("span", { class: "chip-key" }, word.slice(0, place)),
          element("span", {}, valueOf(word)),
          icon("close", 14),
        ),
      );
    }),
  );
}

function remove(word) {
  const left = without(now.question.where, now.question.least, word);
  go({ where: left.where, least: left.least, open: null });
  byId("words").focus();
}

function removeLast() {
  const last = words(now.question.where, now.question.least).at(-1);
  if (last) remove(last);
}

// The browser's own list: the words before the last stay in front of each choice.
function suggest(text) {
  const start = text.slice(0, text.search(/\S*$/));
  const last = text.slice(start.length);
  const [key, value] = last.split(":");
  const known = now.choices?.[LABELS[key]];
  const found =
    value === undefined || !known
      ? Object.entries(KEYS)
          .filter(([name]) => name.startsWith(key))
          .map(([name, said]) => [`${name}:`, said])
      : known.map((each) => [`${key}:${word(each.value)}`, `${each.count}`]);
  put(
    byId("word-list"),
    ...found.map(([said, about]) =>
      element("option", { value: start + said, label: `${said} ${about}` }),
    ),
  );
}

function word(value) {
  return value ? quoted(value) : "unknown";
}
