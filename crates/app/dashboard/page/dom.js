// Elements, and how times and amounts are written.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false) continue;
    element.append(child);
  }
  return element;
}

/** An HTML element: `h("p", { class: "quiet" }, "text")`. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export const by = (id) => document.getElementById(id);

/** Replaces what is in an element; the focus stays on what has the same `data-key`. */
export function put(element, ...children) {
  const focused = element.contains(document.activeElement) && document.activeElement.dataset.key;
  element.replaceChildren(...children.flat(Infinity).filter((child) => child != null && child !== false));
  if (focused) {
    element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

/** `1 node`, `3 nodes`. */
export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** Bytes with a unit. */
export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit += 1) count /= 1000;
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

/** How long ago, in words. */
export function ago(time_ms, now = Date.now()) {
  if (!time_ms) return "never";
  const seconds = Math.max(0, Math.round((now - time_ms) / 1000));
  if (seconds < 2) return "now";
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** A time that tells how long ago it was, and when exactly on hover. */
export function moment(time_ms) {
  const date = new Date(time_ms);
  const attributes = { datetime: date.toISOString(), title: date.toLocaleString(), "data-time": time_ms };
  return h("time", attributes, ago(time_ms));
}

/** Lets all times in the page go on. */
export function tick() {
  const now = Date.now();
  for (const element of document.querySelectorAll("time[data-time]")) {
    const text = ago(Number(element.dataset.time), now);
    if (element.textContent !== text) element.textContent = text;
  }
}

/** A state as a coloured word. */
export const state = (word, level) => h("span", { class: `state ${level}` }, word);

/** Whether a workload's state is good, to be watched, or bad. */
export function workloadLevel(word) {
  if (word === "running" || word === "attached") return "good";
  if (word === "unknown") return "idle";
  return /restart|start|wait|pending/.test(word) ? "warn" : "bad";
}

/** The same of a node. */
export function nodeLevel(node) {
  if (node.state !== "connected") return node.state === "away" || node.state === "revoked" ? "bad" : "warn";
  if (node.error || node.refused?.length) return "bad";
  return node.current ? "good" : "warn";
}
