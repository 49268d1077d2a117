// Planning: what a file would change. Applying it is for operators.

import { Refusal, ask } from "./control.js";
import { by, h, plural, put } from "./dom.js";
import { failed } from "./history.js";

const OPERATIONS_SHOWN = 12;
/** Files of the fabric as they are edited here. */
let roots = ["fabric.yaml"];
let texts = new Map([["fabric.yaml", ""]]);
let current = "fabric.yaml";
let role = "viewer";
let author = "dashboard";
let revision = 0;

const text = () => by("plan-text");
const sources = () => ({ roots, texts: Object.fromEntries(texts) });

/** Whether the caller may apply, and what is in force. */
export function know(facts) {
  role = facts.role ?? role;
  author = facts.name ?? author;
  revision = facts.revision ?? revision;
}

export function start() {
  text().addEventListener("input", () => texts.set(current, text().value));
  text().addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) plan();
  });
  by("plan-go").addEventListener("click", plan);
  by("plan-current").addEventListener("click", begin);
  by("plan-file").addEventListener("change", () => edit(by("plan-file").value));
  by("plan-open").addEventListener("change", (event) => take(event.target.files));
  const drop = by("drop");
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files);
  });
  edit(current);
}

function edit(name) {
  current = name;
  text().value = texts.get(name) ?? "";
  const option = (one) => h("option", { value: one, selected: one === name }, one);
  put(by("plan-file"), [...texts.keys()].map(option));
}

async function take(chosen) {
  const files = [...chosen];
  if (files.length === 0) return;
  const read = await Promise.all(files.map(async (file) => [file.name, await file.text()]));
  texts = new Map(read);
  roots = read.map(([name]) => name);
  edit(roots[0]);
  by("plan-open").value = "";
}

async function begin() {
  try {
    const found = (await ask("GET", `/v1/revisions/${revision}`)).sources;
    roots = found.roots;
    texts = new Map(Object.entries(found.texts));
    edit(roots[0]);
  } catch (error) {
    result(failed(error));
  }
}

function result(...content) {
  put(by("plan-result"), h("h2", {}, "What it would do"), ...content);
}

async function busy(work) {
  by("plan-result").setAttribute("aria-busy", "true");
  by("plan-go").disabled = true;
  try {
    await work();
  } catch (error) {
    result(refused(error));
  } finally {
    by("plan-result").setAttribute("aria-busy", "false");
    by("plan-go").disabled = false;
  }
}

const plan = () =>
  busy(async () => {
    const planned = sources();
    const proposed = await ask("POST", "/v1/plan", { sources: planned });
    result(...proposal(proposed), apply(proposed, planned));
  });

function refused(error) {
  if (!(error instanceof Refusal)) return failed(error);
  return [
    h("p", { class: "error" }, error.message, h("span", { class: "cure" }, error.solution)),
    findings(error.findings),
  ];
}

function findings(found) {
  if (found.length === 0) return null;
  return h("ul", { class: "problems" }, found.map((one) =>
    h("li", { class: one.severity === "error" ? "bad" : "warn" },
      h("p", {}, one.code && h("code", {}, one.code), " ", one.message),
      one.cause && h("p", { class: "quiet" }, one.cause),
      (one.solution || one.did_you_mean) &&
        h("p", { class: "cure" }, [one.solution, one.did_you_mean && `did you mean ${one.did_you_mean}?`].filter(Boolean).join("; ")),
      place(one))));
}

/** Where a finding is: a line to go to, or an object that was declared over the API, which no text here has. */
function place(finding) {
  if (finding.object) {
    const field = finding.field ? `, field ${finding.field}` : "";
    return h("p", { class: "quiet" }, `${finding.object}${field}, as declared over the API`);
  }
  const name = `${finding.file.split("/").at(-1)}:${finding.line}:${finding.column}`;
  return h("button", { type: "button", class: "plain", onclick: () => go(finding) }, name);
}

