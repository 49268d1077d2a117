// Where nodes stand in the picture: on an ellipse, those of a region side by side. No DOM here.

const MARGIN = 18;
const HEIGHT_MAX = 4000;
/** Below this width the ring is pressed into two columns. */
const NARROW = 560;
/** Empty room between two regions, in nodes. */
const GAP = 0.35;
/** Points of the ellipse that are looked at. */
const POINTS = 1440;
const ROWS_SHOWN = 5;
/** Names beside the dots of a large fabric. */
const LABEL = 84;

/** How much of a node is drawn, given how many there are and how wide the picture is. */
function kind(count, width) {
  if (count <= (width < NARROW ? 8 : 10)) return "full";
  return count <= 32 ? "compact" : "dot";
}

/** Room between two nodes, so that the regions around them stay apart. */
const apart = (form) => (form === "dot" ? 3 : 30);

function size(form, width, rows) {
  const half = Math.floor((width - apart(form)) / 2 - MARGIN);
  if (form === "full") {
    const shown = Math.min(rows, ROWS_SHOWN) + (rows > ROWS_SHOWN ? 1 : 0);
    return { w: Math.min(190, half), h: 50 + shown * 19 + (shown > 0 ? 7 : 0) };
  }
  return form === "compact" ? { w: Math.min(150, half), h: 34 } : { w: 18, h: 16 };
}

/** Neighbours in the order of the ring, by region and name. */
function byRegion(nodes) {
  const sorted = [...nodes].sort((a, b) => a.region.localeCompare(b.region) || a.name.localeCompare(b.name));
  const regions = [...new Set(sorted.map((node) => node.region))];
  return { sorted, regions };
}

/**
 * Places `nodes` (each with `name`, `region`, `rows`) in a picture of `width`: centres and sizes, the
 * ways along which regions extend, and the height that it takes.
 */
export function place(nodes, width) {
  const { sorted, regions } = byRegion(nodes);
  const form = kind(sorted.length, width);
  const sized = sorted.map((node) => ({ ...node, ...size(form, width, node.rows) }));
  if (sized.length === 0) return { form, top: 0, height: 220, placed: [], arcs: [], centre: { x: width / 2, y: 110 } };
  if (width < NARROW && form !== "dot" && sized.length > 1) return columns(form, sized, regions, width);
  const wide = Math.max(...sized.map((node) => node.w));
  const tall = Math.max(...sized.map((node) => node.h));
  const left = wide / 2 + MARGIN + (form === "dot" ? LABEL : 0);
  const top = tall / 2 + MARGIN;
  const room = { x: (form === "dot" ? LABEL : wide) + apart(form), y: tall + apart(form) };
  let height = Math.max(2 * top, Math.min(width * 0.52, 540));
  for (;;) {
    const ellipse = { cx: width / 2, cy: height / 2, rx: width / 2 - left, ry: height / 2 - top };
    const found = along(ellipse, sized, regions, room);
    if (found.fits || height >= HEIGHT_MAX) {
      const placed = sized.map((node, i) => ({ ...node, ...found.centres[i] }));
      // What is empty above and below is cut off.
      const above = Math.min(...placed.map((node) => node.y - node.h / 2)) - MARGIN;
      const below = Math.max(...placed.map((node) => node.y + node.h / 2)) + MARGIN;
      const centre = { x: width / 2, y: height / 2 };
      return { form, top: above, height: below - above, placed, arcs: found.arcs, centre };
    }
    height *= 1.05;
  }
}

/** Stands nodes along an ellipse, with so much room for each that none covers its neighbour. */
function along({ cx, cy, rx, ry }, sized, regions, room) {
  const gap = regions.length > 1 ? GAP : 0;
  const wanted = sized.length + gap * regions.length;
  const at = (angle) => ({ x: cx + rx * Math.cos(angle), y: cy + ry * Math.sin(angle), angle });
  // The way around, measured in nodes: a step sideways needs more room than one down.
  const points = [at(-Math.PI / 2)];
  const ways = [0];
  for (let i = 1; i <= POINTS; i += 1) {
    points.push(at(-Math.PI / 2 + (2 * Math.PI * i) / POINTS));
    const [a, b] = [points[i - 1], points[i]];
    ways.push(ways[i - 1] + Math.max(Math.abs(a.x - b.x) / room.x, Math.abs(a.y - b.y) / room.y));
  }
  const whole = ways[POINTS];
  // The gap between two regions is at the top; where there is one region only, a node is.
  const first = sized.length === 2 ? 1.5 : regions.length > 1 ? (1 + gap) / 2 : sized.length % 2 ? 0 : 0.5;
  const point = (node) => {
    const way = (((node / wanted) % 1) + 1) % 1 * whole;
    return points[Math.max(0, ways.findIndex((far) => far >= way))];
  };
  const centres = [];
  const arcs = regions.map((name) => ({ name, points: [] }));
  let next = first;
  regions.forEach((name, r) => {
    const count = sized.filter((node) => node.region === name).length;
    const last = next + count - 1;
    for (let i = 0; i < count; i += 1) centres.push(point(next + i));
    const steps = Math.max(1, (count - 1) * 24);
    for (let i = 0; i <= steps; i += 1) arcs[r].points.push(point(next + ((last - next) * i) / steps));
    next = last + 1 + gap;
  });
  return { centres, arcs, fits: whole >= wanted };
}

/** The ring in two columns: down on the right, up on the left. */
function columns(form, sized, regions, width) {
  const half = Math.ceil(sized.length / 2);
  const column = (nodes, x) => {
    let y = MARGIN;
    return nodes.map((node) => {
      y += node.h + apart(form);
      return { ...node, angle: 0, x, y: y - apart(form) - node.h / 2 };
    });
  };
  const wide = Math.max(...sized.map((node) => node.w));
  const right = column(sized.slice(0, half), width - MARGIN - wide / 2);
  const left = column(sized.slice(half).reverse(), MARGIN + wide / 2).reverse();
  const end = (nodes) => Math.max(0, ...nodes.map((node) => node.y + node.h / 2));
  const height = Math.max(end(left), end(right)) + MARGIN;
  const placed = [...right, ...left];
  const arcs = regions.map((name) => ({ name, points: placed.filter((node) => node.region === name) }));
  return { form, top: 0, height, placed, arcs, centre: { x: width / 2, y: height / 2 } };
}
