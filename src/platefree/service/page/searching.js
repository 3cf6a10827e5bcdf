// Asks the service what the question says, and gives the answer to the page, page by page.

import { ask } from "./service.js";
import { tellReaders } from "./notices.js";
import { joinedPasses } from "./passes.js";
import { isSearch, MOST } from "./question.js";
import { askReason, isStated, reason } from "./reason.js";
import { go, now, tell } from "./store.js";
import { countedIn } from "./words.js";

const PAGE = 60;

let running = null;

/** Whether an answer is awaited. */
export function isBusy() {
  return running !== null;
}

/** Ask; a question before it that was not answered yet is given up. */
export async function search() {
  running?.abort();
  if (!isStated()) {
    now.answer = null;
    tell("answered");
    askReason(search);
    return;
  }
  const mine = (running = new AbortController());
  tell("answered");
  try {
    const found = await ask("POST", "/api/search", request(now.question), mine.signal);
    answered(mine, found);
  } catch (error) {
    if (error.name !== "AbortError") answered(mine, { refused: error });
  }
}

/** More of a list, or of the nearest. */
export async function more() {
  const { question, answer } = now;
  if (running || !hasMore()) return;
  if (isSearch(question)) {
    go({ top: Math.min(question.top * 2, MOST) }, "replace");
    return;
  }
  const mine = (running = new AbortController());
  try {
    const asked = { ...request(question), after: answer.next };
    const found = await ask("POST", "/api/search", asked, mine.signal);
    answered(mine, {
      ...found,
      hits: [...answer.hits, ...found.hits],
      passes: joinedPasses(answer, found),
    });
  } catch (error) {
    if (error.name !== "AbortError") answered(mine, { ...answer, next: "", broken: error.message });
  }
}

/** Whether there may be more than is shown. */
export function hasMore() {
  const { question, answer } = now;
  if (!answer?.hits) return false;
  if (!isSearch(question)) return Boolean(answer.next);
  return answer.hits.length >= question.top && question.top < MOST;
}

/** A hit of the answer by its number; undefined if it is in none. */
export function hitOf(number) {
  return now.answer?.hits?.find((hit) => hit.number === number);
}

function request(question) {
  const asked = { where: question.where, top: PAGE, reason: reason() };
  if (!isSearch(question)) return asked;
  return {
    ...asked,
    pictures: question.pictures.map(({ upload, frame_of, box }) => ({ upload, frame_of, box })),
    number: question.like,
    top: question.top,
    post: question.post,
    yes: question.yes,
    no: question.no,
    p_at_least: question.least,
  };
}

function answered(mine, answer) {
  if (running !== mine) return;
  running = null;
  now.answer = answer;
  tell("answered");
  tellReaders(answer.refused ? answer.refused.message : `${countedIn(answer)} shown`);
}
