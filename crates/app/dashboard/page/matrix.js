// Who reaches whom, as policy and ways have it: a sign for each thing that passes.

import { ask } from "./control.js";
import { by, h, plural, put } from "./dom.js";
import { failed } from "./history.js";

/** Rows and columns that are drawn at once; the filter finds the others. */
const CLASSES_SHOWN = 60;
/** Members of a class that are named. */
const NAMED = 3;
const SIGNS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

let asked = null;
let found = null;
let before = null;
let chosen = null;

/** Fetches the matrix, unless neither the revision nor what is known of the nodes' places has changed. */
export async function show(status) {
  const places = Object.entries(status.nodes).map(([name, node]) => `${name}=${node.endpoint ?? ""}`);
  const key = [status.revision, ...places].join(" ");
  if (asked === key) return;
  asked = key;
  try {
    const newest = await ask("GET", "/v1/matrix");
    if (found && found.revision !== newest.revision) before = { revision: found.revision, texts: texts(found) };
    found = newest;
    draw();
  } catch (error) {
    asked = null;
    put(by("matrix"), failed(error));
  }
}

export function start() {
  by("matrix-filter").addEventListener("input", draw);
  by("matrix").addEventListener("keydown", arrow);
  by("matrix").addEventListener("focusin", ({ target }) => target.dataset.key?.startsWith("cell/") && rove(target));
}

/** What passes, in words: once if it is the same over both families. */
function words(cell) {
  const of = (set) => set && (set.length > 0 ? set.join("; ") : "nothing");
  const [v4, v6] = [of(cell.ipv4), of(cell.ipv6)];
  if (v4 && v6 && v4 !== v6) return `IPv4: ${v4}, IPv6: ${v6}`;
  return v4 ?? v6 ?? "nothing: no address of a common family";
}

const first = (matrix, at) => matrix.classes[at].members[0];
const ends = (matrix, cell) => `${first(matrix, cell.from)} ${first(matrix, cell.to)}`;
const texts = (matrix) => new Map(matrix.cells.map((cell) => [ends(matrix, cell), words(cell)]));

