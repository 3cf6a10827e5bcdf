// What this tab remembers until it is closed or somebody signs out, and what this browser prefers.

const OURS = "platefree.";

/** A value of this tab; null if there is none. */
export function recalled(name) {
  try {
    return JSON.parse(sessionStorage.getItem(OURS + name));
  } catch {
    return null;
  }
}

/** Keep a value; the pictures of before make room for it, and nothing depends on it. */
export function keep(name, value) {
  const text = JSON.stringify(value);
  try {
    sessionStorage.setItem(OURS + name, text);
  } catch {
    forget(`${OURS}picture.`);
    try {
      sessionStorage.setItem(OURS + name, text);
    } catch {
      /* larger than all the room */
    }
  }
}

/** Forget all values of this tab. */
export function forgetAll() {
  forget(OURS);
}

function forget(start) {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(start)) sessionStorage.removeItem(name);
  }
}

/** A preference of this browser. */
export function preferred(name, otherwise) {
  try {
    return localStorage.getItem(OURS + name) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function prefer(name, value) {
  try {
    localStorage.setItem(OURS + name, value);
  } catch {
    /* not allowed */
  }
}
