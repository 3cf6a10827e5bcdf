// Small copies of the pictures that were brought: the service keeps pictures, but sends none back.

import { keep, recalled } from "./memory.js";

const LONGEST = 720;

/**
 * @typedef {Object} Preview
 * @property {string} url of data; empty where this browser cannot show the picture
 * @property {number} width of the whole picture in pixels
 * @property {number} height
 * @property {{box: number[], kind: string, score: number}[]} vehicles that were found on it
 * @property {string} name of the file
 */

/** Remember what was brought, for as long as the tab is open. */
export async function remember(file, uploaded) {
  const preview = {
    url: await small(file),
    width: uploaded.width,
    height: uploaded.height,
    vehicles: uploaded.vehicles,
    name: file.name,
  };
  keep(`picture.${uploaded.upload}`, preview);
  return preview;
}

/** The copy of an upload; null if this tab has none. */
export function previewOf(key) {
  return recalled(`picture.${key}`);
}

async function small(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(Math.round(bitmap.width * scale), 1);
    canvas.height = Math.max(Math.round(bitmap.height * scale), 1);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas.toDataURL("image/jpeg", 0.85);
  } catch {
    return "";
  }
}
