// Forms and links with `data-place`: the page that answers is put in place of this one, and nothing
// is loaded again. A form with `data-save` sends a change at once: each field, or all of the form.
// A page with `#progress` waits for something: it is asked for again until another is there.
import { at, make, unanswered } from "./api.js";

/** @type {Set<string>} names of fields that were changed and not sent */
const changed = new Set();
/** @type {Set<string>} names of fields in which somebody is still typing */
const typing = new Set();
let queue = Promise.resolve(), busy = 0, placing = false, mapping = ""; // the one that was chosen
const QUIET = 30000; // milliseconds between two announcements of progress to a screen reader

const form = () => /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-save]"));
const say = (/** @type {string} */ words) => { if (at("said")) at("said").textContent = words; };
const parsed = async (/** @type {Response} */ answer) => {
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const one of page.querySelectorAll("noscript")) one.remove();
  return page;
};

/** Send a request after those before it, and show the page that answers. */
function later(/** @type {() => [string, RequestInit] | null} */ request, said = "") {
  busy += 1;
  queue = queue.then(async () => {
    const names = [...changed], asked = request();
    if (asked) await show(...asked, said, names);
  }).finally(() => { busy -= 1; });
}

async function show(/** @type {string} */ address, /** @type {RequestInit} */ options, /** @type {string} */ said, /** @type {string[]} */ names) {
  const answer = await fetch(address, options).catch(() => null);
  if (!answer) {
    for (const name of names) changed.add(name);
    tell(`The server does not answer. ${names.length ? "Your last change is not saved yet." : ""}`);
    return;
  }
  const page = await parsed(answer), placed = page.querySelector("form[data-place]");
  if (!answer.ok && !placed) {
    const words = [...page.querySelectorAll("main h1, main p:not(.row)")].map((one) => one.textContent?.trim()).join(". ");
    tell(words || page.body.textContent?.trim() || "This page is not answered any more.");
    return;
  }
  if (answer.ok && (!placed || new URL(answer.url).pathname !== location.pathname)) {
    land(page, answer, answer.url);
    return;
  }
  put(page);
  if (answer.ok) history.replaceState(null, "", answer.url.replace(/[?&]saved=1/, ""));
  if (!document.querySelector(".ask")) say(said); // an open question says that itself
}

/** When a page that waits heard the server last, and a screen reader how far it is. */
let heard = 0, told = 0, timer = 0;

/** Ask each second how far this page is that waits for something, and show the page after it. */
async function wait() {
  const was = at("progress");
  if (!was) return;
  const answer = await fetch(location.href, { signal: AbortSignal.timeout(15000) }).catch(() => null), page = answer && await parsed(answer).catch(() => null);
  if (was !== at("progress")) return; // another page was put in its place
  if (!page) unanswered(heard);
  else if (at("silent")) location.reload(); // it was only asleep
  else if (page.title !== document.title) {
    const part = answer?.redirected ? at("running")?.dataset.part ?? "" : "";
    land(page, /** @type {Response} */ (answer), answer?.url + part);
    if (part) at(part.slice(1))?.scrollIntoView();
    return;
  } else {
    heard = Date.now();
    was.replaceChildren(.../** @type {HTMLElement} */ (page.getElementById("progress")).childNodes);
    if (heard - told > QUIET) { told = heard; say(page.getElementById("said")?.textContent ?? ""); }
  }
  timer = setTimeout(wait, 1000);
}

/** Begin to wait, if this page does. */
function begin() {
  heard = told = Date.now();
  clearTimeout(timer);
  timer = setTimeout(wait, 1000);
}

/** Put another page in place of this one; it is loaded if a script of it has run here, which it would not again. */
function land(/** @type {Document} */ page, /** @type {Response} */ answer, /** @type {string} */ there) {
  const scripts = [...page.querySelectorAll("head script")].map((one) => one.getAttribute("src")).filter((src) => !src?.endsWith("/place.js"));
  if (!answer.ok || scripts.some((src) => document.querySelector(`script[src="${src}"]`))) {
    location.replace(there);
    return;
  }
  put(page);
  history.replaceState(null, "", there);
  document.head.append(...scripts.map((src) => make("script", { type: "module", src })));
}