function named(one) {
  const more = one.members.length - NAMED;
  return one.members.slice(0, NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/** A sign for each text, in the order in which they are met. */
function signs() {
  const known = new Map();
  const sign = (text) => {
    if (text === "everything") return "█";
    if (text.startsWith("nothing")) return "·";
    if (!known.has(text)) known.set(text, SIGNS[known.size] ?? "+");
    return known.get(text);
  };
  return { known, sign };
}

function kind(cell, text) {
  if (cell.obstacle && text.startsWith("nothing")) return "noway";
  if (text.startsWith("nothing")) return "shut";
  return text === "everything" ? "open" : "some";
}

const isNew = (cell, text) => before !== null && before.texts.get(ends(found, cell)) !== text;

function draw() {
  if (!found) return;
  const wanted = by("matrix-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (one) => {
    const text = [one.kind, ...one.members, one.network ?? "", one.subnet ?? "", ...one.security_groups].join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  };
  const places = found.classes.map((_, at) => at).filter((at) => fits(found.classes[at]));
  const seen = places.slice(0, CLASSES_SHOWN);
  if (seen.length === 0) {
    put(by("matrix"), h("p", { class: "card quiet" }, wanted.length > 0 ? "Nobody has all of that." : "This revision declares no workloads."));
    put(by("matrix-legend"));
    return;
  }
  const marks = signs();
  const cells = new Map(found.cells.map((cell) => [`${cell.from} ${cell.to}`, cell]));
  const rows = seen.map((from) => row(from, seen, cells, marks));
  const heads = seen.map((to) => h("th", { scope: "col", title: named(found.classes[to]) }, to + 1));
  const table = h("table", { class: "matrix" },
    h("caption", { class: "away" }, "Who reaches whom: those who call in rows, those who are called in columns"),
    h("thead", {}, h("tr", {}, h("td", {}, "from \\ to"), heads)),
    h("tbody", {}, rows));
  put(by("matrix"), h("div", { class: "card scroll" }, table), note(places.length, seen.length));
  const roving = by("matrix").querySelector(`[data-key="${CSS.escape(chosen ?? "")}"]`) ?? by("matrix").querySelector("button");
  if (roving) rove(roving);
  put(by("matrix-legend"), legend(marks.known));
  detail();
}

function row(from, seen, cells, marks) {
  const one = found.classes[from];
  return h("tr", {},
    h("th", { scope: "row" }, h("span", { class: "no" }, from + 1), ` ${named(one)} `, h("small", { class: "quiet" }, one.subnet ?? (one.kind === "internet" ? "" : one.kind))),
    seen.map((to) => field(cells.get(`${from} ${to}`), marks, from === to)));
}

function field(cell, { sign }, isSame) {
  if (!cell) return h("td", { title: isSame ? "itself" : "both outside of the fabric" }, "-");
  const text = words(cell);
  const key = `cell/${ends(found, cell)}`;
  const fresh = isNew(cell, text);
  const label = `${named(found.classes[cell.from])} to ${named(found.classes[cell.to])}: ${text}${fresh ? ", changed" : ""}`;
  return h("td", {}, h("button", {
    type: "button",
    class: `cell ${kind(cell, text)}${fresh ? " changed" : ""}`,
    tabindex: -1,
    title: label,
    "aria-label": label,
    "aria-pressed": String(chosen === key),
    "data-key": key,
    "data-from": first(found, cell.from),
    "data-to": first(found, cell.to),
    "data-passes": text,
    onclick: () => ((chosen = key), draw()),
  }, sign(text)));
}

function note(all, drawn) {
  const changed = found.cells.filter((cell) => isNew(cell, words(cell))).length;
  const parts = [];
  if (before) parts.push(changed > 0 ? `${plural(changed, "cell differs", "cells differ")} from revision ${before.revision}.` : `Nothing differs from revision ${before.revision}.`);
  if (drawn < all) parts.push(`${drawn} of ${all} are drawn; the filter finds the others.`);
  if (found.left_out > 0) parts.push(`${plural(found.left_out, "kind", "kinds")} of nodes and of prefixes behind nodes left out.`);
  return parts.length > 0 && h("p", { class: "quiet", id: "matrix-note" }, parts.join(" "));
}

function legend(known) {
  const entry = (className, sign, text) => h("li", {}, h("span", { class: `cell ${className}` }, sign), ` ${text}`);
  return h("ul", { class: "signs" },
    [...known].map(([text, sign]) => entry("some", sign, text)),
    entry("open", "█", "everything"),
    entry("shut", "·", "nothing: policy says no"),
    entry("noway", "·", "nothing: there is no way, whatever policy says"));
}

// === the one that is chosen ===

function detail() {
  const cell = found.cells.find((one) => `cell/${ends(found, one)}` === chosen);
  by("matrix-detail").hidden = !cell;
  if (!cell) return;
  const [from, to] = [found.classes[cell.from], found.classes[cell.to]];
  const of = (set) => (set ? set.join("; ") || "nothing" : "no addresses of both");
  // Of a prefix, an address of it can be asked about.
  const [caller, called] = [from.members[0], cell.from === cell.to ? to.members[1] : to.members[0]].map((name) => name.split("/")[0]);
  const isSender = from.kind === "workloads" || from.kind === "nodes";
  const packets = isSender && to.kind !== "internet" ? `\nnetloom network test-connectivity ${caller} ${called}` : "";
  const facts = [
    ["From", from.members.join(", ")],
    ["To", to.members.join(", ")],
    ["IPv4", of(cell.ipv4)],
    ["IPv6", of(cell.ipv6)],
    ["Groups", `${from.security_groups.join(", ") || "none"} → ${to.security_groups.join(", ") || "none"}`],
  ];
  put(by("matrix-detail"),
    h("h2", {}, `${named(from)} → ${named(to)}`),
    h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    cell.obstacle && h("p", { class: "error" }, cell.obstacle),
    h("h3", {}, "Ask further"),
    h("pre", {}, h("code", {}, `netloom explain ${caller} ${called}${packets}`)));
}

// === keys ===

/** One cell is reached by Tab, the others by arrows. */
function rove(cell) {
  by("matrix").querySelector('button[tabindex="0"]')?.setAttribute("tabindex", "-1");
  cell.setAttribute("tabindex", "0");
}

function arrow(event) {
  const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
  const place = event.target.closest("td");
  if (!step || !place) return;
  event.preventDefault();
  const rows = [...place.closest("tbody").rows];
  let [x, y] = [place.cellIndex, place.parentElement.rowIndex - 1];
  for (;;) {
    [x, y] = [x + step[0], y + step[1]];
    const next = x > 0 ? rows[y]?.cells[x] : undefined;
    if (!next) return;
    const button = next.querySelector("button");
    if (button) return button.focus();
  }
}
