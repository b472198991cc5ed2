// Puts the page together and listens.

function refresh(keepPage) {
  if (!keepPage) page = 0;
  view = sift();
  drawSeverity(view.without("severity"));
  drawVerify(view.without("verify"));
  drawProvider(view.without("provider"));
  drawFolder(view.without("folder"));
  drawPeriod(view.without("period"));
  drawFilters();
  drawList();
  announce();
}

function reset() {
  byId("q").value = "";
  change({ ...START });
  byId("q").focus();
}

const TITLES = {
  provider: "Provider", rule: "Rule", verify: "Verified", where: "Where", status: "Status",
  confidence: "Confidence", sort: "Order",
};

// The choices of a list with how many findings each would show.
function choices(name) {
  const counted = (field, words) => {
    const counts = tally(view.without(name), field);
    if (state[name] && !counts.has(state[name])) counts.set(state[name], 0);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
      .map(([value, n]) => [value, `${words ? words[value] || value : value} (${count(n)})`]);
  };
  switch (name) {
    case "provider": return [["", "All providers"], ...counted("provider")];
    case "rule": {
      for (const finding of findings) finding.ruleId = finding.check.id;
      return [["", "All rules"], ...counted("ruleId")];
    }
    case "verify": return [["", "Live or not"], ...counted("verify", { ...VERDICTS, "any-live": "Live at all" })];
    case "where": return [["", "Anywhere"],
      ...counted("where", { files: "In the files", history: "Only in history" })];
    case "status": return [["open", "Open"], ["allowed", "Allowed"], ["all", "Open and allowed"]];
    case "confidence": return [["", "Any confidence"], ["medium", "Medium or high"], ["high", "High"]];
    default: return Object.entries(SORTS).map(([value, [word]]) => [value, word]);
  }
}

function drawFilters() {
  for (const name of Object.keys(TITLES)) {
    const node = byId(`s-${name}`);
    node.replaceChildren(...choices(name).map(([value, word]) =>
      el("option", { value, selected: value === state[name] }, word)));
    node.classList.toggle("set", state[name] !== START[name]);
  }
  const counts = tally(view.without("severity"), "severity");
  const on = chosen(state.severity);
  for (const node of byId("pills").querySelectorAll("button")) {
    const severity = node.dataset.severity;
    node.setAttribute("aria-pressed", String(on.includes(severity)));
    node.querySelector(".n").textContent = count(counts.get(severity) || 0);
  }
  drawChips();
}

function drawChips() {
  const chip = (word, changes) => button(
    { class: "chip", "aria-label": `Take back ${word}` }, () => change(changes),
    el("span", {}, word), el("span", { "aria-hidden": "true" }, "\u00d7"));
  const value = findings.find((finding) => String(finding.value) === state.value);
  const chips = [
    state.folder && chip(`Folder ${folderName(state.folder)}`, { folder: "" }),
    (state.from || state.to) && chip(`${state.from || "\u2026"} to ${state.to || "\u2026"}`, { from: "", to: "" }),
    state.value !== "" && chip(`Value ${value ? value.secret : "?"}`, { value: "", status: "open" }),
    Object.entries(state).some(([name, set]) => name !== "sort" && set !== START[name]) &&
      button({ class: "link", "data-key": "reset" }, reset, "Take back all filters"),
  ];
  redraw(byId("chips"), chips);
}

