// Building blocks. Nothing here, and nothing that uses it, makes markup of text.

const data = JSON.parse(document.getElementById("data").textContent);

const SEVERITIES = ["critical", "high", "medium", "low", "info"];
const CONFIDENCES = ["high", "medium", "low"];
const VERDICTS = {
  "live": "Live",
  "live-restricted": "Live, restricted",
  "unknown": "Not known",
  "revoked": "Revoked",
  "not-tried": "Not verified",
};

const byId = (id) => document.getElementById(id);

// Characters that are not seen, or that change how their neighbours are seen.
const UNSEEN = new RegExp(
  "[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f" +
  "\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0d\\ufeff\\uffa0\\ufff0-\\ufffc]" +
  "|[\\u{e0000}-\\u{e0fff}]",
  "gu",
);

const codePoint = (c) => "U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

// `text` fit for a title, a label or the clipboard: characters that are not seen are named.
const named = (text) => String(text).replace(UNSEEN, (c) => `[${codePoint(c)}]`);

// `text` as nodes; characters that are not seen are named and set apart.
function shown(text, lines) {
  const nodes = [];
  let from = 0;
  text = String(text);
  for (const match of text.matchAll(UNSEEN)) {
    if (lines && match[0] === "\n") continue;
    if (match.index > from) nodes.push(text.slice(from, match.index));
    const mark = document.createElement("span");
    mark.className = "unseen";
    mark.textContent = codePoint(match[0]);
    nodes.push(mark);
    from = match.index + match[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    node.setAttribute(name, value === true ? "" : named(value));
  }
  for (const child of children.flat(3)) {
    if (child === undefined || child === null || child === false) continue;
    node.append(...(child instanceof Node ? [child] : shown(child)));
  }
  return node;
}

const el = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

function button(attributes, act, ...children) {
  const node = el("button", { type: "button", ...attributes }, ...children);
  node.addEventListener("click", act);
  return node;
}

// A link where `url` is one of the web, else its text: a rule file may hold anything.
function link(url, text, attributes) {
  let target;
  try {
    target = new URL(url);
  } catch {
    return el("span", attributes, text || url);
  }
  if (target.protocol !== "https:" && target.protocol !== "http:") {
    return el("span", attributes, text ? `${text}: ${url}` : url);
  }
  const where = named(url).replace(/^https?:\/\//, "");
  return el(
    "a",
    { href: target.href, target: "_blank", rel: "noopener noreferrer", ...attributes },
    text ? [text, " ", el("span", { class: "where" }, where)] : where,
    el("span", { class: "out", "aria-hidden": "true" }, "\u2197"),
    el("span", { class: "sr" }, " (opens in a new tab)"),
  );
}

const count = (n) => n.toLocaleString("en");
const plural = (n, noun, many) => `${count(n)} ${n === 1 ? noun : many || noun + "s"}`;

// Replaces what is in `node`, and gives the focus back to what stands in its place.
function redraw(node, ...children) {
  const active = document.activeElement;
  const key = active && node.contains(active) ? active.dataset.key : undefined;
  node.replaceChildren();
  fill(node, {}, children);
  if (key !== undefined) {
    const again = [...node.querySelectorAll("[data-key]")].find((n) => n.dataset.key === key);
    if (again) again.focus({ preventScroll: true });
  }
}

// A button that copies `text`; what is not seen in it is named in the copy, too, but for lines.
function copier(text, label, lines) {
  const safe = lines ? text.split("\n").map(named).join("\n") : named(text);
  const state = el("span", { role: "status" });
  const node = button({ class: "copy", "aria-label": `Copy ${label}` }, async () => {
    const done = await copied(safe);
    word.textContent = done ? "Copied" : "Not copied";
    state.textContent = done ? `${label} copied` : "Copying is not allowed here";
    setTimeout(() => { word.textContent = "Copy"; state.textContent = ""; }, 1600);
  });
  const word = el("span", { "aria-hidden": "true" }, "Copy");
  state.className = "sr";
  node.append(word);
  return [node, state];
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = el("textarea", { class: "sr" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