/** Put a page in place of this one. The focus, the open parts and scrolling stay, unless it has another title. */
function put(/** @type {Document} */ page) {
  const main = /** @type {HTMLElement} */ (document.querySelector("main")), focused = document.activeElement, fresh = page.title !== document.title;
  const open = new Map([...main.querySelectorAll("details[id]")].map((one) => [one.id, /** @type {HTMLDetailsElement} */ (one).open]));
  const scrolled = [...main.querySelectorAll("[id], .scroll")].filter((one) => one.scrollTop || one.scrollLeft)
    .map((one) => /** @type {[string, number, number]} */ ([one.id, one.scrollTop, one.scrollLeft]));
  const kept = typed(), name = focused?.id || focused?.getAttribute("name") || "", value = focused instanceof HTMLInputElement ? focused.value : "";
  const caret = text(focused) ? focused.selectionStart : null;
  placing = true; // the field with the focus is not left by the person
  const next = /** @type {HTMLElement} */ (page.querySelector("main")), header = document.querySelector("header.top");
  main.className = next.className;
  main.replaceChildren(...next.childNodes);
  if (!header?.contains(focused)) header?.replaceWith(/** @type {Node} */ (page.querySelector("header.top")));
  placing = false;
  document.title = page.title;
  for (const [id, was] of open) if (at(id)) at(id).open = was || at(id).open;
  for (const [id, top, left] of scrolled) at(id)?.scrollTo(left, top);
  for (const [field, was] of kept) { const one = form()?.elements.namedItem(field); if (one) /** @type {any} */ (one).value = was; }
  for (const one of /** @type {any} */ (main.querySelectorAll("[name=mapping]:enabled"))) one.checked ||= one.value === mapping;
  const heading = /** @type {HTMLElement | null} */ (fresh ? main.querySelector("form[autofocus]") ?? main.querySelector("h1") : null);
  if (heading?.matches("h1")) { // to be read from here on; it is no control
    heading.tabIndex = -1;
    heading.addEventListener("blur", () => heading.removeAttribute("tabindex"));
  }
  const ask = main.querySelector(".ask button"), back = at(name) ?? [...main.querySelectorAll("input")].find((one) => one.name === name && one.value === value);
  /** @type {HTMLElement | null} */ (ask ?? (heading || back) ?? null)?.focus({ preventScroll: !ask });
  if (caret !== null && text(back)) back.setSelectionRange(caret, caret);
  if (fresh) scrollTo(0, 0);
  begin();
}

/** @type {(one: any) => one is HTMLInputElement} whether this is a field with a caret */
const text = (one) => one instanceof HTMLInputElement && one.type === "text";

/** Return what was typed and is not saved, by field. */
const typed = () => [...changed, ...typing].map((name) => /** @type {[string, string]} */ ([name, /** @type {any} */ (form()?.elements.namedItem(name))?.value ?? ""]));

/** Show why something was not done, above the page. */
function tell(/** @type {string} */ sentence) {
  at("wrong")?.remove();
  const retry = make("button", { type: "button", class: "btn mini" }, changed.size ? "Try again" : "Load the page again");
  const note = make("div", { id: "wrong", class: "banner bad", role: "alert" }, make("p", {}, sentence), retry);
  retry.onclick = () => { note.remove(); if (changed.size) save(); else location.reload(); };
  document.querySelector(".head")?.after(note);
  say("");
}

/** Return some fields of the form, with those that every change needs; all if the form says so. */
function only(/** @type {string[]} */ ...names) {
  const sender = /** @type {HTMLFormElement} */ (form()), sent = new FormData();
  for (const [name, value] of new FormData(sender)) {
    const one = sender.elements.namedItem(name), fixed = one instanceof HTMLInputElement && one.type === "hidden";
    if (fixed || names.includes(name) || sender.dataset.save === "all") sent.append(name, value);
  }
  return sent;
}

/** Send the fields that were changed. */
function save() {
  say("Saving …");
  later(() => {
    if (!changed.size || !form()) return null;
    const sent = only(...changed);
    sent.append("do", "save");
    changed.clear();
    return ["", { method: "POST", body: new URLSearchParams(/** @type {any} */ (sent)) }];
  }, "Saved");
}

