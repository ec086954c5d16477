// The grid: rows and columns to correct. Each change is sent at once and the row judged again.
import { Refusal, ask, at, make, prose } from "./api.js";

/** @import { Column, Edit, Line, Saved, State } from "./api.js" */

const work = at("work"), box = at("box"), address = work.dataset.address;
/** @type {Record<string, string>} */
const LISTS = { "": "Rows to look at", wrong: "Must be corrected", all: "All rows", edited: "Changed", out: "Left out", ready: "Ready" };

/** What the server said last. @type {State} */
let state;
let show = new URLSearchParams(location.search).get("show") ?? "", find = at("find").value, sort = "", page = 1;
/** The cell with the focus and the other corner of the selection, counted from the first. */
let active = { row: 0, column: 0 }, corner = active;
/** @type {{input: HTMLInputElement, was: string} | null} */
let editing = null;
/** @type {Map<string, Edit>} changes that are not saved, by cell */
const unsaved = new Map();
/** What can be changed with one click. @type {HTMLElement[]} */
let offers = [];
/** Questions about cells that somebody else changed meanwhile. @type {Set<HTMLElement>} */
const clashes = new Set();
let queue = Promise.resolve();

const say = (/** @type {string} */ words, saved = false) => { at("said").textContent = words; at("said").classList.toggle("good-text", saved); };
const line = (row = active.row) => state?.lines[row];
const column = (position = active.column) => state?.columns[position];
const text = (/** @type {number} */ row, /** @type {number} */ position) => state.lines[row]?.cells[state.columns[position]?.at];
const cell = (row = active.row, position = active.column) => /** @type {HTMLElement | null} */ (box.querySelector(`[data-r="${row}"][data-c="${position}"]`));
const can = (/** @type {number} */ row, /** @type {number} */ position) => !state.lines[row].out && !state.columns[position].fixed && text(row, position) !== null;
const range = () => ({
  top: Math.min(active.row, corner.row), bottom: Math.max(active.row, corner.row),
  left: Math.min(active.column, corner.column), right: Math.max(active.column, corner.column),
});

/** Whether no row is shown but those that must be corrected. */
const onlyWrong = () => show === "wrong" || (show === "" && state.wrong > 0 && state.counts[""] === state.wrong);

// --- what is shown ---

async function load() {
  const query = new URLSearchParams({ show, find, sort, page: String(page) });
  work.setAttribute("aria-busy", "true");
  try {
    const found = await ask(`${address}/grid/rows?${query}`);
    if (page > found.pages) { page = found.pages; return await load(); }
    if (editing) stop(true); // typed while the rows were on their way
    state = found;
    active = corner = { row: 0, column: 0 };
    if (state.lines.length) {
      const wrong = wrongCells()[0];
      if (wrong) active = corner = wrong;
    }
    draw();
    box.scrollTo(0, 0);
    const first = cell();
    if (first) reveal(first);
  } catch (error) { fail(error); }
  work.removeAttribute("aria-busy");
}

function fail(/** @type {any} */ error) {
  if (error instanceof Refusal && error.see) location.replace(error.see);
  const words = error instanceof TypeError ? "The server does not answer." : error.message;
  const kept = unsaved.size ? " What you typed is kept here until it is saved." : "";
  if (!state) box.replaceChildren();
  if (error.undo) tell(banner(words + kept, { "Undo the last correction": undo }, true));
  else tell(banner(words + kept, { [unsaved.size ? "Try again" : "Show the newest"]: () => { tell(); sendAgain(); queue.then(load); } }, true));
}

/** Show these notes above the rows; questions stay until they are answered. */
const tell = (/** @type {HTMLElement[]} */ ...notes) => at("notes").replaceChildren(...clashes, ...notes);

const icon = (/** @type {string} */ name) => at(name).content.cloneNode(true);

