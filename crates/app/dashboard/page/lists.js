// Tables of nodes and workloads, what is wrong, and what is known of the thing that is chosen.

import { bytes, h, moment, nodeLevel, plural, state, workloadLevel } from "./dom.js";
import { TUNNEL_WORDS, parted, tunnels } from "./problems.js";

/** Of those with the same thing wrong, so many are named. */
const WHO_SHOWN = 6;
const DRIFT_SHOWN = 5;

function table(caption, heads, rows) {
  return h("div", { class: "card scroll" },
    h("table", {},
      h("caption", { class: "away" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows)));
}

const cell = (label, ...content) => h("td", { "data-label": label }, ...content);
const code = (text) => text && h("code", {}, text);

/** Cause and solution of an error. */
export function error(text) {
  const [why, cure] = parted(text);
  return h("p", { class: "error" }, why, cure && h("span", { class: "cure" }, cure));
}

function nodeWord(node) {
  return node.state === "connected" && !node.current ? "not up to date" : node.state;
}

/** The revision that a node holds, beside the one in force; nothing where control does not know. */
function revisionWord(node, inForce) {
  if (node.revision === undefined) return "";
  return node.revision < inForce ? `${node.revision}, behind` : String(node.revision);
}

export function nodes(status) {
  const rows = Object.entries(status.nodes).map(([name, node]) => {
    const wrong = [node.error, ...(node.refused ?? []).map((one) => `${one.what}: ${one.reason}`)].filter(Boolean);
    const workloads = Object.values(status.workloads).filter((one) => one.node === name).length;
    return [
      h("tr", { class: wrong.length > 0 && "wrong" },
        h("th", { scope: "row" }, name),
        cell("state", state(nodeWord(node), nodeLevel(node))),
        cell("revision", revisionWord(node, status.revision)),
        cell("region", node.region),
        cell("address", code(node.address)),
        cell("endpoint", code(node.endpoint)),
        cell("workloads", String(workloads)),
        cell("heard of", node.last_seen_ms ? moment(node.last_seen_ms) : "never"),
        cell("software", node.software)),
      wrong.length > 0 && h("tr", { class: "why" }, h("td", { colspan: 9 }, wrong.map(error))),
    ];
  });
  return table("Nodes", ["Node", "State", "Revision", "Region", "Address", "Endpoint", "Workloads", "Heard of", "Software"], rows);
}

export function workloads(status, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ([name, one]) => {
    const text = [name, one.node, one.network, one.state, one.name, ...one.addresses].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const found = Object.entries(status.workloads).filter(fits);
  if (found.length === 0) {
    const text = words.length > 0 ? "No workload has all of that." : "This revision declares no workloads.";
    return h("p", { class: "card quiet" }, text);
  }
  const rows = found.map(([name, one]) => {
    const level = workloadLevel(one.state);
    return [
      h("tr", { class: level === "bad" && "wrong" },
        h("th", { scope: "row" }, name),
        cell("state", state(one.state, level)),
        cell("node", one.node),
        cell("network", one.network),
        cell("addresses", h("div", {}, one.addresses.map((address) => h("div", {}, code(address))))),
        cell("name", code(one.name))),
      one.detail && h("tr", { class: "why" }, h("td", { colspan: 6 }, error(one.detail))),
    ];
  });
  return table("Workloads", ["Workload", "State", "Node", "Network", "Addresses", "Name"], rows);
}

/** Figures at the top. */
export function summary(status, wrong) {
  const all = Object.values(status.nodes);
  const connected = all.filter((node) => node.state === "connected").length;
  const workloads = Object.values(status.workloads);
  const running = workloads.filter((one) => workloadLevel(one.state) === "good").length;
  const pairs = tunnels(status);
  const up = pairs.filter((pair) => pair.state === "up").length;
  const bad = wrong.filter((one) => one.level === "bad").length;
  const carried = pairs.reduce((sum, pair) => sum + pair.bytes, 0);
  const tile = (name, value, more, level) =>
    h("div", { class: `tile ${level ?? ""}` }, h("dt", {}, name), h("dd", {}, value, more && h("small", {}, more)));
  return [
    tile("Nodes connected", String(connected), ` of ${all.length}`, connected === all.length ? "good" : "warn"),
    tile("Workloads running", String(running), ` of ${workloads.length}`, running === workloads.length ? "good" : "warn"),
    tile("Tunnels open", String(up), ` of ${pairs.length}`),
    tile("Carried", bytes(carried), ", in and out"),
    tile("Errors", String(bad), wrong.length > bad ? ` and ${plural(wrong.length - bad, "notice")}` : "", bad > 0 ? "bad" : "good"),
  ];
}

export function problemList(status, wrong, choose) {
  if (wrong.length === 0) {
    const text = `${plural(Object.keys(status.nodes).length, "node holds", "nodes hold")} revision ${status.revision}, and nothing is wrong.`;
    return h("p", { class: "fine" }, text);
  }
  return h("ul", { class: "problems" }, grouped(wrong).map((group) => {
    const [one] = group;
    const who = group.slice(0, WHO_SHOWN).map((each, i) => [i > 0 && ", ", name(each, choose)]);
    const more = group.length > WHO_SHOWN && ` and ${group.length - WHO_SHOWN} more`;
    const cure = group.length > 1 ? one.cure.replaceAll(one.who, "NAME") : one.cure;
    return h("li", { class: one.level }, h("p", {}, who, more, " ", one.what),
      one.why && h("p", { class: "quiet" }, one.why),
      cure && h("p", { class: "cure" }, cure));
  }));
}

/** Those with the same thing wrong are told together. */
function grouped(wrong) {
  const groups = new Map();
  for (const one of wrong) {
    const key = [one.level, one.what, one.why].join("\n");
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

function name(one, choose) {
  if (!one.about.startsWith("node/")) return h("strong", {}, one.who);
  const attributes = { type: "button", class: "plain", "data-key": `problem/${one.about}/${one.what}` };
  return h("button", { ...attributes, onclick: () => choose(one.about) }, one.who);
}

/** What others changed on nodes lately, newest first, and what was done about it; nothing if none did. */
export function drift(status) {
  const events = Object.entries(status.nodes)
    .flatMap(([node, one]) => (one.report?.drift?.events ?? []).map((event) => ({ node, ...event })))
    .sort((a, b) => b.time_ms - a.time_ms)
    .slice(0, DRIFT_SHOWN);
  if (events.length === 0) return null;
  return [
    h("h2", {}, "Changed by others"),
    h("ul", { class: "problems" }, events.map(({ node, time_ms, found, by, error: failed }) => {
      const authors = by.map((one) => (one.name ? `${one.name} (process ${one.pid})` : `process ${one.pid}`));
      const more = found.length > 1 && ` and ${found.length - 1} more`;
      return h("li", { class: failed ? "bad" : "mended" },
        h("p", {}, h("strong", {}, node), " ", found[0], more),
        h("p", { class: "quiet" }, moment(time_ms), " by ", authors.join(", ") || "somebody unknown"),
        failed ? error(failed) : h("p", { class: "fine" }, "mended"));
    })),
  ];
}

const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

/** What is known of a chosen node or tunnel; nothing if it is gone. */
export function detail(status, key, close) {
  const [kind, name] = [key.slice(0, key.indexOf("/")), key.slice(key.indexOf("/") + 1)];
  const content = kind === "node" ? ofNode(status, name) : ofTunnel(status, name);
  if (!content) return null;
  return [h("button", { type: "button", class: "close", "aria-label": "Close", "data-key": "close", onclick: close }, "×"), content];
}

function ofNode(status, name) {
  const node = status.nodes[name];
  if (!node) return null;
  const here = Object.entries(status.workloads).filter(([, one]) => one.node === name);
  const denied = Object.entries(node.report?.networks ?? {}).map(([network, report]) => {
    const sum = Object.values(report.denied ?? {}).reduce((all, one) => all + one, 0);
    return h("div", {}, `${network} (${report.tunnel}), ${plural(sum, "packet")} denied`);
  });
  return [
    h("h2", {}, name, " ", state(nodeWord(node), nodeLevel(node))),
    facts([
      ["revision", revisionWord(node, status.revision)],
      ["region", node.region],
      ["address", code(node.address)],
      ["endpoint", code(node.endpoint)],
      ["heard of", node.last_seen_ms ? moment(node.last_seen_ms) : "never"],
      ["software", node.software],
      ["networks", denied.length > 0 && denied],
      ["workloads", here.length > 0 && here.map(([workload, one]) => h("div", {}, workload, " ", state(one.state, workloadLevel(one.state))))],
    ]),
    node.error && error(node.error),
    (node.refused ?? []).map((one) => error(`${one.what}: ${one.reason}`)),
  ];
}

function ofTunnel(status, key) {
  const pair = tunnels(status).find((one) => one.key === key);
  if (!pair) return null;
  return [
    h("h2", {}, pair.ends.join(" – ")),
    h("p", { class: "quiet" }, TUNNEL_WORDS[pair.state]),
    pair.ways.map((way) => [
      h("h3", {}, `${way.network}: ${way.from} → ${way.to}`),
      facts([
        ["session", way.has_session ? state("yes", "good") : state("no", "idle")],
        ["endpoint", way.endpoint && code(way.endpoint)],
        ["handshakes", String(way.handshakes ?? 0)],
        ["in, out", `${bytes(way.rx_bytes ?? 0)}, ${bytes(way.tx_bytes ?? 0)}`],
      ]),
    ]),
  ];
}
