// Forms and links with `data-place`: the page that answers is put in place of this one, and nothing
// is loaded again. A form with `data-save` sends each change at once; what waits goes together.

/** @type {Set<string>} names of fields that were changed and not sent */
const changed = new Set();
let queue = Promise.resolve(), busy = 0;

const form = () => /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-place]"));
const say = (/** @type {string} */ text) => { const at = document.getElementById("said"); if (at) at.textContent = text; };

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
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (!answer.ok && !page.querySelector("form[data-place]")) {
    tell([...page.querySelectorAll("main h1, main .sub")].map((one) => one.textContent?.trim()).join(". "));
    return;
  }
  if (!page.querySelector("form[data-place]") || new URL(answer.url).pathname !== location.pathname) {
    location.assign(answer.url);
    return;
  }
  put(page);
  history.replaceState(null, "", answer.url.replace(/[?&]saved=1/, ""));
  say(said);
}

/** Put the main part of a page in place of this one's; the focus, the open parts and scrolling stay. */
function put(/** @type {Document} */ page) {
  const main = /** @type {HTMLElement} */ (document.querySelector("main")), focused = document.activeElement;
  const open = new Map([...main.querySelectorAll("details[id]")].map((one) => [one.id, /** @type {HTMLDetailsElement} */ (one).open]));
  const scrolled = [...main.querySelectorAll("[id], .scroll")].filter((one) => one.scrollTop || one.scrollLeft)
    .map((one) => /** @type {[string, number, number]} */ ([one.id, one.scrollTop, one.scrollLeft]));
  const typing = typed(), name = focused?.id || focused?.getAttribute("name") || "", value = focused instanceof HTMLInputElement ? focused.value : "";
  main.replaceChildren(.../** @type {HTMLElement} */ (page.querySelector("main")).childNodes);
  document.title = page.title;
  document.querySelector("header.top .steps")?.replaceWith(/** @type {Node} */ (page.querySelector("header.top .steps")));
  for (const [id, was] of open) { const one = /** @type {HTMLDetailsElement | null} */ (document.getElementById(id)); if (one) one.open = was || one.open; }
  for (const [id, top, left] of scrolled) document.getElementById(id)?.scrollTo(left, top);
  for (const [field, text] of typing) { const one = form()?.elements.namedItem(field); if (one) /** @type {any} */ (one).value = text; }
  const ask = main.querySelector(".ask button"), back = document.getElementById(name)
    ?? [...main.querySelectorAll("input")].find((one) => one.name === name && one.value === value);
  /** @type {HTMLElement | null} */ (ask ?? back ?? null)?.focus({ preventScroll: !ask });
  document.dispatchEvent(new Event("placed"));
}

/** Return what was typed and is not saved, by field. */
const typed = () => [...changed].map((name) => /** @type {[string, string]} */ ([name, /** @type {any} */ (form()?.elements.namedItem(name))?.value ?? ""]));

/** Show why something was not done, above the page. */
function tell(/** @type {string} */ sentence) {
  document.getElementById("wrong")?.remove();
  const note = Object.assign(document.createElement("div"), { id: "wrong", className: "banner bad" });
  note.setAttribute("role", "alert");
  note.append(Object.assign(document.createElement("p"), { textContent: sentence }));
  const retry = Object.assign(document.createElement("button"), { type: "button", className: "btn mini", textContent: changed.size ? "Try again" : "Load the page again" });
  retry.onclick = () => { note.remove(); if (changed.size) save(); else location.reload(); };
  note.append(retry);
  document.querySelector(".head")?.after(note);
  say("");
}

/** Return some fields of the form, with those that every change needs; all of a form without `data-save`. */
function only(/** @type {string[]} */ ...names) {
  const sender = /** @type {HTMLFormElement} */ (form()), sent = new FormData();
  for (const [name, value] of new FormData(sender)) {
    const one = sender.elements.namedItem(name), fixed = one instanceof HTMLInputElement && one.type === "hidden";
    if (fixed || names.includes(name) || !sender.hasAttribute("data-save")) sent.append(name, value);
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

document.addEventListener("change", (event) => {
  const one = /** @type {HTMLInputElement} */ (event.target);
  if (!one.form?.matches("[data-place]") || one.name === "mapping" || one instanceof HTMLTextAreaElement) return;
  document.getElementById("wrong")?.remove();
  changed.add(one.name);
  save();
});

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
    const sent = button && ["keep", "move"].includes(button.name) ? only(`target-${button.value}`) : new FormData(/** @type {HTMLFormElement} */ (form()));
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
  const typing = /** @type {HTMLElement} */ (event.target).matches("textarea, input:not([type=radio])");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing) { event.preventDefault(); document.getElementById("undo")?.click(); }
});

addEventListener("beforeunload", (event) => { if (changed.size || (busy && form()?.hasAttribute("data-save"))) event.preventDefault(); });
