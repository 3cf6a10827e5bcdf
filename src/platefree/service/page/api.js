// Shows /api/openapi.json: every route, what it takes and what it answers. Text is never parsed as HTML.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  made.append(...children);
  return made;
}

// A schema in few words, its parts followed to `depth`.
function described(schema, all, depth = 3) {
  if (!schema) return "nothing";
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return depth > 0 ? described(all[name], all, depth) : name;
  }
  if (schema.anyOf) return schema.anyOf.map((each) => described(each, all, depth)).join(" or ");
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `[${described(schema.items, all, depth)}, ...]`;
  if (schema.properties) {
    const wanted = new Set(schema.required ?? []);
    const inner = Object.entries(schema.properties).map(([name, each]) => {
      const text = described(each, all, depth - 1).replaceAll("\n", "\n  ");
      return `  ${name}${wanted.has(name) ? "" : "?"}: ${text}`;
    });
    return `{\n${inner.join("\n")}\n}`;
  }
  return schema.format ? `${schema.type} (${schema.format})` : (schema.type ?? "anything");
}

function shown(content, all) {
  return Object.entries(content ?? {}).map(([kind, each]) =>
    element("pre", `${kind}\n${described(each.schema, all)}`));
}

function route(path, method, about, all) {
  const head = element("summary", "", element("b", method.toUpperCase()), element("code", path));
  const made = element("details", "", head, element("p", about.description ?? about.summary));
  for (const each of about.parameters ?? []) {
    made.append(element("pre", `${each.in} ${each.name}: ${described(each.schema, all)}`));
  }
  if (about.requestBody) made.append(element("p", "asks"), ...shown(about.requestBody.content, all));
  for (const [status, answer] of Object.entries(about.responses)) {
    if (status < "300") made.append(element("p", `answers ${status}`), ...shown(answer.content, all));
  }
  return made;
}

const place = document.getElementById("routes");
try {
  const found = await (await fetch("/api/openapi.json")).json();
  const all = found.components?.schemas ?? {};
  place.replaceChildren(...Object.entries(found.paths).flatMap(([path, methods]) =>
    METHODS.filter((each) => methods[each]).map((each) => route(path, each, methods[each], all))));
} catch (error) {
  place.replaceChildren(element("p", `The description cannot be read: ${error}`));
}