/** Shows the line that a finding is about. */
function go(finding) {
  if (texts.has(finding.file)) edit(finding.file);
  const area = text();
  const lines = area.value.split("\n");
  const before = lines.slice(0, finding.line - 1).join("\n").length + (finding.line > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(before, before + (lines[finding.line - 1] ?? "").length);
  area.scrollTop = Math.max(0, (finding.line - 6) * (area.scrollHeight / Math.max(lines.length, 1)));
}

function proposal(proposed) {
  const nodes = Object.entries(proposed.nodes);
  const counts = nodes.reduce((sum, [, one]) => sum + one.operations.length, 0);
  const opened = proposed.flows.filter((flow) => flow.opened.length > 0).length;
  const closed = proposed.flows.filter((flow) => flow.closed.length > 0).length;
  const broken = proposed.broken_tests;
  const tests = proposed.tests > 0 && `${proposed.tests - broken.length} of ${proposed.tests} tests of the file hold`;
  const nothing = nodes.length === 0 && proposed.flows.length === 0;
  return [
    h("p", { class: nothing ? "fine" : "" },
      nothing
        ? `Nothing would change: revision ${proposed.base_revision} says the same. `
        : `Compared with revision ${proposed.base_revision}: ${plural(counts, "operation")} on ${plural(nodes.length, "node")}, ${plural(opened, "flow opens", "flows open")}, ${plural(closed, "flow closes", "flows close")}. `,
      tests && h("span", { class: "quiet" }, tests)),
    broken.length > 0 && h("p", { class: "error" }, "It would be refused: change the policy, or the tests"),
    findings(broken),
    findings(proposed.warnings),
    proposed.renamed.map(({ from, to, addresses }) => h("p", {}, `renames ${from} to ${to}, at ${addresses.join(" and ")}`)),
    proposed.flows.length > 0 && h("h3", {}, "Flows"),
    proposed.flows.length > 0 && h("ul", { class: "flows" }, proposed.flows.map(flow)),
    proposed.flows_not_compared > 0 && h("p", { class: "quiet" }, `${plural(proposed.flows_not_compared, "pair")} not compared`),
    nodes.length > 0 && h("h3", {}, "Nodes"),
    ...nodes.map(node),
  ];
}

function flow({ from, to, opened, closed }) {
  const one = (kind, sign, what) =>
    what.length > 0 && h("li", { class: kind }, h("b", {}, sign), ` ${from.join(", ")} → ${to}: ${what.join(", ")}`);
  return [one("plus", "+", opened), one("minus", "−", closed)];
}

function node([name, change]) {
  const some = change.operations.slice(0, OPERATIONS_SHOWN);
  const rest = change.operations.slice(OPERATIONS_SHOWN);
  const kinds = { "+": "plus", "-": "minus" };
  const list = (items) =>
    h("ol", { class: "operations" }, items.map((one) => h("li", { class: kinds[one[0]] ?? "same" }, one)));
  const only = (names, others) => names.filter((name) => !others.includes(name));
  const about = [
    ["starts", "plus", only(change.started, change.stopped)],
    ["stops", "minus", only(change.stopped, change.started)],
    ["restarts", "same", change.started.filter((name) => change.stopped.includes(name))],
    ["peers", "same", change.peers],
    ["names of", "same", change.names],
  ];
  return h("details", { class: "change", open: true },
    h("summary", {}, h("strong", {}, name), ` ${plural(change.operations.length, "operation")}`),
    about.map(([what, kind, names]) => names.length > 0 && h("p", { class: kind }, `${what} ${names.join(", ")}`)),
    some.length > 0 && list(some),
    rest.length > 0 && h("details", {}, h("summary", {}, `${rest.length} more`), list(rest)));
}

/** The way on: a button for operators, the command for others. */
function apply(proposed, planned) {
  if (proposed.broken_tests.length > 0) return null;
  if (role !== "operator" && role !== "admin") {
    const command = `netloom apply --expect ${proposed.base_revision} FILE`;
    return h("p", { class: "quiet way" }, "To make it so, on control's host: ", h("code", {}, command));
  }
  const message = h("input", { type: "text", id: "apply-message", placeholder: "why, for the history", maxlength: 400 });
  const go = h("button", { type: "submit", class: "primary" }, "Apply");
  const form = h("form", { class: "way", onsubmit: (event) => {
    event.preventDefault();
    go.disabled = true;
    busy(() => make(proposed, planned, message.value));
  } }, h("label", { for: "apply-message" }, "Message"), h("div", { class: "row" }, message, go));
  return form;
}

async function make(proposed, planned, message) {
  const body = { sources: planned, message, author, expected_revision: proposed.base_revision, wait_ms: 30_000 };
  const applied = await ask("POST", "/v1/apply", body);
  const line = (nodes, kind, what) => nodes.length > 0 && h("p", { class: kind }, `${nodes.join(", ")} ${what}`);
  result(
    h("p", { class: applied.refused.length > 0 ? "error" : "fine" },
      applied.rolled_back_to !== undefined
        ? `Nodes refused revision ${applied.revision}; what revision ${applied.rolled_back_to} declares is in force again.`
        : `Revision ${applied.revision} is in force${applied.changed ? "" : " already"}.`),
    applied.overtaken_by !== undefined && h("p", { class: "cure" },
      `Nodes refuse it, and somebody else has made revision ${applied.overtaken_by} meanwhile, so it was not gone back from: mend what is refused and apply again.`),
    line(applied.applied, "quiet", applied.applied.length === 1 ? "holds it" : "hold it"),
    line(applied.behind, "cure", "not yet"),
    line(applied.away, "cure", "away; they fetch it when they are back"),
    applied.refused.map((one) => h("p", { class: "error" }, `${one.node} refuses ${one.what}: ${one.reason}`)));
}