/** Return a sentence with buttons. @param {Record<string, () => void>} [buttons] what each does, by its words */
function banner(/** @type {string | (string | Node)[]} */ words, buttons = {}, wrong = false) {
  const made = Object.entries(buttons).map(([name, act]) => {
    const one = make("button", { class: "btn mini", type: "button" }, name);
    one.onclick = act;
    return one;
  });
  return make("div", { class: `banner${wrong ? " warn" : ""}`, role: wrong && "alert" }, icon(wrong ? "alert" : "info"), make("p", {}, ...[words].flat()), ...made);
}

/** Ask which text stays where somebody else changed a cell; what was typed is kept until then. */
function clash(/** @type {Edit[]} */ edits, /** @type {number[]} */ leaveOut, /** @type {Refusal} */ error) {
  const lines = new Map(error.state?.lines.map((one) => [one.row, one]));
  const now = (/** @type {Edit} */ one) => lines.get(one.row)?.cells[state.columns.find((each) => each.letter === one.column)?.at ?? -1] ?? one.was;
  const other = edits.filter((one) => ![one.was, one.now].includes(now(one)));
  if (!other.length) return false;
  const [first] = other, single = other.length === 1;
  const answer = (/** @type {Edit[]} */ chosen) => () => {
    clashes.delete(note);
    for (const one of edits) unsaved.delete(`${one.row} ${one.column}`);
    tell();
    state.lines.forEach((one, row) => { if (lines.has(one.row)) redraw(row); });
    save(chosen, leaveOut);
    cell()?.focus();
  };
  const note = banner(error.message, {
    [single ? `Keep “${now(first)}”` : "Keep theirs"]: answer(edits.filter((one) => !other.includes(one))),
    [single ? `Use “${first.now}”` : "Use mine"]: answer(edits.map((one) => (other.includes(one) ? { ...one, was: now(one) } : one))),
  }, true);
  clashes.add(note);
  tell();
  say("");
  const row = state.lines.findIndex((one) => one.row === first.row), position = state.columns.findIndex((one) => one.letter === first.column);
  if (!editing && row >= 0 && position >= 0) active = corner = { row, column: position };
  merge(/** @type {Saved} */ (error.state));
  return true;
}

/** Show in the header how many rows a step still has, or that it is complete. */
function step(/** @type {string} */ name, /** @type {number} */ left) {
  document.querySelector(`[data-step=${name}] > *`)?.replaceChildren(...(left ? [`${name} `, make("span", { class: "count" }, left.toLocaleString("en"))]
    : [icon("tick"), name, make("span", { class: "hidden" }, " (complete)")]));
}

function summarize() {
  at("heading").textContent = state.heading;
  document.title = `${state.heading} – Alma patron loads`;
  at("sub").textContent = state.sub + (state.wrong ? " Rejected rows are not loaded." : " Comparing with Alma writes nothing.");
  at("plan").textContent = state.wrong ? `Compare with Alma, without ${state.wrong.toLocaleString("en")} ${state.wrong === 1 ? "row" : "rows"}` : "Compare with Alma";
  at("plan").classList.toggle("primary", !state.wrong);
  at("plan").form.elements.version.value = state.version;
  step("Mapping", 0);
  step("Grid", state.wrong);
  at("again").hidden = !state.partial;
  at("only").hidden = state.causes.some((one) => one.key === show);
  box.classList.toggle("calm", !state.lines.some((one) => one.told.length || one.out));
  at("only").setAttribute("aria-pressed", String(onlyWrong()));
  at("only").setAttribute("aria-disabled", String(!state.wrong && !onlyWrong()));
  at("undo").setAttribute("aria-disabled", String(!state.undoable));
  at("wrongs").textContent = state.wrong.toLocaleString("en");
  const entry = (/** @type {string} */ key, /** @type {string} */ title, /** @type {number} */ count, /** @type {string[]} */ columns = []) => {
    const button = make("button", { type: "button", "aria-pressed": String(key === show) },
      make("span", {}, title, ...(columns.length ? [make("small", {}, ` ${columns.slice(0, 2).join(", ")}`)] : [])),
      make("span", { class: "count" }, key && !count ? "" : count.toLocaleString("en")));
    button.onclick = () => choose(key);
    return make("li", {}, button);
  };
  const part = (/** @type {string} */ title, /** @type {Node[]} */ entries) => (entries.length ? [...(title ? [make("h2", {}, title)] : []), make("ul", {}, ...entries)] : []);
  const causes = (/** @type {boolean} */ holds) => state.causes.filter((one) => one.holds === holds).map((one) => entry(one.key, one.title, one.count, one.columns));
  const lists = (/** @type {string[]} */ ...keys) => keys.filter((key) => state.counts[key]).map((key) => entry(key, LISTS[key], state.counts[key]));
  const held = at("facets").contains(document.activeElement);
  at("facets").replaceChildren(...part("", [entry("", LISTS[""], state.counts[""] ?? 0)]), ...part("Must be corrected", causes(true)),
    ...part("Only a warning", causes(false)), ...part("Rows", lists("edited", "out", "ready", "all")));
  const stay = show === "all" ? 0 : state.lines.filter((one) => one.ready && one.edited.length && !one.told.length).length;
  at("shown").textContent = stay && show !== "ready" && show !== "edited" ? `${stay} corrected ${stay === 1 ? "row stays" : "rows stay"} listed for now`
    : `${state.found.toLocaleString("en")} of ${state.counts.all.toLocaleString("en")} rows`;
  at("next-wrong").hidden = !wrongCells().length && page >= state.pages;
  if (held) at("facets").querySelector("[aria-pressed=true]")?.focus();
}

