// Revisions: who changed what, when and why.

import { Refusal, ask } from "./control.js";
import { files } from "./diff.js";
import { by, h, moment, plural, put } from "./dom.js";

const PAGE = 20;
let count = PAGE;
let shown = null;
const open = new Map();

/** Fetches the list again if the revision is another than the one that is shown. */
export async function show(revision, again = false) {
  const key = `${revision} ${count}`;
  if (shown === key && !again) return;
  shown = key;
  try {
    draw(await ask("GET", `/v1/revisions?count=${count}`), revision);
  } catch (error) {
    shown = null;
    put(by("history"), failed(error));
  }
}

/** A failure in words. */
export function failed(error) {
  const cure = error instanceof Refusal ? error.solution : "the page tries again as soon as control answers";
  return h("p", { class: "error card" }, error.message, cure && h("span", { class: "cure" }, cure));
}

function draw(revisions, current) {
  const rows = revisions.map((one) => row(one, current));
  const oldest = revisions.at(-1)?.number ?? 0;
  const more = oldest > 0 && h("button", { type: "button", "data-key": "more", onclick: () => ((count += PAGE), show(current)) }, "Earlier revisions");
  put(by("history"), h("ol", { class: "revisions" }, rows), more);
}

function row(one, current) {
  const body = h("div", { class: "changes", id: `changes-${one.number}`, hidden: true });
  const button = h("button", {
    type: "button",
    class: "revision",
    "data-key": `revision/${one.number}`,
    "aria-expanded": "false",
    "aria-controls": body.id,
    onclick: () => toggle(one.number, button, body),
  },
    h("span", { class: "number" }, one.number),
    h("span", { class: "message" }, one.message || "(no message)",
      one.rollback_of !== undefined && h("span", { class: "chip" }, `back to ${one.rollback_of}`),
      one.number === current && h("span", { class: "chip now" }, "in force")),
    h("span", { class: "quiet" }, one.author || "control", " · ", moment(one.time_ms), " · ", plural(one.workloads, "workload")));
  if (open.has(one.number)) {
    body.replaceChildren(open.get(one.number));
    expand(button, body, true);
  }
  return h("li", { class: "card" }, button, body);
}

function expand(button, body, wanted) {
  body.hidden = !wanted;
  button.setAttribute("aria-expanded", String(wanted));
}

async function toggle(number, button, body) {
  if (!body.hidden) {
    open.delete(number);
    return expand(button, body, false);
  }
  expand(button, body, true);
  put(body, h("p", { class: "quiet" }, "comparing…"));
  try {
    const texts = async (of) => (await ask("GET", `/v1/revisions/${of}`)).sources.texts;
    const [after, before] = await Promise.all([texts(number), number > 0 ? texts(number - 1) : {}]);
    const content = compared(files(before, after), number);
    open.set(number, content);
    put(body, content);
  } catch (error) {
    put(body, failed(error));
  }
}

function compared(changed, number) {
  if (changed.length === 0) return h("p", { class: "quiet" }, "No file differs from the revision before; what a command has changed is in its message.");
  return h("div", {}, number > 0 && h("p", { class: "quiet" }, `compared with revision ${number - 1}`), changed.map(file));
}

function file({ name, parts, added, removed, gone, fresh, from }) {
  const word = gone ? " (no more)" : fresh ? " (new)" : from ? ` (was ${from})` : "";
  return h("figure", { class: "file" },
    h("figcaption", {}, h("code", {}, name), word, h("span", { class: "plus" }, ` +${added}`), h("span", { class: "minus" }, ` −${removed}`)),
    h("div", { class: "scroll" },
      h("table", { class: "diff" }, parts.map((part) => h("tbody", {}, part.map(line))))));
}

const KIND = { "+": "plus", "-": "minus", " ": "same" };

function line([sign, text, from, to]) {
  return h("tr", { class: KIND[sign] },
    h("td", { class: "no" }, sign === "+" ? "" : from),
    h("td", { class: "no" }, sign === "-" ? "" : to),
    h("td", { class: "sign" }, sign),
    h("td", {}, text || " "));
}
