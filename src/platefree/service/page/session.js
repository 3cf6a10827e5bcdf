// Who works here: by the token of the address, a name and password, or a session that there is.

import { ask, useToken } from "./service.js";
import { byId, element, put } from "./element.js";
import { forgetAll, keep, recalled } from "./memory.js";
import { now } from "./store.js";

const RANK = { viewer: 0, analyst: 1, administrator: 2 };

/** Whether whoever works here may do what this role may. */
export function may(role) {
  return RANK[now.session?.role] >= RANK[role];
}

/** Somebody who works here; asks until it is somebody. */
export async function somebody() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (token) {
    given.delete("token");
    const rest = given.toString(); // the token stays in no history
    history.replaceState(null, "", location.pathname + (rest ? `#${rest}` : ""));
    try {
      return begun(await ask("POST", "/api/session", { token }));
    } catch (error) {
      return form(error.message);
    }
  }
  try {
    return begun(await ask("GET", "/api/session"));
  } catch (error) {
    return form(error.status === 401 ? "" : error.message);
  }
}

/** End the session, and forget what this tab remembers. */
export async function signOut() {
  await ask("DELETE", "/api/session");
  forgetAll();
  history.replaceState(null, "", location.pathname);
  location.reload();
}

function begun(session) {
  if (recalled("who") !== session.name) forgetAll(); // the reason and pictures of somebody else
  keep("who", session.name);
  useToken(session.csrf);
  now.session = session;
  document.body.dataset.role = session.role;
  return session;
}

/** The form, until it let somebody in. */
async function form(fault) {
  const access = await accessOf();
  return new Promise((resolve) => {
    const said = element("p", { class: "fault-text", role: "alert" }, fault);
    const fields = fieldsFor(access);
    const enter = element("button", { class: "primary" }, "Sign in");
    const made = element(
      "form",
      {
        class: "sign-in",
        onsubmit: async (event) => {
          event.preventDefault();
          enter.disabled = true;
          try {
            const session = begun(await ask("POST", "/api/session", asked(fields)));
            put(byId("gate")).hidden = true;
            resolve(session);
          } catch (error) {
            put(said, error.message);
            enter.disabled = false;
            fields.at(-1).select?.();
          }
        },
      },
      element("h1", {}, "platefree"),
      element("p", { class: "quiet-text" }, "Sign in to look at the sightings of this gallery."),
      ...fields.map((field) =>
        element("label", {}, element("span", {}, field.dataset.said), field),
      ),
      access === "accounts"
        ? null
        : element(
            "p",
            { class: "hint" },
            'The token is in the address that "platefree serve" printed, after #token=',
          ),
      said,
      enter,
    );
    put(byId("gate"), made).hidden = false;
    fields[0].focus();
  });
}

// An older service does not say it; then everything is offered.
async function accessOf() {
  try {
    return (await ask("GET", "/api/health")).access ?? "";
  } catch {
    return "";
  }
}

function fieldsFor(access) {
  const name = element("input", { name: "name", autocomplete: "username", "data-said": "Name" });
  const password = element("input", {
    name: "password",
    type: "password",
    autocomplete: "current-password",
    "data-said": "Password",
  });
  const token = element("input", {
    name: "token",
    type: "password",
    autocomplete: "off",
    "data-said": access === "token" ? "Token" : "Or the token",
  });
  if (access === "token") return [token];
  return access === "accounts" ? [name, password] : [name, password, token];
}

function asked(fields) {
  const given = Object.fromEntries(
    fields.map((field) => [
      field.name,
      field.name === "password" ? field.value : field.value.trim(),
    ]),
  );
  return given.token ? { token: given.token } : { name: given.name, password: given.password };
}