function draw() {
  stop();
  summarize();
  const cause = state.causes.find((one) => one.key === show);
  tell(...(cause ? [banner([[...cause.told, ""].join(" "), ...prose(cause.advice)])] : []));
  suggest();
  at("tools").hidden = at("status").hidden = false;
  at("earlier").hidden = page <= 1;
  at("later").hidden = page >= state.pages;
  if (!state.lines.length) {
    const every = make("button", { class: "btn", type: "button" }, "Show all rows");
    every.onclick = () => { at("find").value = find = ""; choose("all"); };
    const words = find ? "No row is like this" : show && !state.counts[show] && !cause ? "No such row" : cause ? "This is about the whole roster" : "Nothing is wrong";
    box.replaceChildren(make("div", { class: "empty" }, make("h2", {}, words), make("p", { class: "row" }, every)));
    at("where").textContent = "";
    return;
  }
  const head = make("tr", { role: "row" }, make("th", { role: "columnheader", class: "rn", scope: "col" }, make("span", {}, "#"), "Patron"),
    make("th", { role: "columnheader", class: "why", scope: "col" }, "What is wrong"),
    ...state.columns.map((one) => make("th", { role: "columnheader", scope: "col", "aria-sort": sort === one.letter ? "ascending" : sort === `-${one.letter}` ? "descending" : null },
      sorter(one), make("small", {}, one.field || "not used"))));
  const body = make("tbody", {}, ...state.lines.map((_, row) => drawn(row)));
  box.replaceChildren(make("table", { class: "grid", role: "grid", "aria-label": "Rows of the roster", "aria-rowcount": state.found + 1, "aria-colcount": state.columns.length + 2 },
    make("thead", {}, head), body), ...state.columns.filter((one) => one.choices.length).map((one) =>
    make("datalist", { id: `words-${one.letter}` }, ...one.choices.map((word) => make("option", { value: word })))));
  mark(false);
}

/** Return the heading of a column, which sorts by it: up, down, then as in the roster. */
function sorter(/** @type {Column} */ { letter, heading }) {
  const sign = sort === letter ? " ↑" : sort === `-${letter}` ? " ↓" : "";
  const button = make("button", { class: "sort", type: "button", title: "Sort by this column" }, `${letter} ${heading}${sign}`);
  button.onclick = () => {
    sort = sort === letter ? `-${letter}` : sign ? "" : letter;
    page = 1;
    load().then(() => box.querySelectorAll(".sort")[state.columns.findIndex((one) => one.letter === letter)]?.focus());
  };
  return button;
}

