// One finding: its row, and all that is known of it, made when it is opened.

function badge(severity) {
  return el("span", { class: `badge ${severity}` }, severity);
}

function tags(finding) {
  return [
    finding.verify !== "not-tried" && el("span", { class: `tag ${finding.verify}` }, VERDICTS[finding.verify] || finding.verify),
    finding.where === "history" && el("span", { class: "tag" }, "only in history"),
    finding.status === "allowed" && el("span", { class: "tag" }, "allowed"),
    finding.confidence !== "high" && el("span", { class: "tag quiet" }, `${finding.confidence} confidence`),
  ];
}

function excerptOf(finding) {
  const { excerpt: text, mark: [from, to] } = finding;
  // The mark counts characters as people do, not halves of them.
  const letters = [...text];
  const piece = (a, b) => letters.slice(a, b).join("");
  return [piece(0, from), from < to ? el("mark", {}, piece(from, to)) : "", piece(to)];
}

function row(finding) {
  const [title, more] = parts(finding.message);
  const id = `f${finding.index}`;
  const head = button(
    { class: "head", id, "aria-expanded": "false", "aria-controls": `d${finding.index}` },
    () => setOpen(finding.index),
    badge(finding.severity),
    el("span", { class: "what" },
      el("span", { class: "title" }, el("b", {}, title), more && ` ${more}`),
      el("span", { class: "spot path" }, finding.spot)),
    el("span", { class: "tags" }, tags(finding),
      finding.day && el("time", { datetime: finding.day }, finding.day)),
  );
  const peek = finding.excerpt &&
    el("div", { class: "peek", "aria-hidden": "true" }, el("code", {}, excerptOf(finding)));
  return el("li", { class: `finding ${finding.severity}`, "data-index": finding.index },
    el("h3", {}, head), peek,
    el("div", { class: "detail", id: `d${finding.index}`, role: "region", "aria-labelledby": id, hidden: true }));
}

function detail(finding) {
  return [
    finding.excerpt && el("div", { class: "code", tabindex: "0", role: "group", "aria-label": "Redacted context" },
      el("span", { class: "number", "aria-hidden": "true" }, String(finding.start[0])),
      el("code", {}, excerptOf(finding))),
    el("div", { class: "columns" },
      el("div", { class: "act" }, remedy(finding), fix(finding), evidence(finding)),
      facts(finding)),
  ];
}

function remedy(finding) {
  const { check } = finding;
  if (!check.remediation && !check.rotate && !check.env.length && !(finding.notes || []).length) return null;
  return el("section", {},
    el("h4", {}, "What to do"),
    check.remediation && el("p", {}, check.remediation),
    check.rotate && el("p", {}, link(check.rotate, "Rotate the key at", { class: "rotate" })),
    check.env.length > 0 && el("p", {}, "Read it from ",
      check.env.map((name, at) => [at ? " or " : "", el("code", {}, name)]), "."),
    (finding.notes || []).length > 0 &&
      el("ul", { class: "notes" }, finding.notes.map((note) => el("li", {}, note))));
}

// A command for a POSIX shell; none where the path holds what is not seen.
function fixCommand(finding) {
  const path = finding.place;
  if (finding.commit && finding.gone) return "";
  if (named(path) !== path || path.includes("\ufffd")) return "";
  const safe = /^[\w./@+,:%-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
  return `keylint fix --write ${safe.startsWith("-") || safe.startsWith("'-") ? "-- " : ""}${safe}`;
}

function fix(finding) {
  if (!finding.fix) return null;
  const command = fixCommand(finding);
  return el("section", {},
    el("h4", {}, "Fix: ", finding.fix.title),
    finding.fix.edits.map((edit) => el("div", { class: "edit" },
      el("div", { class: "edit-head" },
        el("span", { class: "path" }, `${edit.path}:${edit.start[0]}:${edit.start[1]}`),
        el("span", { class: "verb" }, edit.insert ? "add" : edit.line ? "change" : "replace with"),
        copier(edit.line && !edit.line[1].includes("\u2026") ? edit.line[1] : edit.text, "Fix", true)),
      el("pre", { tabindex: "0", "aria-label": "Change" }, edit.line
        ? [el("del", {}, edit.line[0]), el("ins", {}, shown(edit.line[1], true))]
        : el("ins", {}, shown(edit.text.replace(/\n$/, ""), true))))),
    command && el("div", { class: "edit" }, el("div", { class: "edit-head" },
      el("span", { class: "verb" }, "or all keys of the file at once"), copier(command, "Command")),
    el("pre", { tabindex: "0", "aria-label": "Command" }, command)));
}

function evidence(finding) {
  const weights = finding.evidence || [];
  const candidates = finding.candidates || [];
  return el("section", {},
    el("h4", {}, "Evidence"),
    weights.length > 0
      ? el("table", { class: "evidence" },
        el("caption", { class: "sr" }, "What speaks for and against"),
        el("tbody", {}, weights.map(([weight, what]) => el("tr", {},
          el("td", { class: weight > 0 ? "for" : weight < 0 ? "against" : "" },
            weight === 0 ? "note" : weight > 0 ? `+${weight}` : `\u2212${-weight}`),
          el("td", {}, what)))))
      : el("p", {}, `The form of the value, as rule ${finding.check.id} describes it; nothing else was weighed.`),
    candidates.length > 0 && el("p", {}, "Could be: ",
      candidates.map(([vendor, score], at) => [at ? ", " : "", vendor, ` (${score > 0 ? "+" : ""}${score})`])));
}

function facts(finding) {
  const { check, commit } = finding;
  const others = finding.value === undefined ? 0 : sharing.get(finding.value) - 1;
  const entries = [
    ["Place", [el("span", { class: "path" }, finding.spot), " ", copier(finding.spot, "Place")]],
    finding.secret && ["Value", [el("code", {}, finding.secret), others > 0 && [" ", button(
      { class: "link" }, () => change({ ...START, value: String(finding.value), status: "all" }),
      `in ${plural(others, "other finding")}`)]]],
    ...(finding.parts || []).map(([name, value, line]) =>
      [name, [el("code", {}, value), ` on line ${line}`]]),
    ["Verified", [VERDICTS[finding.verify] || finding.verify,
      finding.verified && finding.verified[1] && `: ${finding.verified[1]}`]],
    ["Severity", `${finding.severity}, ${finding.confidence} confidence`],
    ["Provider", check.vendor],
    ["Rule", el("code", {}, check.id)],
    commit && ["First commit", [el("code", {}, shortId(commit)), ` ${commit.date.slice(0, 10)}`,
      el("br"), commit.subject, el("br"), `${commit.author} <${commit.email}>`,
      el("br"), finding.gone ? "no longer in the checkout, still in the history" : "still there",
      finding.versions && `, in ${finding.versions} versions of the file`,
      " ", copier(commit.id, "Commit")]],
    finding.allowed !== undefined && ["Allowed", finding.allowed],
    ["Fingerprint", el("code", { class: "long" }, finding.fingerprint)],
    check.references.length > 0 && ["See", check.references.map((url) => el("div", {}, link(url)))],
  ];
  return el("div", { class: "facts" },
    el("dl", {}, entries.filter(Boolean).map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, value)))),
    el("p", {}, el("a", { href: address(finding), class: "anchor" }, "Link to this finding")));
}
