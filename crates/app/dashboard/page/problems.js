// What is wrong with a fabric, with cause and solution: from its status alone.

import { workloadLevel } from "./dom.js";

/** What a node in a state needs: why it is so, and what to do. */
const STATES = {
  away: ["it has no connection to control", "on the node: netloom status; its log says why"],
  waiting: ["it has joined and waits to be let in", (name) => `netloom approve ${name}`],
  revoked: ["it was shut out", (name) => `to let it join again: netloom remove ${name}`],
  "not joined": ["the file declares it, and it has not joined yet", (name) => `netloom token create --node ${name}`],
  undeclared: ["it has joined, and the file does not declare it", "add it under nodes: and apply, or: netloom remove NODE"],
};

/** Our errors say what to do behind a semicolon. */
export function parted(text) {
  const at = text.indexOf("; ");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 2)];
}

/** All that is wrong, worst first. */
export function problems(status) {
  const found = [];
  const add = (level, who, what, why, cure, about) => found.push({ level, who, what, why, cure, about });
  for (const [name, node] of Object.entries(status.nodes)) {
    const about = `node/${name}`;
    if (STATES[node.state]) {
      const [why, cure] = STATES[node.state];
      const level = node.state === "away" || node.state === "revoked" ? "bad" : "warn";
      add(level, name, node.state, why, typeof cure === "function" ? cure(name) : cure, about);
    }
    if (node.error) {
      const [why, cure] = parted(node.error);
      add("bad", name, "what is in force is not what is declared", why, cure, about);
    }
    for (const refused of node.refused ?? []) {
      const [why, cure] = parted(refused.reason);
      add("bad", name, `refuses ${refused.what}`, why, cure, about);
    }
    if (node.state === "connected" && !node.current && !node.refused?.length) {
      const held = node.revision < status.revision ? `holds revision ${node.revision} of ${status.revision}` : "does not hold all that it shall hold yet";
      add("warn", name, held, "the rest is on its way", "if this stays: netloom status", about);
    }
  }
  for (const [name, workload] of Object.entries(status.workloads)) {
    const level = workloadLevel(workload.state);
    const host = status.nodes[workload.node];
    if (level === "good" || host?.state !== "connected") continue;
    const [why, cure] = parted(workload.detail ?? "");
    const idle = level === "idle";
    add(idle ? "warn" : level, name, `on ${workload.node}: ${workload.state}`, why || (idle ? "its node has not told of it yet" : ""), cure, `workload/${name}`);
  }
  const rank = { bad: 0, warn: 1 };
  return found.sort((a, b) => rank[a.level] - rank[b.level] || a.who.localeCompare(b.who));
}

/** Tunnels between nodes, both directions of all networks together. */
export function tunnels(status) {
  const pairs = new Map();
  for (const [node, one] of Object.entries(status.nodes)) {
    for (const [network, report] of Object.entries(one.report?.networks ?? {})) {
      for (const [peer, tunnel] of Object.entries(report.peers ?? {})) {
        if (!(peer in status.nodes)) continue;
        const ends = [node, peer].sort();
        const key = ends.join(" ");
        if (!pairs.has(key)) pairs.set(key, { key, ends, ways: [], bytes: 0 });
        const pair = pairs.get(key);
        pair.ways.push({ network, from: node, to: peer, ...tunnel });
        pair.bytes += (tunnel.rx_bytes ?? 0) + (tunnel.tx_bytes ?? 0);
      }
    }
  }
  for (const pair of pairs.values()) {
    const here = pair.ends.every((name) => status.nodes[name].state === "connected");
    const sessions = pair.ways.filter((way) => way.has_session).length;
    if (!here) pair.state = "cut";
    else if (sessions === 0) pair.state = "idle";
    else pair.state = "up";
  }
  return [...pairs.values()].sort((a, b) => a.key.localeCompare(b.key));
}

export const TUNNEL_WORDS = {
  up: "session",
  idle: "idle: no packet has needed it lately",
  cut: "an end is away",
};
