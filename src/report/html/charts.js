// The overview: each chart counts what passes all filters but its own, and is a filter itself.

const percent = (n, all) => (all ? (100 * n) / all : 0);

function styled(node, values) {
  for (const [name, value] of Object.entries(values)) node.style.setProperty(name, value);
  return node;
}

// A bar of parts and a legend whose entries are buttons. An entry is {key, name, n, pressed, act}.
function stack(node, entries, what) {
  const all = entries.reduce((sum, entry) => sum + entry.n, 0);
  const spoken = entries.map((entry) => `${entry.name} ${count(entry.n)}`).join(", ");
  const strip = el("div", { class: "strip", role: "img", "aria-label": `${what}: ${spoken}` },
    entries.filter((entry) => entry.n > 0).map((entry) =>
      styled(el("span", { class: `part ${entry.key}` }), { "flex-grow": String(entry.n) })));
  const legend = el("ul", { class: "legend" }, entries.map((entry) => el("li", {}, button(
    { "aria-pressed": String(entry.pressed), "data-key": entry.key, class: entry.n ? "" : "none" },
    entry.act,
    el("span", { class: `dot ${entry.key}`, "aria-hidden": "true" }),
    el("span", { class: "name" }, entry.name),
    el("span", { class: "n" }, count(entry.n)),
    el("span", { class: "share" }, all ? `${Math.round(percent(entry.n, all))}%` : ""),
  ))));
  redraw(node, strip, legend);
}

function toggleSeverity(severity) {
  const set = new Set(chosen(state.severity));
  if (!set.delete(severity)) set.add(severity);
  change({ severity: SEVERITIES.filter((name) => set.has(name)).join(",") });
}

function drawSeverity(list) {
  const counts = tally(list, "severity");
  const on = chosen(state.severity);
  stack(byId("c-severity"), SEVERITIES.map((severity) => ({
    key: severity,
    name: severity[0].toUpperCase() + severity.slice(1),
    n: counts.get(severity) || 0,
    pressed: on.includes(severity),
    act: () => toggleSeverity(severity),
  })), "Findings by severity");
}

function drawVerify(list) {
  const node = byId("c-verify");
  const counts = tally(list, "verify");
  stack(node, Object.entries(VERDICTS).map(([verify, name]) => ({
    key: verify,
    name,
    n: counts.get(verify) || 0,
    pressed: state.verify === verify,
    act: () => toggle({ verify }),
  })), "Findings by what the vendor says");
  if (findings.length && findings.every((finding) => finding.verify === "not-tried")) {
    node.append(el("p", { class: "hint" }, "No vendor was asked. ",
      el("code", {}, "--verify"), " asks, with calls that only read."));
  }
}

const FEW_BARS = 8;

function drawProvider(list) {
  const entries = [...tally(list, "provider")].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const few = entries.slice(0, FEW_BARS);
  const own = entries.find(([name]) => name === state.provider);
  if (own && !few.includes(own)) few[few.length - 1] = own;
  const most = Math.max(1, ...few.map((entry) => entry[1]));
  const rows = few.map(([provider, n]) => {
    const of = list.filter((finding) => finding.provider === provider);
    const parts = SEVERITIES.map((severity) => [severity, of.filter((f) => f.severity === severity).length]);
    const bar = el("span", { class: "track", "aria-hidden": "true" }, parts.filter((p) => p[1]).map(
      ([severity, m]) => styled(el("span", { class: `part ${severity}` }), { width: `${percent(m, most)}%` })));
    return el("li", {}, button(
      { "aria-pressed": String(state.provider === provider), "data-key": provider },
      () => toggle({ provider }),
      el("span", { class: "name" }, provider), bar, el("span", { class: "n" }, count(n))));
  });
  const more = entries.length - few.length;
  redraw(byId("c-provider"),
    rows.length ? el("ul", { class: "bars" }, rows) : el("p", { class: "hint" }, "None."),
    more > 0 && el("p", { class: "hint" }, `and ${plural(more, "more provider")}; the list below has all`));
}

// Steps of the time axis, from a day up. A step is named by its first day.
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const iso = (date) => date.toISOString().slice(0, 10);
const utc = (day) => new Date(`${day}T00:00:00Z`);
function moved(date, days, months) {
  const next = new Date(date);
  if (months) next.setUTCMonth(next.getUTCMonth() + months);
  next.setUTCDate(next.getUTCDate() + days);
  return next;
}
const monthOf = (date, every) =>
  new Date(Date.UTC(date.getUTCFullYear(), Math.floor(date.getUTCMonth() / every) * every, 1));