/** Show what one click can change; the offer before ends, as its cells may be others now. */
function suggest(/** @type {HTMLElement[]} */ ...notes) {
  for (const one of offers) one.remove();
  offers = [...notes, ...(state.again.length ? [again()] : [])];
  at("notes").append(...offers);
}

/** Offer what was corrected in the last term, cell by cell. */
function again() {
  const cells = state.again, few = cells.length === 1;
  const note = banner(`In the last term ${few ? "this wrong cell was" : "these wrong cells were"} corrected so:`, {
    [few ? "Correct the cell" : `Correct the ${cells.length} cells`]: () => { save(cells.map((one) => one.edit)); queue.then(load); } });
  note.append(make("ul", { tabindex: "0", "aria-label": "Corrections of the last term" }, ...cells.map(({ edit, name, heading }) =>
    make("li", {}, make("span", { class: "soft" }, `Row ${edit.row}, `, make("bdi", {}, name), `, ${heading}: `), make("del", {}, edit.was), " → ", make("b", {}, edit.now || "blank")))));
  return note;
}

/** Return a row of the grid. */
function drawn(/** @type {number} */ row) {
  const { row: number, name, told, out, fate, cells, wrong, edited } = line(row);
  const why = make("td", { class: "why", role: "gridcell", id: `why-${row}` });
  const first = told[0], others = [...new Set(told.slice(1).map((one) => one.column || "the row"))];
  const theirs = state.columns.find(({ letter, at }) => { const mine = unsaved.get(`${number} ${letter}`); return mine && ![mine.was, mine.now].includes(cells[at] ?? mine.was); });
  if (theirs) why.append(make("span", { class: "warn-text" }, `${theirs.heading}: somebody else entered “${cells[theirs.at]}”.`));
  else if (first) {
    why.append(make("span", { title: told.map((one) => one.text).join(" ") },
      ...(first.column ? [make("b", { class: first.holds ? "warn-text" : null }, first.column + (/^(is|has) /.test(first.text) ? " " : ": "))] : []),
      first.text + (others.length ? ` Also: ${others.join(", ")}.` : "")));
  } else why.append(...(edited.length && line(row).ready ? [make("span", { class: "good-text" }, icon("tick"), " Correct now")] : [make("span", {}, fate)]));
  return make("tr", { role: "row", class: out ? "gone" : null, "aria-rowindex": (page - 1) * 100 + row + 2, "data-row": row },
    make("th", { scope: "row", role: "rowheader", class: "rn" }, make("span", {}, String(number)), name), why,
    ...state.columns.map((one, position) => {
      const found = wrong[one.letter] ?? [], holds = found.some((each) => each.holds), held = unsaved.get(`${number} ${one.letter}`);
      const shown = held ? held.now : cells[one.at];
      const words = out ? "" : shown === null ? "not shown" : shown || "blank";
      const classes = [holds ? "wrong" : found.length ? "hint" : "", edited.includes(one.letter) || held ? "edited" : "", held ? "unsaved" : ""].filter(Boolean).join(" ");
      return make("td", { role: "gridcell", tabindex: "-1", class: classes || null, "data-r": row, "data-c": position, "data-col": one.heading,
        "aria-invalid": holds && "true", "aria-describedby": found.length ? `why-${row}` : null, "aria-readonly": can(row, position) ? null : "true" },
      make("span", { class: shown ? null : "blank" }, words));
    }));
}

/** Mark the selection, and give its cell the focus if `focus`. */
function mark(focus = true) {
  for (const one of box.querySelectorAll("[aria-selected], td[tabindex='0']")) {
    one.removeAttribute("aria-selected");
    one.tabIndex = -1;
  }
  const { top, bottom, left, right } = range();
  if (top < bottom || left < right) {
    for (let row = top; row <= bottom; row++) for (let c = left; c <= right; c++) cell(row, c)?.setAttribute("aria-selected", "true");
  }
  const one = cell();
  if (!one) return;
  one.tabIndex = 0;
  at("where").textContent = `Row ${line().row}, ${column().heading || column().letter}`;
  at("take").hidden = !line().likely[column().letter];
  if (focus) { one.focus({ preventScroll: true }); reveal(one); note(); }
}

