// Makes elements. Texts are only ever texts: nothing is parsed as HTML, so no name can be a script.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An HTML element.
 * @param {string} name
 * @param {Object} attributes `onclick` and the like are listeners, `style` an object of properties,
 *   others attributes; null, undefined and false leave one out, true is the empty text.
 * @param {...(Node|string|null)} children null and false leave one out.
 */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function drawn(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

/** A button with an icon, whose name is also its tooltip. */
export function iconButton(icon, name, onclick, attributes = {}) {
  return element(
    "button",
    { type: "button", class: "icon", "aria-label": name, title: name, onclick, ...attributes },
    icon,
  );
}

export function byId(name) {
  return document.getElementById(name);
}

/** Put these in the place of all that a node holds. */
export function put(node, ...children) {
  node.replaceChildren(
    ...children.flat().filter((each) => each !== null && each !== undefined && each !== false),
  );
  return node;
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") styled(made, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  return put(made, ...children);
}

// Through the object model, which the content policy allows; an attribute `style` it does not.
function styled(made, properties) {
  for (const [name, value] of Object.entries(properties)) made.style.setProperty(name, value);
}
