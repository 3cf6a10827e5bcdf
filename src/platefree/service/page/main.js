// The page begins: somebody signs in, the parts are put in place, the question of the address is
// asked.

import { ask } from "./service.js";
import { beginAnswerLine } from "./answer_line.js";
import { addToCase } from "./case_adding.js";
import { openCases } from "./cases.js";
import { beginDetail } from "./detail.js";
import { byId, element, put } from "./element.js";
import { openExport } from "./exports.js";
import { beginFilters } from "./filter_bar.js";
import { icon } from "./icons.js";
import { beginJourney } from "./journey.js";
import { beginKeys, openHelp } from "./keys.js";
import { beginMap } from "./map.js";
import { beginMarks, allMarks } from "./marks.js";
import { complain } from "./notices.js";
import { beginPictures } from "./pictures.js";
import { beginStrip } from "./query_strip.js";
import { beginReason } from "./reason.js";
import { beginResults } from "./results.js";
import { search } from "./searching.js";
import { may, signOut, somebody } from "./session.js";
import { openStatus } from "./status.js";
import { followAddress, now, when } from "./store.js";
import { beginTheme } from "./theme.js";
import { beginTimeline } from "./timeline.js";
import { beginViews } from "./views.js";

const BUTTONS = {
  "open-cases": ["case", openCases],
  "open-status": ["info", openStatus],
  "open-help": ["help", openHelp],
  "open-export": ["down", openExport],
  filters: ["filter", null],
  choose: ["picture", null],
  "sign-out": ["out", () => signOut().catch(complain)],
};

beginTheme();
beginButtons();
addEventListener("hashchange", () => {
  // the address of a service that was started anew
  if (location.hash.includes("token=")) location.reload();
});
await somebody();
beginWork();

// The session has ended: nothing of it stays to be seen.
document.addEventListener("signedout", () => {
  if (now.session) location.reload();
});

function beginButtons() {
  for (const [name, [mark, act]] of Object.entries(BUTTONS)) {
    byId(name).prepend(icon(mark));
    if (act) byId(name).addEventListener("click", act);
  }
  byId("skip").addEventListener("click", () =>
    (document.querySelector(".card .open") ?? byId("cards")).focus(),
  );
}

function beginWork() {
  put(byId("who"), element("b", {}, now.session.name), ` ${now.session.role}`);
  for (const each of document.querySelectorAll("[data-for]")) each.hidden = !may(each.dataset.for);
  byId("page").hidden = false;
  beginViews();
  beginReason();
  beginMarks(() =>
    may("analyst")
      ? [
          element(
            "button",
            { type: "button", onclick: () => addToCase(allMarks().map(([number]) => number)) },
            "Add to case",
          ),
        ]
      : [],
  );
  for (const begin of [
    beginPictures,
    beginStrip,
    beginFilters,
    beginAnswerLine,
    beginResults,
    beginTimeline,
    beginJourney,
    beginMap,
    beginDetail,
    beginKeys,
  ])
    begin();
  when("asked", search);
  addEventListener("popstate", followAddress);
  followAddress();
  know();
}

// What the gallery holds, which the page can do without for a while.
async function know() {
  const [gallery, choices] = await Promise.allSettled([
    ask("GET", "/api/gallery"),
    ask("GET", "/api/choices"),
  ]);
  now.gallery = gallery.value ?? null;
  now.choices = choices.value ?? null;
  const fault = [gallery, choices].find((each) => each.status === "rejected");
  if (fault) complain(fault.reason);
}