/** Scroll a cell into view, beside the columns and below the headings that stay. */
function reveal(/** @type {HTMLElement} */ one) {
  const rows = getComputedStyle(/** @type {Element} */ (one.closest("tr"))).display === "table-row", around = box.getBoundingClientRect();
  const stays = box.querySelector(matchMedia("(min-width: 75rem)").matches ? "tbody .why" : "tbody .rn").getBoundingClientRect();
  box.style.scrollPadding = rows ? `${box.querySelector("thead").offsetHeight}px 0 0 ${stays.right - around.left}px` : "";
  one.scrollIntoView({ block: "nearest", inline: one.getBoundingClientRect().right > around.right ? "start" : "nearest" });
}

/** Show, beside the cell, what is wrong with it and the likely value. */
function note() {
  document.querySelector(".pop")?.remove();
  const found = line()?.wrong[column().letter], shown = cell();
  if (!found || !shown) return;
  const likely = line().likely[column().letter], one = shown.getBoundingClientRect();
  const pop = make("div", { class: "pop", role: "group", "aria-label": "About this cell" },
    ...found.map((each) => make("p", {}, make("b", {}, each.text), ...prose(each.holds ? ` ${each.advice}` : ""))));
  if (likely && can(active.row, active.column)) {
    const take = make("button", { class: "btn mini primary", type: "button", tabindex: "-1" }, `Use “${likely}” in all equal cells `, make("kbd", {}, "Ctrl Enter"));
    take.onclick = takeLikely;
    pop.append(make("div", { class: "row" }, take));
  }
  for (const { fix } of found) if (fix) pop.append(make("p", {}, make("a", { href: `${address}/mapping`, tabindex: "-1" }, fix)));
  document.body.append(pop);
  pop.style.left = `${Math.max(8, Math.min(one.left, innerWidth - pop.offsetWidth - 8))}px`;
  pop.style.top = `${one.bottom + pop.offsetHeight + 8 > innerHeight ? Math.max(8, one.top - pop.offsetHeight - 4) : one.bottom + 4}px`;
}

function choose(/** @type {string} */ key) {
  show = key;
  page = 1;
  const query = key ? `?show=${key}` : location.pathname;
  history.replaceState(null, "", query);
  load();
}

// --- what is changed ---

/** Send changes of cells, or rows to leave out; the rows come back as they are judged now. */
function save(/** @type {Edit[]} */ edits, /** @type {number[]} */ leaveOut = []) {
  const changed = edits.filter((one) => one.alike || one.was !== one.now);
  if (!changed.length && !leaveOut.length) return;
  for (const one of changed) unsaved.set(`${one.row} ${one.column}`, one);
  say("Saving …");
  queue = queue.then(() => send(changed, leaveOut));
}

async function send(/** @type {Edit[]} */ edits, /** @type {number[]} */ leaveOut) {
  try {
    const found = await ask(`${address}/grid/cells`, { edits, leave_out: leaveOut });
    for (const one of edits) if (unsaved.get(`${one.row} ${one.column}`) === one) unsaved.delete(`${one.row} ${one.column}`);
    merge(found);
    const single = edits.length === 1 && !edits[0].alike && found.alike > 0 ? edits[0] : null;
    const rows = found.lines.map((/** @type {Line} */ one) => one.row).sort((/** @type {number} */ a, /** @type {number} */ b) => a - b), last = rows.pop();
    say(rows.length > 3 ? `${found.saved} cells saved` : rows.length ? `Rows ${rows.join(", ")} and ${last} saved` : `Row ${last} saved`, true);
    suggest(...(single ? [offer(single, found.alike)] : []));
  } catch (error) {
    say("Not saved");
    if (error instanceof Refusal && clash(edits, leaveOut, error)) return;
    if (error instanceof Refusal) for (const one of edits) unsaved.delete(`${one.row} ${one.column}`);
    if (error instanceof Refusal) await load();
    fail(error);
  }
}

