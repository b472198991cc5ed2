// The list: a page of rows, opened and closed, walked with keys.

const PAGE_ROWS = 50;
let view = { kept: [], without: () => [] };
let page = 0;
const open = new Set();

const pages = () => Math.max(1, Math.ceil(view.kept.length / PAGE_ROWS));

function drawList() {
  page = Math.min(page, pages() - 1);
  const from = page * PAGE_ROWS;
  drawRows(view.kept.slice(from, from + PAGE_ROWS));
  drawPager();
  drawUnfold();
}

function drawRows(some) {
  const list = byId("list");
  list.replaceChildren(...some.map(row));
  list.setAttribute("start", String(page * PAGE_ROWS + 1));
  for (const finding of some) if (open.has(finding.index)) setOpen(finding.index, true);
  if (view.kept.length === 0) {
    list.append(el("li", { class: "empty" }, findings.length === 0
      ? "Nothing was found." : ["No finding passes these filters. ",
        button({ class: "link" }, reset, "Take them back")]));
  }
}

const rowOf = (index) => byId(`f${index}`)?.closest(".finding");

function setOpen(index, wanted) {
  const node = rowOf(index);
  if (!node) return;
  const to = wanted === undefined ? !open.has(index) : wanted;
  if (to) open.add(index); else open.delete(index);
  const body = node.querySelector(".detail");
  if (to && !body.firstChild) fill(body, {}, detail(findings[index]));
  body.hidden = !to;
  node.classList.toggle("open", to);
  node.querySelector(".head").setAttribute("aria-expanded", String(to));
  if (!asleep) drawUnfold();
}

const onPage = () => [...byId("list").querySelectorAll(".finding")].map((node) => Number(node.dataset.index));
const allOpen = () => onPage().every((index) => open.has(index));

function drawUnfold() {
  const node = byId("unfold");
  node.hidden = view.kept.length === 0;
  node.textContent = allOpen() ? "Close all" : "Open all";
}

function unfold() {
  const to = !allOpen();
  for (const index of onPage()) setOpen(index, to);
}

function turn(to, focus) {
  if (to < 0 || to >= pages()) return;
  page = to;
  drawList();
  announce();
  byId("findings").scrollIntoView();
  const heads = byId("list").querySelectorAll(".head");
  const head = focus === "last" ? heads[heads.length - 1] : heads[0];
  if (head) head.focus({ preventScroll: focus !== "last" });
}

function drawPager() {
  const last = pages() - 1;
  const near = [...new Set([0, page - 1, page, page + 1, last])].filter((n) => n >= 0 && n <= last);
  const step = (to, word) => button({ disabled: to < 0 || to > last }, () => turn(to), word);
  const numbers = near.map((n, at) => [
    at > 0 && n - near[at - 1] > 1 && el("span", { "aria-hidden": "true" }, "\u2026"),
    button({ "aria-current": n === page ? "page" : false, "aria-label": `Page ${n + 1}` },
      () => turn(n), String(n + 1)),
  ]);
  byId("pager").hidden = last === 0;
  redraw(byId("pager"), step(page - 1, "Previous"), numbers, step(page + 1, "Next"));
}

// What a screen reader hears after a change, and everybody reads above the list.
function announce() {
  const all = view.kept.length;
  const from = page * PAGE_ROWS + 1;
  const to = Math.min(all, from + PAGE_ROWS - 1);
  const total = state.status === "all" ? findings.length
    : findings.filter((finding) => finding.status === state.status).length;
  const noun = state.status === "allowed" ? "allowed finding" : "finding";
  const of = all === total ? plural(all, noun) : `${count(all)} of ${plural(total, noun)}`;
  byId("count").textContent = all > PAGE_ROWS && !asleep ? `${of}, ${count(from)} to ${count(to)} shown` : of;
}

// Moves the focus by rows, over the ends of a page.
function walk(by) {
  const heads = [...byId("list").querySelectorAll(".head")];
  const active = document.activeElement && document.activeElement.closest(".finding");
  const at = active ? heads.indexOf(active.querySelector(".head")) : -1;
  const to = at < 0 ? (by > 0 ? 0 : heads.length - 1) : at + by;
  if (to >= heads.length) return turn(page + 1);
  if (to < 0) return turn(page - 1, "last");
  heads[to].focus();
  heads[to].scrollIntoView({ block: "nearest" });
}

// On paper all findings that pass are shown, open; afterwards the page is as it was. So many that
// they would fill a thousand pages are shown as rows with their lines.
const MOST_WHOLE = 1000;
let asleep = null;
function wholeForPrint() {
  if (asleep) return;
  asleep = { page, open: new Set(open) };
  page = 0;
  drawRows(view.kept);
  const whole = view.kept.length <= MOST_WHOLE;
  for (const { index } of view.kept) setOpen(index, whole);
  announce();
}

function afterPrint() {
  if (!asleep) return;
  page = asleep.page;
  open.clear();
  for (const index of asleep.open) open.add(index);
  asleep = null;
  drawList();
  announce();
}
