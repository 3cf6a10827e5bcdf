// Work that takes long: followed to its end, can be stopped, and its file is saved.

import { ask, picture } from "./service.js";
import { element } from "./element.js";
import { begin, complain, say } from "./notices.js";

const PAUSE = 400; // milliseconds

/**
 * Follow a job and save its file.
 * @param {function(): Promise<Object>} start asks for it
 * @param {string} doing what is said meanwhile
 * @param {string} file its name
 */
export async function save(start, doing, file) {
  let job = null;
  const work = begin(doing, () => job && ask("DELETE", `/api/jobs/${job.job}`).catch(complain));
  try {
    job = await start();
    while (job.state === "waiting" || job.state === "running") {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      job = await ask("GET", `/api/jobs/${job.job}`);
      work.far(job.done, job.of);
    }
    if (job.state === "cancelled") return say("Stopped; nothing was saved.");
    if (job.state === "failed") throw Object.assign(new Error(job.error), { status: 500 });
    saveUrl(await picture(`/api/jobs/${job.job}/file`), file);
    return say(`Saved as ${file}.`);
  } catch (error) {
    return complain(error);
  } finally {
    work.end();
  }
}

function saveUrl(url, name) {
  const link = element("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}