function sendAgain() {
  const kept = [...unsaved.values()];
  unsaved.clear();
  if (kept.length) save(kept);
}

/** Offer the same change for the equal cells of the column. */
function offer(/** @type {Edit} */ edit, /** @type {number} */ count) {
  const more = () => { suggest(); save([{ ...edit, alike: true }]); cell()?.focus(); };
  return banner(`${count} other ${count === 1 ? "cell has" : "cells have"} “${edit.was}” as well.`, { [`Change ${count === 1 ? "the other one" : `the ${count} others`} too`]: more });
}

/** Take what the server said about some rows and about the roster. */
function merge(/** @type {Saved} */ found) {
  const fresh = new Map(found.lines.map((one) => [one.row, one]));
  Object.assign(state, { ...found, undoable: state.undoable || found.saved > 0, lines: state.lines.map((one) => fresh.get(one.row) ?? one) });
  state.lines.forEach((one, row) => { if (fresh.has(one.row) && !(editing && row === active.row)) redraw(row); });
  summarize();
  if (!editing) mark(box.contains(document.activeElement));
}

function redraw(/** @type {number} */ row) {
  const old = box.querySelector(`tr[data-row="${row}"]`), had = old?.contains(document.activeElement);
  old?.replaceWith(drawn(row));
  if (had) cell(active.row, active.column)?.focus({ preventScroll: true });
}

async function undo() {
  await queue;
  try {
    const found = await ask(`${address}/grid/undo`, {});
    say(found.undone ? `${found.undone === 1 ? "1 correction" : `${found.undone} corrections`} taken back` : "You corrected nothing that can be taken back");
    const was = active, hasFocus = box.contains(document.activeElement);
    await load();
    if (state?.lines[was.row] && state.columns[was.column]) active = corner = was;
    mark(hasFocus);
  } catch (error) { fail(error); }
}

const change = (/** @type {number} */ row, /** @type {number} */ position, /** @type {string} */ now) => ({ row: line(row).row, column: column(position).letter, was: text(row, position) ?? "", now });

function takeLikely() {
  const likely = line()?.likely[column().letter];
  if (likely) save([{ ...change(active.row, active.column, likely), alike: true }]);
  cell()?.focus();
}

/** Give every cell selected the text of its first row; a single cell, that of the cell above. */
function fill() {
  const { top, bottom, left, right } = range(), from = top === bottom ? top - 1 : top, edits = [];
  if (from < 0) return;
  for (let row = from + 1; row <= bottom; row++) for (let c = left; c <= right; c++) if (can(row, c) && can(from, c)) edits.push(change(row, c, text(from, c) ?? ""));
  save(edits);
}

function leaveOut() {
  const { top, bottom } = range(), rows = [];
  for (let row = top; row <= bottom; row++) if (line(row) && !line(row).out) rows.push(line(row).row);
  save([], rows);
}

// --- one cell ---

function edit(/** @type {string | undefined} */ start = undefined) {
  if (editing || !can(active.row, active.column)) return;
  const one = /** @type {HTMLElement} */ (cell()), was = text(active.row, active.column) ?? "", { letter, heading, choices } = column();
  const input = make("input", { "aria-label": `${heading || letter}, row ${line().row}`, autocomplete: "off", list: choices.length ? `words-${letter}` : null,
    "aria-describedby": line().wrong[letter] ? `why-${active.row}` : null });
  input.value = start ?? was;
  editing = { input, was };
  one.classList.add("editing");
  one.replaceChildren(input);
  input.focus();
  if (start === undefined) input.select();
  input.addEventListener("blur", () => stop(true));
}

/** End editing; the text is saved if `keep`. */
function stop(keep = false, alike = false) {
  if (!editing) return;
  const { input, was } = editing, row = active.row, now = input.value;
  editing = null;
  if (keep && (now !== was || alike)) save([{ ...change(row, active.column, now), alike }]);
  redraw(row);
}

