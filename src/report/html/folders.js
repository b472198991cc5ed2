// The heat map: folders down, severities across. Folders with the most findings are opened until the
// table has enough rows.

const MOST_ROWS = 12;

// The tree of the folders of `list`; each node holds the findings at and below it.
function folderTree(list) {
  const root = { path: "", all: [], own: [], below: new Map() };
  for (const finding of list) {
    if (!finding.file) continue;
    let node = root;
    node.all.push(finding);
    const names = finding.place.split("/").slice(0, -1);
    for (const name of names) {
      if (!node.below.has(name)) {
        node.below.set(name, { path: `${node.path}${name}/`, all: [], own: [], below: new Map() });
      }
      node = node.below.get(name);
      node.all.push(finding);
    }
    node.own.push(finding);
  }
  return root;
}

// A folder that holds one folder and nothing else is that one.
function straight(node) {
  while (node.own.length === 0 && node.below.size === 1) node = node.below.values().next().value;
  return node;
}

// What a folder is made of: its folders, and the files that stand in itself.
function opened(node) {
  const rows = [...node.below.values()].map((child) => ({ ...straight(child), key: straight(child).path }));
  if (node.own.length) rows.push({ all: node.own, below: new Map(), own: node.own, key: `${node.path}*` });
  return rows;
}

function folderRows(list) {
  let rows = opened(straight(folderTree(list)));
  for (;;) {
    const open = rows.filter((row) => row.below.size > 0).sort((a, b) => b.all.length - a.all.length)
      .find((row) => rows.length - 1 + opened(row).length <= MOST_ROWS);
    if (!open) break;
    rows = rows.filter((row) => row !== open).concat(opened(open));
  }
  const loose = list.filter((finding) => !finding.file);
  if (loose.length) rows.push({ all: loose, key: "-" });
  rows.sort((a, b) => b.all.length - a.all.length || (a.key < b.key ? -1 : 1));
  const own = rows.find((row) => row.key === state.folder);
  const few = rows.slice(0, MOST_ROWS);
  if (own && !few.includes(own)) few[few.length - 1] = own;
  return { few: few.sort((a, b) => (a.key < b.key ? -1 : 1)), more: rows.length - few.length };
}

function folderName(key) {
  if (key === "-") return "(no file)";
  if (key === "*") return "./ (top folder)";
  return key.endsWith("*") ? `${key.slice(0, -1)} (itself)` : key;
}

function drawFolder(list) {
  const { few, more } = folderRows(list);
  const shownSeverities = SEVERITIES.filter((s) => few.some((row) => row.all.some((f) => f.severity === s)));
  const numbers = few.map((row) => tally(row.all, "severity"));
  const most = Math.max(1, ...numbers.flatMap((counts) => [...counts.values()]));
  const body = few.map((row, at) => el("tr", {},
    el("th", { scope: "row" }, button(
      { "aria-pressed": String(state.folder === row.key), "data-key": row.key, title: folderName(row.key) },
      () => toggle({ folder: row.key }), el("span", { class: "path" }, folderName(row.key)))),
    shownSeverities.map((severity) => heat(row, severity, numbers[at].get(severity) || 0, most)),
    el("td", { class: "total" }, count(row.all.length))));
  redraw(byId("c-folder"),
    few.length === 0 ? el("p", { class: "hint" }, "None.") : el("div", { class: "scroll", tabindex: "0",
      role: "region", "aria-label": "Findings by folder and severity" },
    el("table", { class: "heat" },
      el("caption", { class: "sr" }, "Findings by folder and severity"),
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Folder"),
        shownSeverities.map((severity) => el("th", { scope: "col" }, severity)),
        el("th", { scope: "col" }, "all"))),
      el("tbody", {}, body))),
    more > 0 && el("p", { class: "hint" }, `and ${plural(more, "more folder")} with fewer findings or as few`));
}

function heat(row, severity, n, most) {
  if (n === 0) return el("td", {}, el("span", { class: "zero" }, "\u00b7"));
  const warmth = Math.round(18 + (72 * Math.log(1 + n)) / Math.log(1 + most));
  const pressed = state.folder === row.key && state.severity === severity;
  const cell = button({ class: `cell ${severity}`, "aria-pressed": String(pressed),
    "aria-label": `${folderName(row.key)}, ${severity}: ${count(n)}`, "data-key": `${row.key} ${severity}` },
  () => toggle({ folder: row.key, severity }), count(n));
  return el("td", {}, styled(cell, { "--warmth": `${warmth}%` }));
}
