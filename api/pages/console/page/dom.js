// Elements, made in one expression:
//
//   el("button", { type: "submit", class: "primary", onclick: buy }, "Buy")
//
// A property that is a function becomes a listener; null, undefined and false are left out; true
// is an attribute without a value. `value`, `checked` and `disabled` are set on the object, since
// as attributes they would only be defaults. Children are elements, texts, or lists of them;
// what is null or false is left out.
const liveProperties = new Set(["value", "checked", "disabled", "indeterminate", "max", "min"]);

export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (liveProperties.has(name) && name in element) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

// Puts these children in place of those that are there.
export function fill(element, ...children) {
  element.replaceChildren(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

// Puts a text where it is not yet: what is read out loud is read once.
export function say(element, text, className = element.className) {
  if (element.className !== className) element.className = className;
  if (element.textContent !== text) element.textContent = text;
}

let ids = 0;

// A label and the control it belongs to.
export function field(label, control, hint) {
  if (!control.id) control.id = `field-${++ids}`;
  return el(
    "div",
    { class: "field" },
    el("label", { for: control.id }, label),
    control,
    hint && el("p", { class: "hint" }, hint),
  );
}

// Does it with the button out of use meanwhile. A disabled one would lose the focus.
export async function outOfUse(button, work) {
  button.setAttribute("aria-disabled", "true");
  try {
    return await work();
  } finally {
    button.removeAttribute("aria-disabled");
  }
}

export const isOutOfUse = (button) => button.hasAttribute("aria-disabled");

export function newId(prefix) {
  return `${prefix}-${++ids}`;
}

// Calls `work` at most once in `ms`, and at least once after the last request.
export function throttled(ms, work) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => {
      timer = null;
      work();
    }, ms);
  };
}
