// Which findings are shown, and in which order. The state stands in the address, so that a view can
// be sent to somebody.

const START = {
  q: "", severity: "", provider: "", verify: "", where: "", status: "open", confidence: "",
  rule: "", folder: "", from: "", to: "", value: "", sort: "worst",
};
const state = { ...START };

const chosen = (list) => (list ? list.split(",") : []);

// Each filter by itself; charts count what passes all others.
const TESTS = {
  severity: (f) => !state.severity || chosen(state.severity).includes(f.severity),
  provider: (f) => !state.provider || f.provider === state.provider,
  verify: (f) => !state.verify || f.verify === state.verify || (state.verify === "any-live" && f.live),
  where: (f) => !state.where || f.where === state.where,
  status: (f) => state.status === "all" || f.status === state.status,
  confidence: (f) => !state.confidence || f.sure <= CONFIDENCES.indexOf(state.confidence),
  rule: (f) => !state.rule || f.check.id === state.rule,
  folder: (f) => !state.folder || inFolder(f, state.folder),
  period: (f) => (!state.from || f.day >= state.from) && (!state.to || (f.day && f.day <= state.to)),
  value: (f) => state.value === "" || String(f.value) === state.value,
  q: (f) => words.every(({ word, out }) => haystack(f).includes(word) !== out),
};
let words = [];

// `a/b/` is all below a folder, `a/b/*` only what stands in it itself.
function inFolder(finding, folder) {
  if (folder === "-") return !finding.file;
  if (!finding.file) return false;
  if (!folder.endsWith("*")) return finding.place.startsWith(folder);
  const own = folder.slice(0, -1);
  return finding.place.startsWith(own) && !finding.place.slice(own.length).includes("/");
}

const byPlace = (a, b) =>
  (a.place < b.place ? -1 : a.place > b.place ? 1 : 0) || a.start[0] - b.start[0] || a.index - b.index;
const worst = (a, b) =>
  b.live - a.live || a.rank - b.rank || a.sure - b.sure || a.index - b.index;
const SORTS = {
  worst: ["Worst first", worst],
  place: ["By path", byPlace],
  newest: ["Newest first", (a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : worst(a, b))],
  oldest: ["Oldest first", (a, b) => {
    const [x, y] = [a.day || "9999", b.day || "9999"];
    return x < y ? -1 : x > y ? 1 : worst(a, b);
  }],
  value: ["By value", (a, b) => (a.value ?? Infinity) - (b.value ?? Infinity) || byPlace(a, b)],
};

// What passes all filters, sorted, and for each filter what only that one keeps out.
function sift() {
  words = state.q.toLowerCase().split(/\s+/).filter((word) => word && word !== "-")
    .map((word) => word.startsWith("-") ? { word: word.slice(1), out: true } : { word, out: false });
  const tests = Object.entries(TESTS);
  const kept = [];
  const only = Object.fromEntries(tests.map(([name]) => [name, []]));
  for (const finding of findings) {
    let failed = null;
    let fails = 0;
    for (const [name, test] of tests) {
      if (test(finding)) continue;
      failed = name;
      fails += 1;
      if (fails > 1) break;
    }
    if (fails === 0) kept.push(finding);
    else if (fails === 1) only[failed].push(finding);
  }
  const order = SORTS[state.sort] || SORTS.worst;
  kept.sort(order[1]);
  return { kept, without: (name) => kept.concat(only[name]) };
}

// How many findings have each value of `field`.
function tally(list, field) {
  const counts = new Map();
  for (const finding of list) counts.set(finding[field], (counts.get(finding[field]) || 0) + 1);
  return counts;
}

function fromAddress() {
  Object.assign(state, START);
  let wanted;
  try {
    wanted = new URLSearchParams(location.hash.slice(1));
  } catch {
    return undefined;
  }
  for (const [name, value] of wanted) if (Object.hasOwn(START, name)) state[name] = value;
  return wanted.get("finding") || undefined;
}

function address(finding) {
  const wanted = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) if (value !== START[name]) wanted.set(name, value);
  if (finding) wanted.set("finding", finding.fingerprint);
  return "#" + wanted;
}

function toAddress() {
  try {
    history.replaceState(null, "", address());
  } catch {
    // A page in a frame without an address of its own has none to change.
  }
}

// Changes filters; one that is set to what it is already goes back to the start.
function toggle(changes) {
  const same = Object.entries(changes).every(([name, value]) => state[name] === value);
  change(same ? Object.fromEntries(Object.keys(changes).map((name) => [name, START[name]])) : changes);
}

function change(changes) {
  Object.assign(state, changes);
  toAddress();
  refresh();
}