/** Return the field of an event, if its change is sent at once. */
function sendable(/** @type {Event} */ event) {
  const one = /** @type {any} */ (event.target), field = one instanceof HTMLSelectElement || one instanceof HTMLInputElement;
  return field && one.form?.matches("[data-save]") && one.name !== "mapping" ? one : null;
}

document.addEventListener("input", (event) => {
  const one = sendable(event);
  if (text(one)) typing.add(one.name);
});

/** Take a field as it is now as changed, and send it. */
function change(/** @type {Event} */ event) {
  const one = sendable(event), { name, value } = /** @type {any} */ (event.target);
  if (name === "mapping" && event.type === "change") mapping = value; // sent with the button
  if (!one || placing || (event.type !== "change" && !typing.has(one.name))) return;
  at("wrong")?.remove();
  typing.delete(one.name);
  changed.add(one.name);
  // the choice that was refused for want of the days on which terms end is sent again with them
  const chosen = one.closest("[data-way=terms]") ? one.form?.querySelectorAll("[value=term]:checked") : null;
  for (const choice of /** @type {HTMLInputElement[]} */ ([...(chosen ?? [])])) if (touched(choice)) changed.add(choice.name);
  save();
}

document.addEventListener("change", change);
document.addEventListener("focusout", change); // also of a text that was put back

/** Return whether a field is not as the server sent it. */
function touched(/** @type {Element} */ one) {
  if (one instanceof HTMLSelectElement) {
    const sent = [...one.options].reverse().find((each) => each.defaultSelected) ?? one.options[0];
    return sent !== one.selectedOptions[0];
  }
  if (!(one instanceof HTMLInputElement) || one.type === "hidden" || one.name === "mapping") return false;
  if (["radio", "checkbox"].includes(one.type)) return one.checked !== one.defaultChecked;
  const sent = Object.assign(document.createElement("input"), { type: one.type, value: one.defaultValue });
  return one.value !== sent.value;
}

/** Send what was chosen before this script was there. */
function start() {
  for (const one of /** @type {any} */ (form()?.elements ?? [])) {
    if (touched(one)) (text(one) && one === document.activeElement ? typing : changed).add(one.name);
  }
  if (changed.size) save();
}

/** Return whether a button leads to another page. */
const leaves = (/** @type {HTMLButtonElement | null} */ button) => ["next", "grid"].includes(button?.value ?? "");

document.addEventListener("submit", (event) => {
  const sender = /** @type {HTMLFormElement} */ (event.target), button = /** @type {HTMLButtonElement | null} */ (event.submitter);
  if (!sender.matches("[data-place]") || (leaves(button) && !busy)) return;
  event.preventDefault();
  if (leaves(button)) { // after what is being saved
    queue.then(() => /** @type {HTMLElement | null} */ (document.querySelector(`button[value=${button?.value}]`))?.click());
    return;
  }
  say("Saving …");
  later(() => {
    if (!sender.isConnected) return null; // sent already, by the first of two clicks
    const all = new FormData(sender.hasAttribute("data-save") ? /** @type {HTMLFormElement} */ (form()) : sender);
    const sent = button && ["keep", "move"].includes(button.name) ? only(`target-${button.value}`) : all;
    if (button?.name) sent.append(button.name, button.value);
    changed.clear();
    return [sender.getAttribute("action") ?? "", { method: "POST", body: new URLSearchParams(/** @type {any} */ (sent)) }];
  }, button?.value === "undo" ? "The last change is undone" : "Saved");
});

document.addEventListener("click", (event) => {
  const link = /** @type {HTMLElement} */ (event.target).closest("a[data-place]");
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  later(() => [link.href, {}]);
});

document.addEventListener("keydown", (event) => {
  const one = /** @type {HTMLInputElement} */ (event.target), written = one.matches("textarea, input:not([type=radio], [type=checkbox])");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !written) { event.preventDefault(); at("undo")?.click(); }
  if (event.key === "Enter" && one.matches("[data-save=each] input")) { event.preventDefault(); change(event); } // not the first button
});

addEventListener("beforeunload", (event) => { if (changed.size || typing.size || (busy && form()?.dataset.save === "each")) event.preventDefault(); });
start();
begin();