function move(/** @type {number} */ down, /** @type {number} */ right, extend = false) {
  const next = { row: Math.max(0, Math.min(state.lines.length - 1, active.row + down)), column: Math.max(0, Math.min(state.columns.length - 1, active.column + right)) };
  active = next;
  if (!extend) corner = next;
  mark();
}

/** The wrong cells, row by row. */
function wrongCells() {
  return state.lines.flatMap((one, row) => state.columns.flatMap((each, position) =>
    (one.wrong[each.letter] ?? []).some((problem) => problem.holds) && !one.out ? [{ row, column: position }] : []));
}

function nextWrong(/** @type {boolean} */ back) {
  const found = wrongCells(), after = (/** @type {{row: number, column: number}} */ one) => one.row - active.row || one.column - active.column;
  const next = back ? found.reverse().find((one) => after(one) < 0) : found.find((one) => after(one) > 0);
  if (!next && !back && page < state.pages) turn(1);
  else if (next ?? found[0]) { active = corner = next ?? found[0]; mark(); }
}

function turn(/** @type {number} */ by) {
  page += by;
  load().then(() => mark());
}

/** @type {Record<string, [number, number]>} */
const KEYS = {
  ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1], PageDown: [15, 0], PageUp: [-15, 0], Home: [0, -1e9], End: [0, 1e9],
};

box.addEventListener("keydown", (/** @type {any} */ event) => {
  if (!state?.lines.length || !event.target.closest("td")) return;
  const { key } = event, control = event.ctrlKey || event.metaKey;
  const take = (/** @type {() => void} */ act) => { event.preventDefault(); act(); };
  if (editing) {
    if (key === "Enter") take(() => { stop(true, control); move(control ? 0 : 1, 0); });
    else if (key === "Tab") take(() => { stop(true); move(0, event.shiftKey ? -1 : 1); });
    else if (key === "Escape") take(() => { stop(); mark(); });
    return;
  }
  if (key in KEYS) {
    const [down, right] = KEYS[key], far = control ? 1e9 : 1;
    if (key === "PageDown" && active.row === state.lines.length - 1 && page < state.pages) take(() => turn(1));
    else if (key === "PageUp" && active.row === 0 && page > 1) take(() => turn(-1));
    else take(() => move(key === "Home" && control ? -1e9 : key === "End" && control ? 1e9 : down * far, right * far, event.shiftKey));
  } else if (key === "Enter" && control) take(takeLikely);
  else if (key === "Enter" || key === "F2") take(() => edit());
  else if (control && key.toLowerCase() === "d") take(fill);
  else if (key === "Delete" || key === "Backspace") take(() => block([[""]], true));
  else if (key === "Escape") take(() => document.querySelector(".pop")?.remove());
  else if (key.length === 1 && !control && !event.altKey) take(() => edit(key));
});

// F8 leads from elsewhere on the page to the active cell, which is the first wrong one; so does the link past the tools.
document.addEventListener("keydown", (/** @type {any} */ event) => {
  const undoes = (event.ctrlKey || event.metaKey) && event.key === "z" && !event.target.closest("input");
  if (editing || !state || !(undoes || event.key === "F8")) return;
  event.preventDefault();
  if (undoes) undo();
  else if (box.contains(document.activeElement)) nextWrong(event.shiftKey);
  else mark();
});
box.addEventListener("focus", () => { if (state) mark(); });

box.addEventListener("mousedown", (/** @type {any} */ event) => {
  const one = event.target.closest("td[data-c]");
  if (!one || event.target.closest("input")) return;
  event.preventDefault();
  if (editing) stop(true);
  const next = { row: Number(one.dataset.r), column: Number(one.dataset.c) }, same = next.row === active.row && next.column === active.column;
  active = next;
  if (!event.shiftKey) corner = next;
  mark();
  if (event.detail === 2 || (same && event.detail === 1 && matchMedia("(max-width: 40rem)").matches)) edit();
});

