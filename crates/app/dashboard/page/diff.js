// Which lines differ between two texts (Myers, "An O(ND) Difference Algorithm"). No DOM here.

/** Beyond so many differences, all that lies between the first and the last is one. */
const DIFFERENCES_MAX = 2_000;
const CONTEXT = 3;

/** Steps of the shortest way from `a` to `b`: pairs of places, backwards; null if it is too long. */
function way(a, b) {
  const reach = new Map([[1, 0]]);
  const trace = [];
  const most = Math.min(a.length + b.length, DIFFERENCES_MAX);
  for (let d = 0; d <= most; d += 1) {
    trace.push(new Map(reach));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1));
      let x = down ? reach.get(k + 1) : reach.get(k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x += 1;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

/** Every line of both texts: `[sign, text, line in a, line in b]`, sign being ` `, `-` or `+`. */
function lines(a, b) {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const same = (from, to, shift) => {
    const found = [];
    for (let i = from; i < to; i += 1) found.push([" ", a[i], i + 1, i + 1 + shift]);
    return found;
  };
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end), start);
  return [...same(0, start, 0), ...middle, ...same(a.length - end, a.length, b.length - a.length)];
}

function between(a, b, start) {
  const trace = way(a, b);
  const at = (sign, i, j) => [sign, sign === "+" ? b[j] : a[i], start + i + 1, start + j + 1];
  if (!trace) return [...a.map((_, i) => at("-", i, 0)), ...b.map((_, j) => at("+", a.length, j))];
  const found = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d >= 0; d -= 1) {
    const k = x - y;
    const reach = trace[d];
    const down = k === -d || (k !== d && reach.get(k - 1) < reach.get(k + 1));
    const before = down ? k + 1 : k - 1;
    const from = d === 0 ? 0 : reach.get(before);
    while (x > from + (down ? 0 : 1) && y > from - before + (down ? 1 : 0) && d > 0) found.push(at(" ", (x -= 1), (y -= 1)));
    if (d === 0) while (x > 0 && y > 0) found.push(at(" ", (x -= 1), (y -= 1)));
    else if (down) found.push(at("+", x, (y -= 1)));
    else found.push(at("-", (x -= 1), y));
  }
  return found.reverse();
}

const split = (text) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

/** Parts of two texts that differ, with some lines around them. */
export function hunks(before, after) {
  const all = lines(split(before), split(after));
  const found = [];
  let until = -1;
  all.forEach(([sign], i) => {
    if (sign === " ") return;
    const from = Math.max(i - CONTEXT, 0);
    if (from > until) found.push([]);
    for (let j = Math.max(from, until + 1); j <= Math.min(i + CONTEXT, all.length - 1); j += 1) found.at(-1).push(all[j]);
    until = Math.max(until, Math.min(i + CONTEXT, all.length - 1));
  });
  return found;
}

/** One file that went while one came is the same under another name. */
function renamed(before, after) {
  const gone = Object.keys(before).filter((name) => !(name in after));
  const fresh = Object.keys(after).filter((name) => !(name in before));
  if (gone.length !== 1 || fresh.length !== 1) return [before, ""];
  const { [gone[0]]: text, ...others } = before;
  return [{ ...others, [fresh[0]]: text }, gone[0]];
}

/** What differs between the files of two revisions: name, hunks, and how many lines came and went. */
export function files(earlier, after) {
  const [before, from] = renamed(earlier, after);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => {
      const parts = hunks(before[name] ?? "", after[name] ?? "");
      const count = (wanted) => parts.flat().filter(([sign]) => sign === wanted).length;
      return { name, parts, added: count("+"), removed: count("-"), gone: !(name in after), fresh: !(name in before), from: name in earlier ? "" : from };
    });
}