function buildFilters() {
  byId("selects").append(...Object.entries(TITLES).map(([name, title]) => {
    const node = el("select", { id: `s-${name}`, "aria-label": title });
    node.addEventListener("change", () => change({ [name]: node.value }));
    return node;
  }));
  byId("pills").append(...SEVERITIES.map((severity) => button(
    { class: `pill ${severity}`, "data-severity": severity, "aria-pressed": "false" },
    () => toggleSeverity(severity), el("span", { class: "word" }, severity), " ", el("span", { class: "n" }))));
  const q = byId("q");
  let wait;
  q.addEventListener("input", () => {
    clearTimeout(wait);
    wait = setTimeout(() => change({ q: q.value }), findings.length > 2000 ? 150 : 60);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
}

function buildHead() {
  const open = findings.filter((finding) => finding.status === "open");
  const files = new Set(open.filter((f) => f.file).map((f) => f.place)).size;
  const values = new Set(open.map((f) => f.value).filter((v) => v !== undefined)).size;
  byId("headline").textContent = open.length === 0 ? "No secrets found" : plural(open.length, "finding");
  document.title = `${byId("headline").textContent} \u00b7 keylint`;
  byId("scope").textContent = [
    files && `in ${plural(files, "file")}`,
    `${plural(data.blobs, data.history ? "blob" : "file")} scanned, ${size(data.bytes)}`,
    data.history && plural(data.history, "commit"),
  ].filter(Boolean).join(" \u00b7 ");
  const few = open.filter((f) => f.rank <= 1).length;
  const live = open.filter((f) => f.live);
  const past = open.filter((f) => f.where === "history").length;
  const allowed = findings.length - open.length;
  const tile = (n, word, tone, act) => el("li", {}, (act ? (...rest) => button({ class: `tile ${tone}` }, act, ...rest)
    : (...rest) => el("div", { class: `tile ${tone}` }, ...rest))(
    el("span", { class: "big" }, count(n)), el("span", { class: "word" }, word)));
  fill(byId("tiles"), {}, [
    tile(few, "critical or high", few ? "bad" : "good", () => change({ ...START, severity: "critical,high" })),
    tile(live.length, "known to be live", live.length ? "bad" : "", () => change({ ...START, verify: "any-live" })),
    tile(values, values === 1 ? "distinct value" : "distinct values", "", () => change({ ...START, sort: "value" })),
    tile(past, "only in the history", "", () => change({ ...START, where: "history" })),
    tile(allowed, "allowed", "", () => change({ ...START, status: "allowed" })),
    tile(data.problems.length, "could not be read", data.problems.length ? "bad" : "good"),
  ]);
}

function buildAlerts() {
  const alerts = [
    data.clear && ["bad", ["Secrets are in clear in this file. Treat it as you treat them."]],
    data.interrupted && ["bad", ["Interrupted: this is what was found so far."]],
    data.problems.length > 0 && ["bad", [`Incomplete: ${plural(data.problems.length, "thing")} could not be read. `,
      el("a", { href: "#problems" }, "See which")]],
  ];
  byId("alerts").append(...alerts.filter(Boolean).map(([tone, words]) => el("p", { class: `alert ${tone}` }, words)));
}

function buildRest() {
  const section = (id, title, ...rest) => el("section", { class: "card wide", "aria-labelledby": id, id: id.slice(2) },
    el("h2", { id }, title), ...rest);
  const lazy = ({ reason, count: n, places }) => {
    const node = el("details", {}, el("summary", {}, el("b", {}, count(n)), ` ${reason}`));
    node.addEventListener("toggle", () => {
      if (node.open && !node.querySelector("ul")) {
        node.append(el("ul", { class: "places" }, places.map((place) => el("li", { class: "path" }, place))),
          n > places.length && el("p", { class: "hint" }, `and ${count(n - places.length)} more; --format json lists all`));
      }
    });
    return node;
  };
  byId("rest").append(...[
    data.problems.length > 0 && section("h-problems", "Could not be read",
      el("dl", { class: "problems" }, data.problems.map(({ place, message }) =>
        el("div", {}, el("dt", { class: "path" }, place), el("dd", {}, message))))),
    data.notices.length > 0 && section("h-notices", "Notices",
      el("ul", { class: "notes" }, data.notices.map((notice) => el("li", {}, notice)))),
    section("h-skipped", "Skipped on purpose", data.skipped.length > 0
      ? data.skipped.map(lazy) : el("p", { class: "hint" }, "Nothing was left out.")),
  ].filter(Boolean));
  byId("foot").append(...fill(el("p"), {}, [`keylint ${data.version}. `,
    data.clear ? "Secrets are in clear." : "Secrets are redacted: a long one shows its first and last four characters and its length.",
    " This file asks nothing of any network."]).childNodes);
}

const THEMES = ["system", "light", "dark"];
function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  byId("theme-name").textContent = `Theme: ${name}`;
}
const stored = (name, value) => {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    // Some browsers keep nothing for files; then it holds until the page is closed.
  }
  return null;
};
let themeNow = THEMES.includes(stored("keylint-theme")) ? stored("keylint-theme") : "system";
function nextTheme() {
  themeNow = THEMES[(THEMES.indexOf(themeNow) + 1) % THEMES.length];
  theme(themeNow);
  stored("keylint-theme", themeNow);
}

const KEYS = {
  "/": () => { byId("q").focus(); byId("q").select(); },
  "?": () => byId("keys").showModal(),
  j: () => walk(1), k: () => walk(-1), ArrowDown: () => walk(1), ArrowUp: () => walk(-1),
  n: () => turn(page + 1), p: () => turn(page - 1), e: unfold, x: reset, t: nextTheme,
  Home: () => edge(0), End: () => edge(-1),
};

function edge(at) {
  const head = [...byId("list").querySelectorAll(".head")].at(at);
  if (head) head.focus();
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || byId("keys").open) return;
  const target = event.target;
  if (event.key === "Escape" && target === byId("q")) {
    target.value = "";
    change({ q: "" });
    return;
  }
  if (target.closest("input, select, textarea")) {
    if (target === byId("q") && event.key === "ArrowDown") { event.preventDefault(); walk(1); }
    return;
  }
  const act = Object.hasOwn(KEYS, event.key) && KEYS[event.key];
  if (!act) return;
  // Arrows scroll the page unless a row has the focus; letters can be turned off.
  if (event.key.length > 1 ? !target.classList.contains("head") : !byId("letters").checked) return;
  event.preventDefault();
  act();
}

function start() {
  const wanted = fromAddress();
  const target = findings.find((finding) => finding.fingerprint === wanted);
  if (target) {
    view = sift();
    if (!view.kept.includes(target)) Object.assign(state, START, { status: "all" });
    view = sift();
    page = Math.floor(view.kept.indexOf(target) / PAGE_ROWS);
    open.add(target.index);
  }
  byId("q").value = state.q;
  refresh(Boolean(target));
  if (!target) return;
  const head = byId(`f${target.index}`);
  head.scrollIntoView({ block: "start" });
  head.focus({ preventScroll: true });
}

theme(themeNow);
buildFilters();
buildHead();
buildAlerts();
buildRest();
start();
byId("unfold").addEventListener("click", unfold);
byId("theme").addEventListener("click", nextTheme);
byId("print").addEventListener("click", () => window.print());
byId("help").addEventListener("click", KEYS["?"]);
document.addEventListener("keydown", onKey);
window.addEventListener("beforeprint", wholeForPrint);
window.addEventListener("afterprint", afterPrint);
window.addEventListener("hashchange", () => {
  // Links to parts of the page are no filters.
  if (location.hash === "" || location.hash.includes("=")) start();
});
let widthTimer;
window.addEventListener("resize", () => {
  clearTimeout(widthTimer);
  widthTimer = setTimeout(() => { if (!asleep) drawPeriod(view.without("period")); }, 120);
});
