// Pictures are dropped anywhere, pasted, or chosen; what is on them is looked for.

import { upload } from "./service.js";
import { byId } from "./element.js";
import { begin, complain, say } from "./notices.js";
import { pickBox } from "./picker.js";
import { previewOf, remember } from "./previews.js";
import { may } from "./session.js";
import { go, now } from "./store.js";

const MOST = 16;

/** Listen to drops, pastes and the button. */
export function beginPictures() {
  const chooser = byId("chooser");
  byId("choose").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    bring([...chooser.files]);
    chooser.value = "";
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) bring(files);
  });
  beginDrop();
}

/** Choose a further picture of the vehicle that is looked for. */
export function bringFurther() {
  const chooser = byId("further");
  chooser.onchange = () => {
    bring([...chooser.files], now.question.pictures);
    chooser.value = "";
  };
  chooser.click();
}

/**
 * Upload pictures and search with them.
 * @param {File[]} files
 * @param {Object[]} before pictures of the same vehicle that there are already
 */
async function bring(files, before = []) {
  if (!now.session || !files.length || document.querySelector("dialog[open]")) return;
  if (!may("analyst")) {
    complain({
      message: "Your account may list and look. To search with pictures it needs the role analyst.",
      status: 403,
    });
    return;
  }
  const room = MOST - before.length;
  if (files.length > room) say(`Only the first ${room} of ${files.length} pictures are used.`);
  const work = begin("Bringing pictures");
  const made = [];
  try {
    for (const [place, file] of files.slice(0, room).entries()) {
      work.far(place, Math.min(files.length, room));
      made.push(await brought(file));
    }
  } catch (error) {
    complain(error);
  } finally {
    work.end();
  }
  if (made.length) await chooseBoxes(made, before);
}

/** Choose another box on a picture of the question. */
export async function chooseBox(place) {
  const pictures = [...now.question.pictures];
  const preview = previewOf(pictures[place].upload);
  const box = await pickBox({ preview, box: pictures[place].box });
  if (box === undefined) return;
  pictures[place] = { ...pictures[place], box };
  go({ pictures });
}

async function brought(file) {
  const uploaded = await upload(file);
  return { upload: uploaded.upload, preview: await remember(file, uploaded) };
}

// One vehicle is taken; of several somebody has to say which; without any it is the whole picture.
async function chooseBoxes(made, before) {
  const pictures = [...before];
  for (const { upload: key, preview } of made) {
    const { vehicles } = preview;
    let box = vehicles.length === 1 ? vehicles[0].box : null;
    if (vehicles.length > 1) box = await pickBox({ preview, box: null });
    if (box === undefined) continue; // left without a choice
    if (!vehicles.length && now.gallery?.finds_vehicles) {
      say("No vehicle was found on the picture, so all of it is used. Draw a box if it shows one.");
    }
    pictures.push({ upload: key, frame_of: null, box });
  }
  if (pictures.length > before.length) go({ pictures, like: null, open: null, view: "sightings" });
}

function beginDrop() {
  let depth = 0;
  const over = (isOver) => document.body.classList.toggle("dropping", isOver);
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragenter", (event) => {
    if (hasFiles(event)) over((depth += 1) > 0);
  });
  document.addEventListener("dragleave", (event) => {
    if (hasFiles(event)) over((depth -= 1) > 0);
  });
  document.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    over(false);
    depth = 0;
    if (!hasFiles(event)) return;
    event.preventDefault();
    bring(
      [...event.dataTransfer.files].filter((file) => !file.type || file.type.startsWith("image/")),
    );
  });
}