box.addEventListener("focusin", (/** @type {any} */ event) => { if (event.target.matches("td[data-c]")) note(); });
box.addEventListener("focusout", () => setTimeout(() => { if (!box.contains(document.activeElement) && !document.querySelector(".pop")?.contains(document.activeElement)) document.querySelector(".pop")?.remove(); }));
addEventListener("resize", () => { const one = state && cell(); if (one) reveal(one); });
box.addEventListener("scroll", () => document.querySelector(".pop")?.remove());

box.addEventListener("copy", (/** @type {any} */ event) => {
  if (editing || !state?.lines.length) return;
  const { top, bottom, left, right } = range(), rows = [];
  for (let row = top; row <= bottom; row++) {
    const cells = [];
    for (let c = left; c <= right; c++) cells.push((text(row, c) ?? "").replace(/[\t\r\n]+/g, " "));
    rows.push(cells.join("\t"));
  }
  event.clipboardData.setData("text/plain", rows.join("\n"));
  event.preventDefault();
});

box.addEventListener("paste", (/** @type {any} */ event) => {
  if (editing || !state?.lines.length) return;
  event.preventDefault();
  block(copied(event.clipboardData.getData("text/plain")));
});

/** Return the rows of a block as Excel copies it: a cell of several lines is in quotation marks. */
function copied(/** @type {string} */ text) {
  const rows = [[""]];
  for (const [, quoted, plain, end] of text.replace(/(\r\n?|\n)$/, "").matchAll(/(?:"((?:[^"]|"")*[\r\n](?:[^"]|"")*)"|([^\t\r\n]*))(\t|\r\n?|\n|$)/g)) {
    rows[rows.length - 1].splice(-1, 1, quoted?.replaceAll('""', '"') ?? plain);
    if (!end) break;
    if (end === "\t") rows[rows.length - 1].push("");
    else rows.push([""]);
  }
  return rows;
}

/** Write a block of texts from the first selected cell on; one text fills the whole selection. */
function block(/** @type {string[][]} */ texts, whole = texts.length === 1 && texts[0].length === 1) {
  const { top, bottom, left, right } = range(), edits = [];
  const down = whole ? bottom - top + 1 : texts.length, over = whole ? right - left + 1 : Math.max(...texts.map((one) => one.length));
  for (let r = 0; r < down; r++) {
    for (let c = 0; c < over; c++) {
      const now = whole ? texts[0][0] : texts[r][c];
      if (now !== undefined && line(top + r) && column(left + c) && can(top + r, left + c)) edits.push(change(top + r, left + c, now));
    }
  }
  save(edits);
  const cut = whole ? 0 : Math.max(0, top + down - state.lines.length);
  if (cut) fail(new Refusal(`${cut} ${cut === 1 ? "line" : "lines"} of the block did not fit below the last row that is shown, and were not pasted.`));
}

// --- the tools ---

at("only").onclick = () => { if (state.wrong || onlyWrong()) choose(onlyWrong() ? "all" : "wrong"); };
at("fill").onclick = () => { fill(); cell()?.focus(); };
at("out").onclick = () => { leaveOut(); cell()?.focus(); };
at("undo").onclick = undo;
at("again").onclick = () => ask(`${address}/grid/check`, {}).then(load, fail);
at("earlier").onclick = () => turn(-1);
at("later").onclick = () => turn(1);
let typing = 0;
at("find").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => { find = at("find").value; page = 1; load(); }, 250);
});
at("plan").form.addEventListener("submit", (/** @type {any} */ event) => {
  if (editing) stop(true);
  if (!unsaved.size) return;
  event.preventDefault();
  queue.then(() => {
    if (unsaved.size) {
      say(clashes.size ? "First choose which text stays" : "Not saved");
      at("notes").querySelector("button")?.focus();
    } else event.target.submit();
  });
});
window.addEventListener("beforeunload", (event) => { if (editing && editing.input.value !== editing.was) stop(true); if (unsaved.size) event.preventDefault(); });
const began = Date.now();
setInterval(() => { if (at("so-far")) at("so-far").textContent = `${Math.round((Date.now() - began) / 1000)} s so far`; }, 1000);
load();
