// The fabric's picture: nodes by region on a ring, tunnels between them, workloads on them.

import { bytes, h, nodeLevel, plural, put, s, workloadLevel } from "./dom.js";
import { TUNNEL_WORDS, tunnels } from "./problems.js";
import { place } from "./ring.js";

const ROWS_SHOWN = 5;
const HUES = 8;
const HALO = 13;

/** Text that fits into a width, about. */
function cut(text, width, glyph = 6.9) {
  const most = Math.max(3, Math.floor(width / glyph));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export class Picture {
  /** `choose` is called with the key of what is chosen: `node/NAME` or `tunnel/A B`. */
  constructor(element, legend, choose) {
    this.element = element;
    this.legend = legend;
    this.choose = choose;
    this.chosen = null;
    this.carried = new Map();
    this.status = null;
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(element.clientWidth - width) < 2) return;
      width = element.clientWidth;
      this.draw();
    }).observe(element);
  }

  show(status) {
    this.status = status;
    this.draw();
  }

  choosing(key) {
    this.chosen = key;
    for (const element of this.element.querySelectorAll("[data-key]")) {
      element.classList.toggle("chosen", element.dataset.key === key);
    }
  }

  draw() {
    const width = this.element.clientWidth;
    if (!this.status || width < 40) return;
    const of = Map.groupBy(Object.entries(this.status.workloads), ([, one]) => one.node);
    const nodes = Object.entries(this.status.nodes).map(([name, node]) => ({
      name,
      node,
      region: node.region || "",
      workloads: of.get(name) ?? [],
      rows: (of.get(name) ?? []).length,
    }));
    const plan = place(nodes, width);
    const regions = [...new Set(plan.placed.map((one) => one.region))];
    const centres = new Map(plan.placed.map((one) => [one.name, one]));
    const pairs = tunnels(this.status);
    const svg = s(
      "svg",
      { viewBox: `0 ${plan.top} ${width} ${plan.height}`, width, height: plan.height, role: "group", "aria-label": this.words(pairs) },
      plan.arcs.map((arc) => this.band(arc, regions, plan)),
      pairs.map((pair) => this.tunnel(pair, centres, plan.centre)),
      plan.placed.map((one) => (plan.form === "full" ? this.card(one) : this.small(one, plan))),
    );
    put(this.element, svg);
    this.explain(regions, pairs);
  }

  words(pairs) {
    const nodes = Object.keys(this.status.nodes).length;
    return `${plural(nodes, "node")}, ${plural(pairs.length, "tunnel")}, ${plural(Object.keys(this.status.workloads).length, "workload")}`;
  }

  /** A region: what surrounds its nodes, as one shape. */
  band({ name, points }, regions, plan) {
    const path = points.map(({ x, y }, i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    const halo = plan.form === "dot" ? 4 : HALO;
    const around = plan.placed.filter((one) => one.region === name).map(({ x, y, w, h: tall }) =>
      s("rect", { x: x - w / 2 - halo, y: y - tall / 2 - halo, width: w + 2 * halo, height: tall + 2 * halo, rx: halo + 8 }));
    const hue = `hue-${regions.indexOf(name) % HUES}`;
    return s("g", { class: `band ${plan.form} ${hue}` }, s("title", {}, name), path && s("path", { d: path }), around);
  }

  tunnel(pair, centres, centre) {
    const [a, b] = pair.ends.map((name) => centres.get(name));
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    const bend = a.x === b.x ? 0.9 : 0.3;
    const control = { x: middle.x + (centre.x - middle.x) * bend, y: middle.y + (centre.y - middle.y) * bend };
    const path = `M${a.x.toFixed(1)} ${a.y.toFixed(1)}Q${control.x.toFixed(1)} ${control.y.toFixed(1)} ${b.x.toFixed(1)} ${b.y.toFixed(1)}`;
    const before = this.carried.get(pair.key) ?? pair.bytes;
    const busy = pair.state === "up" && pair.bytes > before;
    this.carried.set(pair.key, pair.bytes);
    const text = `tunnel ${pair.ends.join(" – ")}: ${TUNNEL_WORDS[pair.state]}, ${bytes(pair.bytes)}`;
    return this.target(`tunnel/${pair.key}`, `tunnel ${pair.state}${busy ? " busy" : ""}`, text, [
      s("title", {}, text),
      s("path", { class: "hit", d: path }),
      s("path", { class: "line", d: path }),
      s("path", { class: "flow", d: path }),
    ]);
  }

  /** Something that can be chosen, by keyboard too. */
  target(key, className, text, children) {
    const choose = () => this.choose(this.chosen === key ? null : key);
    const press = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    };
    const chosen = this.chosen === key ? " chosen" : "";
    const attributes = { class: className + chosen, "data-key": key, tabindex: 0, role: "button", "aria-label": text };
    return s("g", { ...attributes, onclick: choose, onkeydown: press }, children);
  }

  about({ name, node, workloads }) {
    const state = node.state === "connected" && !node.current ? "connected, not up to date" : node.state;
    return `node ${name}, ${state}, ${plural(workloads.length, "workload")}`;
  }

  card(one) {
    const { name, node, x, y, w, h: tall, workloads } = one;
    const [left, top] = [x - w / 2, y - tall / 2];
    const level = nodeLevel(node);
    const below = node.state === "connected" ? [one.region, node.endpoint?.replace(/:\d+$/, "")] : [node.state];
    const rows = workloads.length > ROWS_SHOWN ? workloads.slice(0, ROWS_SHOWN) : workloads;
    const line = (i) => top + 50 + i * 19 + 10;
    return this.target(`node/${name}`, `node ${level}`, this.about(one), [
      s("title", {}, this.about(one)),
      s("rect", { class: "face", x: left, y: top, width: w, height: tall, rx: 10 }),
      s("circle", { class: "dot", cx: left + 16, cy: top + 19, r: 5 }),
      s("text", { class: "name", x: left + 29, y: top + 24 }, cut(name, w - 40, 7.6)),
      s("text", { class: "sub", x: left + 29, y: top + 40 }, cut(below.filter(Boolean).join(" · "), w - 38, 6.3)),
      rows.map(([workload, { state, detail }], i) =>
        s("g", { class: `workload ${workloadLevel(state)}` },
          s("title", {}, [`${workload}: ${state}`, detail].filter(Boolean).join("; ")),
          s("rect", { class: "pill", x: left + 8, y: line(i) - 8, width: w - 16, height: 16, rx: 8 }),
          s("circle", { class: "dot", cx: left + 18, cy: line(i), r: 3 }),
          s("text", { x: left + 29, y: line(i) + 4 }, cut(workload, w - 48, 6.6)))),
      workloads.length > rows.length &&
        s("text", { class: "sub", x: left + 29, y: line(rows.length) + 4 }, `and ${workloads.length - rows.length} more`),
    ]);
  }

  small(one, plan) {
    const { name, node, x, y, w, h: tall, angle, workloads } = one;
    const level = nodeLevel(node);
    if (plan.form === "compact") {
      return this.target(`node/${name}`, `node ${level}`, this.about(one), [
        s("title", {}, this.about(one)),
        s("rect", { class: "face", x: x - w / 2, y: y - tall / 2, width: w, height: tall, rx: 9 }),
        s("circle", { class: "dot", cx: x - w / 2 + 14, cy: y, r: 4.5 }),
        s("text", { class: "name", x: x - w / 2 + 25, y: y + 4.5 }, cut(name, w - (workloads.length > 0 ? 62 : 34), 8.3)),
        s("text", { class: "number", x: x + w / 2 - 10, y: y + 4 }, workloads.length || ""),
      ]);
    }
    const end = Math.cos(angle) < -0.05;
    return this.target(`node/${name}`, `node ${level}`, this.about(one), [
      s("title", {}, this.about(one)),
      s("circle", { class: "face", cx: x, cy: y, r: 8 }),
      s("circle", { class: "dot", cx: x, cy: y, r: 5 }),
      plan.placed.length <= 90 &&
        s("text", { class: "sub", x: x + (end ? -13 : 13), y: y + 4, "text-anchor": end ? "end" : "start" }, cut(name, 72, 6.4)),
    ]);
  }

  explain(regions, pairs) {
    const named = regions.map((name, i) => name && h("span", { class: "key" }, h("i", { class: `swatch hue-${i % HUES}` }), name));
    const states = [["up", "session"], ["idle", "idle"], ["cut", "cut"]];
    const used = states.filter(([state]) => pairs.some((pair) => pair.state === state));
    const lines = used.map(([state, word]) => h("span", { class: "key" }, h("i", { class: `sample ${state}` }), `tunnel: ${word}`));
    put(this.legend, named, lines);
  }
}