const dayName = (date) =>
  `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
const STEPS = [
  { first: (d) => d, next: (d) => moved(d, 1, 0), name: dayName },
  { first: (d) => moved(d, -((d.getUTCDay() + 6) % 7), 0), next: (d) => moved(d, 7, 0),
    name: (d) => `week of ${dayName(d)}` },
  { first: (d) => monthOf(d, 1), next: (d) => moved(d, 0, 1),
    name: (d) => `${MONTHS[d.getUTCMonth()]} ${d.getUTCFullYear()}` },
  { first: (d) => monthOf(d, 3), next: (d) => moved(d, 0, 3),
    name: (d) => `Q${d.getUTCMonth() / 3 + 1} ${d.getUTCFullYear()}` },
  { first: (d) => monthOf(d, 12), next: (d) => moved(d, 0, 12), name: (d) => `${d.getUTCFullYear()}` },
];
const MOST_STEPS = 48;
// Dates that a commit may claim but no calendar of git's time holds are shown in rows, not here.
const plausible = (day) => day >= "1990-01-01" && day < "2100-01-01";
let openPeriod = "";

function timeSteps(days) {
  const [first, last] = [utc(days[0]), utc(days[days.length - 1])];
  for (const step of STEPS) {
    const bins = [];
    for (let at = step.first(first); at <= last && bins.length <= MOST_STEPS; at = step.next(at)) {
      bins.push({ from: iso(at), to: iso(moved(step.next(at), -1, 0)), name: step.name(at), of: [] });
    }
    if (bins.length <= MOST_STEPS || step === STEPS[STEPS.length - 1]) return bins;
  }
  return [];
}

function drawPeriod(list) {
  const node = byId("c-period");
  // The axis is that of all findings, so that it stays while filters change.
  const days = findings.map((f) => f.day).filter((day) => day && plausible(day)).sort();
  if (days.length === 0) {
    redraw(node, el("p", { class: "hint" }, "No finding has a commit. ",
      el("code", {}, "keylint audit"), " and ", el("code", {}, "keylint scan --history"),
      " say when each came in."));
    return;
  }
  const bins = timeSteps(days);
  for (const finding of list) {
    if (!finding.day) continue;
    const bin = bins.find((b) => finding.day >= b.from && finding.day <= b.to);
    if (bin) bin.of.push(finding);
  }
  const without = list.filter((finding) => !finding.day).length;
  redraw(node, timeline(bins, Math.max(320, Math.round(node.clientWidth) || 900)),
    el("p", { class: "hint" }, "The day of the first commit that holds the value at this path. ",
      without > 0 && `${plural(without, "finding has", "findings have")} none.`,
      (state.from || state.to) && [" ", button({ class: "link" },
        () => change({ from: "", to: "" }), "All days")]));
}

function timeline(bins, width) {
  const [height, left, right, top, bottom] = [170, 34, 6, 8, 22];
  const most = Math.max(1, ...bins.map((bin) => bin.of.length));
  const step = (width - left - right) / bins.length;
  const y = (n) => top + (height - top - bottom) * (1 - n / most);
  const grid = [...new Set([0, Math.round(most / 2), most])].map((n) => [
    svg("line", { class: "grid", x1: left, x2: width - right, y1: y(n), y2: y(n) }),
    svg("text", { class: "axis", x: left - 6, y: y(n) + 3.5, "text-anchor": "end" }, count(n)),
  ]);
  const every = Math.ceil(bins.length / Math.max(1, Math.floor(width / 110)));
  const labels = bins.map((bin, at) => at % every === 0 && svg("text",
    { class: "axis", x: left + at * step + step / 2, y: height - 6, "text-anchor": at ? "middle" : "start" },
    bin.name.replace("week of ", "")));
  if (!bins.some((bin) => bin.from === openPeriod)) openPeriod = bins[0].from;
  const bars = bins.map((bin, at) => bar(bin, left + at * step, step, y));
  const total = bins.reduce((sum, bin) => sum + bin.of.length, 0);
  const group = svg("g", { role: "group", "aria-label":
    `${plural(total, "finding")} over time, ${bins[0].name} to ${bins[bins.length - 1].name}; arrow keys move` }, bars);
  group.addEventListener("keydown", (event) => {
    const at = bars.indexOf(event.target);
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: bars.length - 1 }[event.key];
    if (at < 0 || to === undefined || !bars[to]) return;
    event.preventDefault();
    openPeriod = bins[to].from;
    bars.forEach((other, n) => other.setAttribute("tabindex", n === to ? "0" : "-1"));
    bars[to].focus();
  });
  return svg("svg", { class: "timeline", viewBox: `0 0 ${width} ${height}` }, grid, labels, group);
}

function bar(bin, x, step, y) {
  const pressed = (state.from || state.to) !== "" && bin.from >= state.from && (!state.to || bin.to <= state.to);
  const faded = (state.from || state.to) !== "" && !pressed;
  let at = 0;
  const gap = Math.min(3, step * 0.2);
  const rects = [...SEVERITIES].reverse().map((severity) => {
    const n = bin.of.filter((finding) => finding.severity === severity).length;
    if (n === 0) return null;
    const rect = svg("rect", { class: `fill-${severity}`, x: x + gap, width: Math.max(1, step - 2 * gap),
      y: y(at + n), height: y(at) - y(at + n), rx: 1 });
    at += n;
    return rect;
  });
  const worstOf = SEVERITIES.map((s) => [s, bin.of.filter((f) => f.severity === s).length])
    .filter((entry) => entry[1]).map(([s, n]) => `${n} ${s}`).join(", ");
  const spoken = `${bin.name}: ${plural(bin.of.length, "finding")}${worstOf ? ` (${worstOf})` : ""}`;
  const node = svg("g", { class: faded ? "bin faded" : "bin", role: "button", tabindex: bin.from === openPeriod ? 0 : -1,
    "aria-pressed": String(pressed), "aria-label": spoken, "data-key": bin.from },
    svg("title", {}, spoken),
    svg("rect", { class: "hit", x, width: step, y: 0, height: y(0) }), rects);
  const act = (extend) => {
    openPeriod = bin.from;
    if (extend && state.from) {
      change({ from: bin.from < state.from ? bin.from : state.from, to: bin.to > state.to ? bin.to : state.to });
    } else {
      toggle({ from: bin.from, to: bin.to });
    }
  };
  node.addEventListener("click", (event) => act(event.shiftKey));
  node.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    act(event.shiftKey);
  });
  return node;
}
