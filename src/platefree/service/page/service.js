// Asks the service, and turns what it refuses into one sentence.

/** Why something was refused; `status` 0: nobody answered. */
class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let csrf = "";

/** What unsafe requests of this session have to bring. */
export function useToken(token) {
  csrf = token;
}

/** A request with JSON, and its answer. */
export async function ask(method, path, content, signal) {
  const headers = content === undefined ? {} : { "content-type": "application/json" };
  const body = content === undefined ? undefined : JSON.stringify(content);
  const answer = await sent(path, { method, headers, body, signal });
  return answer.status === 204 ? null : answer.json();
}

/** Bring a picture file. */
export async function upload(file) {
  const headers = { "content-type": "application/octet-stream" };
  return (await sent("/api/uploads", { method: "POST", headers, body: file })).json();
}

/**
 * The whole frame of a sighting.
 * @returns {Promise<{url: string, width: number, height: number}>} of an object that is to be
 *   revoked, and the size of the whole picture, in which boxes are.
 */
export async function frame(number, signal) {
  const answer = await sent(`/api/sightings/${number}/frame?longest=1600`, { signal });
  const [width, height] = ["x-width", "x-height"].map((name) => Number(answer.headers.get(name)));
  return { url: URL.createObjectURL(await answer.blob()), width, height };
}

/** A picture as an object that is to be revoked. */
export async function picture(path, signal) {
  return URL.createObjectURL(await (await sent(path, { signal })).blob());
}

/** The address of the small picture of a sighting. */
export function crop(number) {
  return `/api/sightings/${number}/crop`;
}

async function sent(path, asked) {
  const headers = { ...asked.headers };
  if (csrf && asked.method && asked.method !== "GET") headers["x-csrf-token"] = csrf;
  let answer;
  try {
    answer = await fetch(path, { ...asked, headers, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(0, "The service cannot be reached: it was stopped, or the network is down.");
  }
  if (answer.ok) return answer;
  const refusal = new Refusal(answer.status, await reason(answer));
  if (answer.status === 401) document.dispatchEvent(new CustomEvent("signedout"));
  throw refusal;
}

async function reason(answer) {
  try {
    const { error } = await answer.json();
    if (error) return sentence(error);
  } catch {
    /* no JSON: what stands before the service answered */
  }
  return `The service answered with status ${answer.status}.`;
}

function sentence(text) {
  const said = text[0].toUpperCase() + text.slice(1);
  return /[.!?]$/.test(said) ? said : `${said}.`;
}
