// The page: views, the newest status, and what is seen of it.

import { ask, follow, keep } from "./control.js";
import { by, h, put, tick } from "./dom.js";
import * as history from "./history.js";
import * as lists from "./lists.js";
import * as matrix from "./matrix.js";
import { Picture } from "./picture.js";
import * as plan from "./plan.js";
import { problems } from "./problems.js";

const VIEWS = ["fabric", "nodes", "workloads", "matrix", "history", "plan"];
let status = null;
let view = VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "fabric";
let chosen = null;
let heard = Date.now();
let link = "connecting";

const picture = new Picture(by("picture"), by("legend"), choose);

function choose(key) {
  chosen = key;
  if (view !== "fabric") turn("fabric");
  picture.choosing(key);
  drawDetail();
}

function close() {
  const key = chosen;
  choose(null);
  by("picture").querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

// === views ===

function turn(to) {
  view = to;
  for (const name of VIEWS) {
    const [tab, panel] = [by(`tab-${name}`), by(`view-${name}`)];
    tab.setAttribute("aria-selected", String(name === to));
    tab.tabIndex = name === to ? 0 : -1;
    panel.hidden = name !== to || link === "denied";
  }
  window.history.replaceState(null, "", `#${to}`);
  draw();
}

function arrow(event) {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  const at = VIEWS.indexOf(view);
  const to = event.key === "Home" ? 0 : event.key === "End" ? VIEWS.length - 1 : at + (steps[event.key] ?? NaN);
  if (Number.isNaN(to)) return;
  event.preventDefault();
  turn(VIEWS[(to + VIEWS.length) % VIEWS.length]);
  by(`tab-${view}`).focus();
}

// === what is seen ===

function draw() {
  if (!status || link === "denied") return;
  const wrong = problems(status);
  by("fabric").textContent = status.fabric;
  by("revision").textContent = `revision ${status.revision}`;
  by("revision").hidden = false;
  by("software").textContent = `${status.software}, fabric ${status.fabric_id}`;
  by("count-nodes").textContent = Object.keys(status.nodes).length;
  by("count-workloads").textContent = Object.keys(status.workloads).length;
  const bad = wrong.filter((one) => one.level === "bad").length;
  document.title = `${bad > 0 ? `(${bad}) ` : ""}${status.fabric} · Netloom`;
  if (view === "fabric") {
    put(by("summary"), lists.summary(status, wrong));
    put(by("problems"), lists.problemList(status, wrong, choose));
    const drift = lists.drift(status);
    by("drift").hidden = !drift;
    put(by("drift"), drift ?? []);
    picture.show(status);
    drawDetail();
  } else if (view === "nodes") {
    put(by("nodes"), lists.nodes(status));
  } else if (view === "workloads") {
    put(by("workloads"), lists.workloads(status, by("filter").value));
  } else if (view === "matrix") {
    matrix.show(status);
  } else if (view === "history") {
    history.show(status.revision);
  }
}

function drawDetail() {
  const content = chosen && status && lists.detail(status, chosen, close);
  by("detail").hidden = !content;
  if (content) put(by("detail"), content);
}

function hear(newest) {
  if (status && newest.revision !== status.revision) by("revision").classList.add("fresh");
  status = newest;
  plan.know({ revision: newest.revision });
  // Many at once are drawn once; in a tab that nobody sees, none is.
  requestAnimationFrame(() => status === newest && draw());
}

// === the connection ===

const WORDS = { connecting: "connecting…", live: "live", polling: "live, every few seconds", lost: "connection lost", denied: "no access" };

function tell(now, error) {
  if (now === "live" || now === "polling") heard = Date.now();
  if (now === link) return;
  const before = link;
  link = now;
  document.body.dataset.link = now;
  by("link").textContent = WORDS[now];
  by("lost").hidden = now !== "lost";
  if (now === "lost") {
    const since = new Date(heard).toLocaleTimeString();
    put(by("lost"), h("strong", {}, "Control does not answer. "), `What you see is how it was at ${since}. Trying again…`);
  }
  by("door").hidden = now !== "denied";
  if (now === "denied") {
    by("door-why").textContent = error.message + (error.solution ? `; ${error.solution}` : "");
    for (const name of VIEWS) by(`view-${name}`).hidden = true;
    by("door-token").focus();
  } else if (before === "denied") {
    turn(view);
  }
  if (now === "live") introduce();
}

async function introduce() {
  try {
    const me = await ask("GET", "/v1/me");
    plan.know({ role: me.role, name: me.name });
    const until = me.expires_s ? `, until ${new Date(me.expires_s * 1000).toLocaleString()}` : "";
    by("me").textContent = `${me.name}: ${me.role}${until}`;
  } catch {
    by("me").textContent = "";
  }
}

for (const name of VIEWS) {
  by(`tab-${name}`).addEventListener("click", () => turn(name));
  by(`tab-${name}`).addEventListener("keydown", arrow);
}
by("filter").addEventListener("input", draw);
by("revision").addEventListener("animationend", () => by("revision").classList.remove("fresh"));
by("door-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keep(by("door-token").value.replace(/^.*token=/, ""));
  by("door-token").value = "";
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && chosen) close();
});
setInterval(tick, 1000);
plan.start();
matrix.start();
turn(view);
follow(hear, tell);
